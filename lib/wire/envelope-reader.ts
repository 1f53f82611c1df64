/**
 * Chunks as the network cuts them, to envelopes as the peer wrote them.
 *
 * Pulled, not pushed: nothing is cut out before it is asked for, and memory grows with what has arrived, never
 * with what a prefix promises.
 */
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { ByteQueue } from './byte-queue.js';
import { ENVELOPE_PREFIX_BYTES, FLAG_COMPRESSED } from './envelope.js';

export class EnvelopeReader {
  /** Flags of the envelope that {@link read} returned last. */
  flags = 0;

  readonly #bytes = new ByteQueue();
  /** Payload length of the envelope whose prefix was read; -1 before. */
  #length = -1;

  /** @param limitBytes Largest payload; the prefix of a larger one is refused. */
  constructor(private readonly limitBytes: number) {}

  /** True in the middle of an envelope: its first byte has come, its last one has not been read. */
  get isMidEnvelope(): boolean {
    return this.#bytes.byteLength > 0 || this.#length !== -1;
  }

  push(chunk: Uint8Array): void {
    this.#bytes.push(chunk);
  }

  /**
   * Takes the next envelope out, and sets {@link flags}.
   *
   * @returns Its payload; `undefined` while it is not complete.
   * @throws ConnectError `resource_exhausted` when its prefix announces more than the limit.
   */
  read(): Uint8Array | undefined {
    if (this.#length === -1) {
      if (this.#bytes.byteLength < ENVELOPE_PREFIX_BYTES) {
        return undefined;
      }
      this.#readPrefix();
    }
    if (this.#bytes.byteLength < this.#length) {
      return undefined;
    }
    const payload = this.#bytes.take(this.#length);
    this.#length = -1;
    return payload;
  }

  /** Forgets everything that was not read. */
  clear(): void {
    this.#bytes.clear();
    this.#length = -1;
  }

  #readPrefix(): void {
    // Byte by byte: a view of five bytes costs more than they do.
    const bytes = this.#bytes;
    this.flags = bytes.takeByte();
    const length =
      bytes.takeByte() * 2 ** 24 + ((bytes.takeByte() << 16) | (bytes.takeByte() << 8) | bytes.takeByte());
    if (length > maxPayloadBytes(this.limitBytes, this.flags)) {
      throw messageTooLarge(length, this.limitBytes);
    }
    this.#length = length;
  }
}

/**
 * The limit counts decompressed bytes. Data that does not compress grows a little when it is compressed all
 * the same, and must not fail for it.
 */
export function maxPayloadBytes(limitBytes: number, flags: number): number {
  return (flags & FLAG_COMPRESSED) === 0 ? limitBytes : limitBytes + limitBytes / 256 + 256;
}

/** @param bytes Size of the message; `undefined` when only the excess is known. */
export function messageTooLarge(bytes: number | undefined, limitBytes: number): ConnectError {
  const size = bytes === undefined ? 'message' : `message of ${bytes} bytes`;
  return new ConnectError(`${size} is larger than the limit of ${limitBytes} bytes`, {
    code: Code.ResourceExhausted,
  });
}

/** @param what The body that ended too early. */
export function truncated(what: 'request' | 'response'): ConnectError {
  return new ConnectError(`the ${what} ends in the middle of a message`, { code: Code.Internal });
}
