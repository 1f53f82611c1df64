/**
 * A first-in, first-out queue that stays fast when it grows long.
 *
 * `Array.shift` moves every remaining element once the array is large; here the head is an index, and the
 * room in front of it is given back in one move when it is more than half of the array.
 */

const COMPACT_FROM = 1024;

/** A queue of objects. */
export class Fifo<T extends object> {
  #items: (T | undefined)[] = [];
  #head = 0;

  /** Number of elements that wait. */
  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** @returns The oldest element, taken out; `undefined` when there is none. */
  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) {
      return undefined;
    }
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.clear();
    } else if (this.#head >= COMPACT_FROM && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
