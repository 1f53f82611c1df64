/**
 * The cursor of a generated decoder: one method per scalar type.
 *
 * Methods check no bounds where they do not need to: past the end, bytes read as 0, and whoever reads a message, a
 * list or a map entry defers when the position is not exactly at its end afterwards. A length is checked at once.
 */
import { defer } from './deferral.js';
import { MAX_SHORT_TEXT_BYTES, shortAsciiText } from './short-text.js';
import { WIRE_32_BIT, WIRE_64_BIT, WIRE_LENGTH, WIRE_VARINT } from './wire-type.js';

/** As protobuf-es keeps them in `$unknown`. */
export interface UnknownField {
  readonly no: number;
  readonly wireType: number;
  readonly data: Uint8Array;
}

const SCRATCH = new DataView(new ArrayBuffer(8));
const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class WireReader {
  pos = 0;
  readonly #bytes: Uint8Array;
  readonly #buffer: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @returns An unsigned number; its wire type may be illegal. */
  tag(): number {
    const byte = this.#buffer[this.pos] as number;
    if (byte < 0x80) {
      this.pos++;
      return byte;
    }
    const start = this.pos;
    const tag = this.uint32();
    const length = this.pos - start;
    // "illegal tag: varint overflows uint32"
    return length > 5 || (length === 5 && (this.#buffer[this.pos - 1] as number) > 0x0f) ? defer() : tag;
  }

  /** @returns The end of what has its length here. */
  end(limit: number): number {
    const length = this.uint32();
    const end = this.pos + length;
    return end <= limit ? end : defer();
  }

  uint32(): number {
    const byte = this.#buffer[this.pos] as number;
    if (byte < 0x80) {
      this.pos++;
      return byte;
    }
    return this.#longVarint32() >>> 0;
  }

  int32(): number {
    const byte = this.#buffer[this.pos] as number;
    if (byte < 0x80) {
      this.pos++;
      return byte;
    }
    return this.#longVarint32();
  }

  sint32(): number {
    const zigzag = this.uint32();
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  bool(): boolean {
    const byte = this.#buffer[this.pos++] as number;
    return byte < 0x80 ? byte !== 0 : defer();
  }

  int64(): bigint {
    this.#varint64();
    return SCRATCH.getBigInt64(0, true);
  }

  uint64(): bigint {
    this.#varint64();
    return SCRATCH.getBigUint64(0, true);
  }

  sint64(): bigint {
    this.#varint64();
    const low = SCRATCH.getInt32(0, true);
    const high = SCRATCH.getInt32(4, true);
    const sign = -(low & 1);
    SCRATCH.setInt32(0, ((low >>> 1) | ((high & 1) << 31)) ^ sign, true);
    SCRATCH.setInt32(4, (high >>> 1) ^ sign, true);
    return SCRATCH.getBigInt64(0, true);
  }

  sfixed32(): number {
    const buffer = this.#buffer;
    const { pos } = this;
    this.pos = pos + 4;
    return (
      (buffer[pos] as number) |
      ((buffer[pos + 1] as number) << 8) |
      ((buffer[pos + 2] as number) << 16) |
      ((buffer[pos + 3] as number) << 24)
    );
  }

  fixed32(): number {
    return this.sfixed32() >>> 0;
  }

  float(): number {
    SCRATCH.setInt32(0, this.sfixed32(), true);
    return SCRATCH.getFloat32(0, true);
  }

  double(): number {
    this.#fixed64();
    return SCRATCH.getFloat64(0, true);
  }

  sfixed64(): bigint {
    this.#fixed64();
    return SCRATCH.getBigInt64(0, true);
  }

  fixed64(): bigint {
    this.#fixed64();
    return SCRATCH.getBigUint64(0, true);
  }

  /** @returns A view, of the type that the whole message has. */
  bytes(limit: number): Uint8Array {
    const end = this.end(limit);
    const start = this.pos;
    this.pos = end;
    return this.#bytes.subarray(start, end);
  }

  string(limit: number): string {
    const end = this.end(limit);
    const start = this.pos;
    this.pos = end;
    if (end - start <= MAX_SHORT_TEXT_BYTES) {
      const text = shortAsciiText(this.#buffer, start, end);
      if (text !== undefined) {
        return text;
      }
    }
    const text = this.#buffer.toString('utf8', start, end);
    // Buffer replaces what is not UTF-8 by U+FFFD; the sign itself is legal text.
    return text.includes('\ufffd') ? STRICT_UTF8.decode(this.#bytes.subarray(start, end)) : text;
  }

  /** @param known The numbers of the type's fields: one of them with another wire type is no unknown field. */
  unknownField(tag: number, known: ReadonlySet<number>, limit: number): UnknownField {
    const no = tag >>> 3;
    const wireType = tag & 7;
    if (no === 0 || known.has(no)) {
      defer();
    }
    const start = this.pos;
    this.#skip(wireType, limit);
    return { no, wireType, data: this.#bytes.subarray(start, this.pos) };
  }

  #skip(wireType: number, limit: number): void {
    switch (wireType) {
      case WIRE_VARINT:
        this.#varint64();
        break;
      case WIRE_64_BIT:
        this.pos += 8;
        break;
      case WIRE_LENGTH:
        this.pos = this.end(limit);
        break;
      case WIRE_32_BIT:
        this.pos += 4;
        break;
      default:
        // Groups, and what is no wire type.
        defer();
    }
  }

  /** Two to ten bytes: "negative int32 values are sign-extended", and the bits above 32 are dropped. */
  #longVarint32(): number {
    const buffer = this.#buffer;
    let { pos } = this;
    let byte = buffer[pos++] as number;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80 && shift < 70; shift += 7) {
      byte = buffer[pos++] as number;
      if (shift < 32) {
        value |= (byte & 0x7f) << shift;
      }
    }
    this.pos = pos;
    return byte >= 0x80 ? defer() : value;
  }

  /** To the eight bytes of `SCRATCH`. */
  #varint64(): void {
    const buffer = this.#buffer;
    let { pos } = this;
    let byte = buffer[pos++] as number;
    let low = byte & 0x7f;
    for (let shift = 7; byte >= 0x80 && shift < 28; shift += 7) {
      byte = buffer[pos++] as number;
      low |= (byte & 0x7f) << shift;
    }
    let high = 0;
    if (byte >= 0x80) {
      // The fifth byte has bits of both halves.
      byte = buffer[pos++] as number;
      low |= byte << 28;
      high = (byte & 0x7f) >> 4;
      for (let shift = 3; byte >= 0x80 && shift < 32; shift += 7) {
        byte = buffer[pos++] as number;
        high |= (byte & 0x7f) << shift;
      }
    }
    if (byte >= 0x80) {
      defer();
    }
    this.pos = pos;
    SCRATCH.setInt32(0, low, true);
    SCRATCH.setInt32(4, high, true);
  }

  #fixed64(): void {
    SCRATCH.setInt32(0, this.sfixed32(), true);
    SCRATCH.setInt32(4, this.sfixed32(), true);
  }
}
