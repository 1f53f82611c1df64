/**
 * A set of what comes and goes with every call, linked through its members.
 *
 * Not a `Set`: that one is copied again and again while members come and go, and V8 keeps what was in the old copies,
 * with all that hangs on it, until the next collection of old garbage. A call over HTTP/1.1 took 1.4 times as long with it
 * (docs/performance.md). Here nothing points to a member that has left, and it points to nobody.
 */

/** What can be in one set at a time: it carries the links. */
export interface Linked<T> {
  /** @internal The set's own. */
  next: T | undefined;
  /** @internal The set's own. */
  previous: T | undefined;
}

export class LinkedSet<T extends Linked<T>> implements Iterable<T> {
  #first: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param member In no set. */
  add(member: T): void {
    const second = this.#first;
    member.next = second;
    if (second !== undefined) {
      second.previous = member;
    }
    this.#first = member;
    this.#size++;
  }

  /** @param member In this set. */
  delete(member: T): void {
    const { next, previous } = member;
    if (previous === undefined) {
      this.#first = next;
    } else {
      previous.next = next;
    }
    if (next !== undefined) {
      next.previous = previous;
    }
    member.next = member.previous = undefined;
    this.#size--;
  }

  /** Members as they are now: those that leave or come meanwhile change nothing. */
  [Symbol.iterator](): Iterator<T> {
    const members: T[] = [];
    for (let member = this.#first; member !== undefined; member = member.next) {
      members.push(member);
    }
    return members.values();
  }
}
