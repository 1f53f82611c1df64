/**
 * Bytes as the network delivers them, to be taken out in other pieces.
 *
 * What lies in one chunk is handed out as a view of it; what spans chunks is copied once, when it is taken.
 * Small chunks are put together as they pile up: a peer that sends a byte at a time would otherwise cost a buffer
 * object for each byte, and hold the whole read buffer that each was cut from.
 */

/** Chunks below this size are put together, in bytes. */
const SMALL_CHUNK_BYTES = 1_024;

/** How many small chunks in a row are kept as they came. */
const MAX_SMALL_CHUNKS = 16;

export class ByteQueue {
  #chunks: Uint8Array[] = [];
  /** Where the first chunk's unread bytes begin. */
  #offset = 0;
  #byteLength = 0;
  /** Small chunks at the end of the list. */
  #smallChunks = 0;

  /** Bytes that wait. */
  get byteLength(): number {
    return this.#byteLength;
  }

  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) {
      return;
    }
    this.#chunks.push(chunk);
    this.#byteLength += chunk.byteLength;
    if (chunk.byteLength >= SMALL_CHUNK_BYTES) {
      this.#smallChunks = 0;
    } else if (++this.#smallChunks > MAX_SMALL_CHUNKS) {
      this.#mergeSmallChunks();
    }
  }

  /** @param count At most {@link byteLength}. @returns The oldest bytes, taken out; a view where that is possible. */
  take(count: number): Uint8Array {
    const first = this.#chunks[0];
    if (first === undefined || count === 0) {
      return EMPTY;
    }
    this.#byteLength -= count;
    const end = this.#offset + count;
    if (end > first.byteLength) {
      return this.#copyOut(count);
    }
    const view = first.subarray(this.#offset, end);
    this.#offset = end;
    if (end === first.byteLength) {
      this.#drop(1);
    }
    return view;
  }

  /** @returns The oldest byte, taken out. There must be one. */
  takeByte(): number {
    const first = this.#chunks[0] as Uint8Array;
    const byte = first[this.#offset] as number;
    this.#byteLength--;
    if (++this.#offset === first.byteLength) {
      this.#drop(1);
    }
    return byte;
  }

  clear(): void {
    this.#chunks = [];
    this.#offset = this.#byteLength = this.#smallChunks = 0;
  }

  #copyOut(count: number): Uint8Array {
    const copy = Buffer.allocUnsafe(count);
    let filled = 0;
    let used = 0;
    while (filled < count) {
      // The caller asks for no more than the chunks hold.
      const chunk = this.#chunks[used] as Uint8Array;
      const part = chunk.subarray(this.#offset, this.#offset + count - filled);
      copy.set(part, filled);
      filled += part.byteLength;
      this.#offset += part.byteLength;
      if (this.#offset === chunk.byteLength) {
        used++;
        this.#offset = 0;
      }
    }
    if (used > 0) {
      const offset = this.#offset;
      this.#drop(used);
      this.#offset = offset;
    }
    return copy;
  }

  #drop(count: number): void {
    if (count === this.#chunks.length) {
      // Nearly always: a chunk with one message in it.
      this.#chunks.length = 0;
    } else {
      this.#chunks.splice(0, count);
    }
    this.#offset = 0;
    this.#smallChunks = Math.min(this.#smallChunks, this.#chunks.length);
  }

  /** The first chunk may be one of them, and partly read. */
  #mergeSmallChunks(): void {
    const start = this.#chunks.length - this.#smallChunks;
    const small = this.#chunks.splice(start);
    if (start === 0) {
      small[0] = (small[0] as Uint8Array).subarray(this.#offset);
      this.#offset = 0;
    }
    const merged = Buffer.concat(small);
    this.#chunks.push(merged);
    this.#smallChunks = merged.byteLength < SMALL_CHUNK_BYTES ? 1 : 0;
  }
}

const EMPTY = new Uint8Array(0);
