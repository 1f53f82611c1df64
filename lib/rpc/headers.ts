/**
 * Leading and trailing metadata of a call: one bag with one API for all three protocols.
 *
 * Not the `Headers` of fetch: that one joins repeated values, knows nothing of `-bin`, and costs a
 * fifth of a small HTTP/1.1 call.
 *
 * Spec: gRPC over HTTP/2, "Custom-Metadata"; Connect protocol, "Leading-Metadata".
 */
import { decodeBase64, encodeBase64 } from './base64.js';

/** Names and values by turns: `[name, value, name, value, …]`, names in lower case. */
export type HeaderList = readonly string[];

/** What can be given where headers are expected. A `Uint8Array` is allowed for names that end in `-bin` only. */
export type HeadersInit =
  | RpcHeaders
  | Iterable<readonly [string, string | Uint8Array]>
  | Readonly<Record<string, string | Uint8Array | readonly (string | Uint8Array)[] | undefined>>;

const NAME = /^[0-9a-z_.\-!#$%&'*+^`|~]+$/;
// Visible ASCII, space and tab are what RFC 9110 allows; bytes above 0x7F ("obs-text") come from real
// peers, and a handler that echoes one must not fail for it. Line breaks and NUL never pass.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Headers or trailers: names without regard to case, several values for a name, order kept.
 *
 * Binary values (names that end in `-bin`) are base64 on the wire and bytes in {@link getBinary} and
 * {@link setBinary}.
 */
export class RpcHeaders implements Iterable<[name: string, value: string]> {
  // One flat list: most calls carry a handful of headers, where a scan beats a Map, and none is made for it.
  readonly #pairs: string[];

  constructor(init?: HeadersInit) {
    this.#pairs = [];
    if (init !== undefined) {
      this.#addAll(init);
    }
  }

  /**
   * Takes over a list as it came from the wire: names may be in any case, values are not checked,
   * HTTP/2 pseudo-headers are left out.
   */
  static fromWire(pairs: HeaderList): RpcHeaders {
    const headers = new RpcHeaders();
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const name = pairs[i] as string;
      if (!name.startsWith(':')) {
        headers.#pairs.push(name.toLowerCase(), pairs[i + 1] as string);
      }
    }
    return headers;
  }

  /** Number of values (a name with two values counts twice). */
  get size(): number {
    return this.#pairs.length / 2;
  }

  /** @returns The value; repeated values joined by `", "`; `undefined` when there is none. */
  get(name: string): string | undefined {
    const values = this.getAll(name);
    return values.length < 2 ? values[0] : values.join(', ');
  }

  /** @returns Every value of the name, in order, as they stand on the wire. */
  getAll(name: string): string[] {
    const key = name.toLowerCase();
    const values: string[] = [];
    for (let i = 0; i < this.#pairs.length; i += 2) {
      if (this.#pairs[i] === key) {
        values.push(this.#pairs[i + 1] as string);
      }
    }
    return values;
  }

  /** @returns The first binary value of a `-bin` name; `undefined` when there is none, or it is not base64. */
  getBinary(name: string): Uint8Array | undefined {
    return this.getAllBinary(name)[0];
  }

  /**
   * @returns Every binary value of a `-bin` name, in order. Values that a proxy joined with commas are
   * split before they are decoded; what is not base64 is left out.
   */
  getAllBinary(name: string): Uint8Array[] {
    return this.getAll(name)
      .flatMap((value) => value.split(','))
      .map((value) => decodeBase64(value.trim()))
      .filter((value) => value !== undefined);
  }

  has(name: string): boolean {
    return this.getAll(name).length > 0;
  }

  /**
   * Replaces all values of the name.
   *
   * @throws TypeError When the name is not a header name, or the value has a line break, a control
   * character, or a character above U+00FF (send such text under a `-bin` name).
   */
  set(name: string, value: string | Uint8Array): this {
    const key = checkedName(name);
    const text = wireValue(key, value);
    this.delete(key).#pairs.push(key, text);
    return this;
  }

  /** Adds a value beside those that the name has. Throws as {@link set} does. */
  append(name: string, value: string | Uint8Array): this {
    const key = checkedName(name);
    this.#pairs.push(key, wireValue(key, value));
    return this;
  }

  /** {@link set} for bytes; the name must end in `-bin`. */
  setBinary(name: string, value: Uint8Array): this {
    return this.set(name, value);
  }

  /** {@link append} for bytes; the name must end in `-bin`. */
  appendBinary(name: string, value: Uint8Array): this {
    return this.append(name, value);
  }

  /** Removes all values of the name. */
  delete(name: string): this {
    const key = name.toLowerCase();
    for (let i = this.#pairs.length - 2; i >= 0; i -= 2) {
      if (this.#pairs[i] === key) {
        this.#pairs.splice(i, 2);
      }
    }
    return this;
  }

  /** Adds all of another bag's values to this one. */
  appendAll(other: RpcHeaders): this {
    // Not push(...pairs): a peer may send more of them than a call has arguments.
    for (const text of other.#pairs) {
      this.#pairs.push(text);
    }
    return this;
  }

  /** Name and value by turns, as {@link HeaderList}. Do not change it. */
  toList(): HeaderList {
    return this.#pairs;
  }

  /** Iterates over all names and values, repeated names included. */
  *[Symbol.iterator](): Generator<[name: string, value: string]> {
    for (let i = 0; i < this.#pairs.length; i += 2) {
      yield [this.#pairs[i] as string, this.#pairs[i + 1] as string];
    }
  }

  #addAll(init: HeadersInit): void {
    if (init instanceof RpcHeaders) {
      this.appendAll(init);
    } else if (Symbol.iterator in init) {
      for (const [name, value] of init) {
        this.append(name, value);
      }
    } else {
      for (const [name, values] of Object.entries(init)) {
        for (const value of valuesOf(values)) {
          this.append(name, value);
        }
      }
    }
  }
}

function valuesOf(
  value: string | Uint8Array | readonly (string | Uint8Array)[] | undefined,
): readonly (string | Uint8Array)[] {
  return value === undefined
    ? []
    : typeof value === 'string' || value instanceof Uint8Array
      ? [value]
      : value;
}

function checkedName(name: string): string {
  const key = name.toLowerCase();
  if (!NAME.test(key)) {
    throw new TypeError(`"${name}" is not a header name: use letters, digits, "-", "_" and "."`);
  }
  return key;
}

function wireValue(name: string, value: string | Uint8Array): string {
  return typeof value === 'string' ? checkedValue(name, value) : binaryValue(name, value);
}

function checkedValue(name: string, value: string): string {
  if (!VALUE.test(value)) {
    throw new TypeError(
      `the value of header "${name}" has characters that HTTP does not carry: ` +
        `send bytes or Unicode text under a name that ends in "-bin"`,
    );
  }
  return trimBlanks(value);
}

/** Not `trim()`: it also takes U+00A0, which as obs-text is the last byte of an "à" in UTF-8. */
function trimBlanks(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value[start])) {
    start++;
  }
  while (end > start && isBlank(value[end - 1])) {
    end--;
  }
  return value.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

function binaryValue(name: string, value: Uint8Array): string {
  if (!name.endsWith('-bin')) {
    throw new TypeError(`header "${name}" cannot carry bytes: its name must end in "-bin"`);
  }
  return encodeBase64(value);
}
