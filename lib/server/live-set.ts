/**
 * Things that come and go, and the moment when none is left: what a drain waits for.
 */
import { timerWheel, WheelTimer } from '../rpc/timer-wheel.js';

export class LiveSet<T> implements Iterable<T> {
  readonly #items = new Set<T>();
  #waiting: (() => void)[] = [];

  get size(): number {
    return this.#items.size;
  }

  add(item: T): void {
    this.#items.add(item);
  }

  delete(item: T): void {
    this.#items.delete(item);
    if (this.#items.size === 0 && this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      waiting.forEach((resolve) => resolve());
    }
  }

  /**
   * @param timeoutMs `Infinity` to wait without end.
   * @returns A promise that settles when nothing is left, or when the time is over.
   */
  whenEmpty(timeoutMs: number): Promise<void> {
    if (this.size === 0) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = new WheelTimer(resolve);
      timerWheel.start(timer, timeoutMs);
      this.#waiting.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Items that are added or deleted meanwhile do no harm. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }
}
