/**
 * Keeps what callers have in AsyncLocalStorage where it belongs.
 *
 * Node's resources remember the context in which they were made, and what they report runs in it: a connection must not
 * keep that of the call that opened it, nor a call that had to wait run in that of the call it waited for.
 */
import { AsyncResource } from 'node:async_hooks';

const OUTSIDE = new AsyncResource('nestjs-connect.connections');

/** Runs a function in the context of no call. */
export function outsideCalls<T>(run: () => T): T {
  return OUTSIDE.runInAsyncScope(run);
}

/** Remembers the context of a call, to go on in it later. */
export class CallContext {
  readonly #resource = new AsyncResource('nestjs-connect.call');

  run<T>(run: () => T): T {
    return this.#resource.runInAsyncScope(run);
  }
}
