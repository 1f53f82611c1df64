/**
 * One direction of an exchange without a socket: what is put in at one end comes out at the other, in order, in a later
 * turn of the event loop, and only while the reader wants it.
 *
 * What waits is bounded as on HTTP/2, by a window: beyond it the writer is told to pause, and nothing is lost.
 */
import { AsyncResource } from 'node:async_hooks';
import { Fifo } from '../stream/fifo.js';

// Taken before a test replaces it: with faked timers a call must still be answered.
const nextTurn = setImmediate;

/** No AsyncLocalStorage goes through a socket: what a test runs in must not be what its handlers run in. */
const outside = new AsyncResource('nestjs-connect/testing');

/** Bytes that may wait for the reader: the initial window of an HTTP/2 stream. (RFC 9113, section 6.9.2) */
const WINDOW_BYTES = 65_535;

interface Entry {
  readonly bytes: number;
  deliver(): void;
}

export class Pipe {
  readonly #entries = new Fifo<Entry>();
  #waitingBytes = 0;
  #isPaused = false;
  #isScheduled = false;
  #isBlocked = false;

  /** @param onDrain Told when the reader has taken what waited, after a {@link put} that returned false. */
  constructor(private readonly onDrain: () => void) {}

  /** Bytes that the reader has not taken. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * @param bytes How much of the window it takes.
   * @param deliver What the reader is told.
   * @returns False when the writer should wait for the drain.
   */
  put(bytes: number, deliver: () => void): boolean {
    this.#entries.push({ bytes, deliver });
    this.#waitingBytes += bytes;
    this.#schedule();
    this.#isBlocked ||= this.#waitingBytes > WINDOW_BYTES;
    return !this.#isBlocked;
  }

  /** The reader wants nothing for now. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  /** Forgets what waits: the exchange is over. */
  clear(): void {
    this.#entries.clear();
    this.#waitingBytes = 0;
  }

  #schedule(): void {
    if (!this.#isScheduled && !this.#isPaused && this.#entries.size > 0) {
      this.#isScheduled = true;
      nextTurn(() => outside.runInAsyncScope(() => this.#deliver()));
    }
  }

  /** One entry a turn, as a network gives both sides time between two packets. */
  #deliver(): void {
    this.#isScheduled = false;
    if (this.#isPaused) {
      return;
    }
    const entry = this.#entries.shift();
    if (entry === undefined) {
      return;
    }
    this.#waitingBytes -= entry.bytes;
    entry.deliver();
    if (this.#isBlocked && this.#waitingBytes === 0) {
      this.#isBlocked = false;
      this.onDrain();
    }
    this.#schedule();
  }
}
