/**
 * Pulls an iterator while there is credit and hands its values on, one at a time.
 *
 *   run ──► credit? ──no──► wait for credit ──► run
 *            └─yes─► next() ──► value to the target ──► run
 *
 * The iterator always learns of its end: it finishes by itself, or `return()` is called, once.
 */
import { type CreditWaiter, type SendCredit } from './readiness.js';

/** Where the values go. */
export interface PumpTarget<T> {
  next(value: T): void;
  complete(): void;
  error(error: unknown): void;
}

/** What holds a pump back, and who hears of its last words. */
export interface PumpOptions {
  /** `undefined` when nothing holds it back. */
  readonly credit: SendCredit | undefined;
  /** Told of what `return()` throws or rejects with: the target has gone by then. */
  onLateError(error: unknown): void;
}

// A generator that never waits, behind an operator that lets nothing through, would hold the process for
// good: neither the sink's credit nor a promise lets a socket have its turn.
const VALUES_PER_TURN = 1024;

/** One run over an iterable. */
export class IterablePump<T> {
  readonly #target: PumpTarget<T>;
  readonly #options: PumpOptions;
  // One of the two, once it runs.
  #asyncIterator: AsyncIterator<T> | undefined;
  #iterator: Iterator<T> | undefined;
  #count = 0;
  /** A `next()` has not answered, or the pump waits for credit or its next turn. */
  #isBusy = false;
  #isInSyncNext = false;
  #isStopped = false;
  #waiter: CreditWaiter | undefined;

  constructor(target: PumpTarget<T>, options: PumpOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Starts pulling. Call it once. */
  run(iterable: AsyncIterable<T> | Iterable<T>): void {
    try {
      if (Symbol.asyncIterator in iterable) {
        this.#asyncIterator = iterable[Symbol.asyncIterator]();
      } else {
        this.#iterator = iterable[Symbol.iterator]();
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#pullAll();
  }

  /** Wants no more: the iterator's `return()` is called in this turn, also while a `next()` is pending. */
  stop(): void {
    if (this.#isStopped) {
      return;
    }
    this.#isStopped = true;
    this.#waiter?.cancel();
    // A running generator refuses return(); it is called when next() is back.
    if (!this.#isInSyncNext) {
      this.#return();
    }
  }

  #pullAll(): void {
    const { credit } = this.#options;
    while (!this.#isStopped && !this.#isBusy) {
      if (credit?.isOver === true) {
        this.stop();
      } else if (credit?.isReady === false) {
        this.#isBusy = true;
        this.#waiter = credit.whenReady(this.#resume);
      } else if (++this.#count % VALUES_PER_TURN === 0) {
        this.#isBusy = true;
        setImmediate(this.#resume);
      } else if (this.#asyncIterator !== undefined) {
        this.#pullAsync(this.#asyncIterator);
      } else if (this.#iterator !== undefined) {
        this.#pullSync(this.#iterator);
      }
    }
  }

  readonly #resume = (): void => {
    this.#isBusy = false;
    this.#pullAll();
  };

  #pullAsync(iterator: AsyncIterator<T>): void {
    this.#isBusy = true;
    try {
      // `resolve` also takes what a hand-written iterator may answer without a promise.
      Promise.resolve(iterator.next()).then(this.#receiveAsync, this.#fail);
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #receiveAsync = (result: IteratorResult<T>): void => {
    this.#isBusy = false;
    if (!this.#isStopped) {
      this.#receive(result);
      this.#pullAll();
    }
  };

  #pullSync(iterator: Iterator<T>): void {
    let result: IteratorResult<T>;
    this.#isInSyncNext = true;
    try {
      result = iterator.next();
    } catch (error) {
      this.#fail(error);
      return;
    } finally {
      this.#isInSyncNext = false;
    }
    if (this.#isStopped) {
      this.#return();
    } else {
      this.#receive(result);
    }
  }

  #receive(result: IteratorResult<T>): void {
    if (typeof result !== 'object' || result === null) {
      this.#fail(new TypeError(`the iterator's next() answered ${String(result)} instead of an object`));
    } else if (result.done === true) {
      this.#isStopped = true;
      this.#target.complete();
    } else {
      this.#target.next(result.value);
    }
  }

  readonly #fail = (error: unknown): void => {
    if (!this.#isStopped) {
      this.#isStopped = true;
      this.#target.error(error);
    }
  };

  #return(): void {
    try {
      this.#iterator?.return?.();
      this.#asyncIterator?.return?.().then(undefined, (error: unknown) => this.#options.onLateError(error));
    } catch (error) {
      this.#options.onLateError(error);
    }
  }
}
