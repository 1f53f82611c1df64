/**
 * A message source as an async iterator: one message off the wire for each `next()`.
 *
 * Written by hand because an async generator cannot be canceled while it waits: its `return()` queues
 * behind the pending `next()`, and the source would be held until the peer sends once more.
 */
import { type ConnectError } from '../rpc/connect-error.js';
import { type MessageSource } from '../rpc/message-flow.js';
import { Fifo } from './fifo.js';

interface PendingNext<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

/** Iterates over a source. `next()` may be called several times at once; the answers come in order. */
export class MessageIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: MessageSource<T>;
  readonly #pending = new Fifo<PendingNext<T>>();
  #isPulling = false;
  #isEnded = false;
  /** Why the source broke, until a `next()` has told it. */
  #error: ConnectError | undefined;

  constructor(source: MessageSource<T>) {
    this.#source = source;
    source.start({
      next: (message) => this.#deliver(message),
      complete: () => this.#end(),
      error: (error) => this.#fail(error),
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#isEnded) {
      return Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
      this.#pull();
    });
  }

  /** Gives the stream up at once, also while a `next()` waits: that one answers `done`. */
  return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#isEnded) {
      this.#end();
      this.#source.cancel();
    }
    this.#error = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  /** One message is on its way at a time, so that sources need not count. */
  #pull(): void {
    if (!this.#isPulling) {
      this.#isPulling = true;
      this.#source.pull();
    }
  }

  #deliver(message: T): void {
    this.#isPulling = false;
    this.#pending.shift()?.resolve({ done: false, value: message });
    if (this.#pending.size > 0) {
      this.#pull();
    }
  }

  #fail(error: ConnectError): void {
    const first = this.#pending.shift();
    if (first === undefined) {
      this.#error = error;
    } else {
      first.reject(error);
    }
    this.#end();
  }

  #end(): void {
    this.#isEnded = true;
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      next.resolve({ done: true, value: undefined });
    }
  }
}
