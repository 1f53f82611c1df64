/**
 * Paces the resets that a client sends on one connection.
 *
 * Servers that know of "rapid reset" (CVE-2023-44487) end a connection, with all its calls, when a client resets too much:
 * Node's allows 1,000 at once and 33 a second. This side stays below, whoever cancels how much.
 */
import { ConnectionTimer } from './connection-timer.js';

const BURST = 800;
const PER_SECOND = 30;
const MS_PER_RESET = 1_000 / PER_SECOND;

/** What is reset, now or later. */
export interface PacedReset {
  sendReset(): void;
}

export class ResetPacer<T extends PacedReset> {
  readonly #waiting = new Set<T>();
  readonly #timer = new ConnectionTimer(() => this.#sendNext());
  #tokens = BURST;
  #countedAt = 0;

  /** Number of resets that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** @returns False when the reset has to wait. */
  request(stream: T): boolean {
    if (this.#waiting.size === 0 && this.#take()) {
      stream.sendReset();
      return true;
    }
    this.#waiting.add(stream);
    this.#arm();
    return false;
  }

  /** The stream has ended by itself. */
  forget(stream: T): void {
    this.#waiting.delete(stream);
  }

  stop(): void {
    this.#timer.stop();
    this.#waiting.clear();
  }

  #take(): boolean {
    const now = performance.now();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#countedAt) / MS_PER_RESET);
    this.#countedAt = now;
    if (this.#tokens < 1) {
      return false;
    }
    this.#tokens--;
    return true;
  }

  #arm(): void {
    if (!this.#timer.isRunning && this.#waiting.size > 0) {
      this.#timer.start(MS_PER_RESET);
    }
  }

  #sendNext(): void {
    const [stream] = this.#waiting;
    if (stream !== undefined && this.#take()) {
      this.#waiting.delete(stream);
      stream.sendReset();
    }
    this.#arm();
  }
}
