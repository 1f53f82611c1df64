/**
 * The cursor of a generated encoder. It writes from the end to the front: the length of a message is known when it is
 * its turn, so that nothing is measured first and nothing moved afterwards.
 *
 * Methods take what they write from the application, and so check its type; what does not fit is left to protobuf-es.
 */
import { defer } from './deferral.js';
import { type UnknownField } from './wire-reader.js';
import { tagOf } from './wire-type.js';

const INITIAL_SLAB_BYTES = 16 * 1024;
/** A larger slab is not kept for the next message. */
const MAX_KEPT_SLAB_BYTES = 1024 * 1024;
/** Beyond this length calls into the engine are faster than a loop over characters. */
const MAX_LOOPED_LENGTH = 48;

const MAX_VARINT32_BYTES = 5;
const MAX_VARINT64_BYTES = 10;

const SCRATCH = new DataView(new ArrayBuffer(8));

export class BackwardWriter {
  #slab = Buffer.allocUnsafeSlow(INITIAL_SLAB_BYTES);
  /** Of the first byte that is written. */
  #pos = INITIAL_SLAB_BYTES;

  /** How many bytes are written; a difference of two is the length of what was written between them. */
  get size(): number {
    return this.#slab.length - this.#pos;
  }

  /** @returns A copy of what is written, after a gap of `headroomBytes`. */
  finish(headroomBytes: number): Buffer {
    const message = Buffer.allocUnsafe(headroomBytes + this.size);
    this.#slab.copy(message, headroomBytes, this.#pos);
    return message;
  }

  /** Forgets what is written. */
  reset(): void {
    if (this.#slab.length > MAX_KEPT_SLAB_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(INITIAL_SLAB_BYTES);
    }
    this.#pos = this.#slab.length;
  }

  tag(tag: number): void {
    this.#varint32(tag);
  }

  /** Ends what began when `size` was `sizeBefore`: here it gets its length, and the tag in front of it. */
  prefix(sizeBefore: number, tag: number): void {
    this.#varint32(this.size - sizeBefore);
    this.#varint32(tag);
  }

  bool(value: unknown): void {
    if (typeof value !== 'boolean') {
      defer();
    }
    this.#varint32(value ? 1 : 0);
  }

  uint32(value: unknown): void {
    this.#varint32(unsigned(value));
  }

  int32(value: unknown): void {
    const number = signed(value);
    if (number >= 0) {
      this.#varint32(number);
    } else {
      // "Negative int32 values are sign-extended": ten bytes.
      this.#varint64(number, -1);
    }
  }

  sint32(value: unknown): void {
    const number = signed(value);
    this.#varint32(((number << 1) ^ (number >> 31)) >>> 0);
  }

  int64(value: unknown): void {
    loadSigned(value);
    this.#varint64(SCRATCH.getInt32(0, true), SCRATCH.getInt32(4, true));
  }

  uint64(value: unknown): void {
    loadUnsigned(value);
    this.#varint64(SCRATCH.getInt32(0, true), SCRATCH.getInt32(4, true));
  }

  sint64(value: unknown): void {
    loadSigned(value);
    const low = SCRATCH.getInt32(0, true);
    const high = SCRATCH.getInt32(4, true);
    const sign = high >> 31;
    this.#varint64((low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
  }

  fixed32(value: unknown): void {
    this.#fixed32(unsigned(value));
  }

  sfixed32(value: unknown): void {
    this.#fixed32(signed(value));
  }

  fixed64(value: unknown): void {
    loadUnsigned(value);
    this.#fixed64();
  }

  sfixed64(value: unknown): void {
    loadSigned(value);
    this.#fixed64();
  }

  float(value: unknown): void {
    if (typeof value !== 'number' || (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))) {
      defer();
    }
    SCRATCH.setFloat32(0, value, true);
    this.#fixed32(SCRATCH.getInt32(0, true));
  }

  double(value: unknown): void {
    if (typeof value !== 'number') {
      defer();
    }
    SCRATCH.setFloat64(0, value, true);
    this.#fixed64();
  }

  bytes(value: unknown): void {
    if (!(value instanceof Uint8Array)) {
      defer();
    }
    this.#raw(value);
    this.#varint32(value.length);
  }

  string(value: unknown): void {
    if (typeof value !== 'string') {
      defer();
    }
    if (value.length <= MAX_LOOPED_LENGTH && this.#asciiString(value)) {
      return;
    }
    const length = Buffer.byteLength(value, 'utf8');
    this.#reserve(length);
    this.#pos -= length;
    // ASCII is the same bytes in Latin-1, which the engine copies.
    this.#slab.write(value, this.#pos, length, length === value.length ? 'latin1' : 'utf8');
    this.#varint32(length);
  }

  /** @param fields What `$unknown` of a message is. */
  unknownFields(fields: unknown): void {
    if (!Array.isArray(fields)) {
      defer();
    }
    for (let i = fields.length; --i >= 0;) {
      const { no, wireType, data } = fields[i] as UnknownField;
      if (!(data instanceof Uint8Array)) {
        defer();
      }
      this.#raw(data);
      this.#varint32(tagOf(no, wireType));
    }
  }

  /** @returns Whether it was ASCII; nothing is written otherwise. */
  #asciiString(text: string): boolean {
    const { length } = text;
    this.#reserve(length + 1);
    const slab = this.#slab;
    let pos = this.#pos;
    for (let i = length; --i >= 0;) {
      const character = text.charCodeAt(i);
      if (character >= 0x80) {
        return false;
      }
      slab[--pos] = character;
    }
    slab[--pos] = length;
    this.#pos = pos;
    return true;
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#pos -= bytes.length;
    this.#slab.set(bytes, this.#pos);
  }

  /** @param value An unsigned number. */
  #varint32(value: number): void {
    this.#reserve(MAX_VARINT32_BYTES);
    const slab = this.#slab;
    if (value < 0x80) {
      slab[--this.#pos] = value;
      return;
    }
    let pos = this.#pos;
    pos -= value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
    this.#pos = pos;
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) {
      slab[pos++] = (rest & 0x7f) | 0x80;
    }
    slab[pos] = rest;
  }

  #varint64(low: number, high: number): void {
    if (high === 0) {
      this.#varint32(low >>> 0);
      return;
    }
    this.#reserve(MAX_VARINT64_BYTES);
    const slab = this.#slab;
    // The four lowest groups of seven bits, the one with bits of both halves, then the rest of the upper half.
    let rest = high >>> 3;
    let pos = this.#pos - 5;
    for (let bits = rest; bits > 0; bits >>>= 7) {
      pos--;
    }
    this.#pos = pos;
    slab[pos++] = low | 0x80;
    slab[pos++] = (low >>> 7) | 0x80;
    slab[pos++] = (low >>> 14) | 0x80;
    slab[pos++] = (low >>> 21) | 0x80;
    slab[pos++] = (((low >>> 28) | (high << 4)) & 0x7f) | (rest > 0 ? 0x80 : 0);
    for (; rest > 0; rest >>>= 7) {
      slab[pos++] = (rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0);
    }
  }

  #fixed32(value: number): void {
    this.#reserve(4);
    const slab = this.#slab;
    const pos = (this.#pos -= 4);
    slab[pos] = value;
    slab[pos + 1] = value >>> 8;
    slab[pos + 2] = value >>> 16;
    slab[pos + 3] = value >>> 24;
  }

  #fixed64(): void {
    this.#fixed32(SCRATCH.getInt32(4, true));
    this.#fixed32(SCRATCH.getInt32(0, true));
  }

  #reserve(bytes: number): void {
    if (this.#pos < bytes) {
      this.#grow(bytes);
    }
  }

  /** Doubles the slab until there is room in front, and moves what is written to its end. */
  #grow(bytes: number): void {
    const { size } = this;
    let slabBytes = this.#slab.length * 2;
    while (slabBytes < size + bytes) {
      slabBytes *= 2;
    }
    const slab = Buffer.allocUnsafeSlow(slabBytes);
    this.#slab.copy(slab, slabBytes - size, this.#pos);
    this.#slab = slab;
    this.#pos = slabBytes - size;
  }
}

/** @returns The same number; -0 is 0 as integer. */
function signed(value: unknown): number {
  return typeof value === 'number' && value === (value | 0) ? value | 0 : defer();
}

function unsigned(value: unknown): number {
  return typeof value === 'number' && value === value >>> 0 ? value >>> 0 : defer();
}

/** 64-bit integers: bigints, or text (`jstype = JS_STRING`). protobuf-es takes both for any such field. */
export function toBigInt(value: unknown): bigint {
  return typeof value === 'bigint' ? value : typeof value === 'string' ? BigInt(value) : defer();
}

/** To the eight bytes of `SCRATCH`. */
function loadSigned(value: unknown): void {
  const integer = toBigInt(value);
  SCRATCH.setBigInt64(0, integer, true);
  if (SCRATCH.getBigInt64(0, true) !== integer) {
    defer();
  }
}

/** To the eight bytes of `SCRATCH`. */
function loadUnsigned(value: unknown): void {
  const integer = toBigInt(value);
  SCRATCH.setBigUint64(0, integer, true);
  if (SCRATCH.getBigUint64(0, true) !== integer) {
    defer();
  }
}
