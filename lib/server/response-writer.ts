/**
 * Writes a response's body: what is written in one tick leaves as one write, and a large piece leaves in
 * slices.
 *
 * Slices, because Node tells when a write has gone out but not how far it is: a peer that reads a large
 * message slowly must not look like one that does not read at all (see idle-monitor.ts). And what node:http2
 * has not sent yet counts against the memory of the session, which refuses streams beyond 10 MB.
 */

/** Where the bytes go: an Http2Stream or a ServerResponse. */
export interface ResponseSink {
  write(chunk: Uint8Array, callback?: () => void): boolean;
  end(chunk?: Uint8Array): unknown;
  cork(): void;
  uncork(): void;
  readonly writableLength: number;
}

/** The largest piece that is handed to the sink, in bytes. */
export const SLICE_BYTES = 65_536;

/** Who waits for a writer. */
export interface DrainListener {
  /** The slices have gone out, after a {@link ResponseWriter.write} that returned false. */
  sinkDrained(): void;
}

export class ResponseWriter {
  /** Bytes given to {@link write} and {@link end}. */
  writtenBytes = 0;

  #isCorked = false;
  #isEnding = false;
  #isSlicing = false;
  #queuedBytes = 0;
  /** What waits behind the slice that is under way. */
  readonly #queue: Uint8Array[] = [];

  constructor(
    private readonly sink: ResponseSink,
    private readonly listener: DrainListener,
  ) {}

  /** True while the sink's own `drain` event means nothing: it fires after every slice. */
  get isSlicing(): boolean {
    return this.#isSlicing;
  }

  get bufferedBytes(): number {
    return this.sink.writableLength + this.#queuedBytes;
  }

  /** @returns False when the caller should wait for the drain. */
  write(bytes: Uint8Array): boolean {
    this.writtenBytes += bytes.length;
    if (this.#isSlicing || bytes.length > SLICE_BYTES) {
      this.#enqueue(bytes);
      return false;
    }
    this.cork();
    return this.sink.write(bytes);
  }

  end(bytes?: Uint8Array): void {
    this.writtenBytes += bytes?.length ?? 0;
    this.#isEnding = true;
    if (this.#isSlicing || (bytes !== undefined && bytes.length > SLICE_BYTES)) {
      this.#enqueue(bytes ?? new Uint8Array(0));
    } else {
      this.sink.end(bytes);
    }
  }

  /** Holds what is written back until the end of this tick. */
  cork(): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.sink.cork();
      process.nextTick(uncork, this);
    }
  }

  uncork(): void {
    this.#isCorked = false;
    this.sink.uncork();
  }

  #enqueue(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (!this.#isSlicing) {
      this.#isSlicing = true;
      this.#sendSlice();
    }
  }

  #sendSlice(): void {
    const piece = this.#takeSlice();
    if (piece === undefined) {
      this.#isSlicing = false;
      this.listener.sinkDrained();
    } else if (this.#isEnding && this.#queuedBytes === 0) {
      this.sink.end(piece);
    } else {
      this.sink.write(piece, () => this.#sendSlice());
    }
  }

  #takeSlice(): Uint8Array | undefined {
    const [first] = this.#queue;
    if (first === undefined) {
      return undefined;
    }
    const slice = first.subarray(0, SLICE_BYTES);
    if (slice.length === first.length) {
      this.#queue.shift();
    } else {
      this.#queue[0] = first.subarray(SLICE_BYTES);
    }
    this.#queuedBytes -= slice.length;
    return slice;
  }
}

// A function with an argument, and not a closure, for each tick.
function uncork(writer: ResponseWriter): void {
  writer.uncork();
}
