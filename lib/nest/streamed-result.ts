/**
 * Generators through Nest's interceptors.
 *
 * An interceptor hands on what a handler returns as one value, iterators too. So a generator becomes an
 * Observable before any interceptor sees it, and is pulled by the credit of the call it belongs to.
 */
import { isObservable } from 'rxjs';
import { creditedObservable } from '../stream/credited-observable.js';
import { isIterable, isPromiseLike } from '../stream/handler-result.js';
import { type SendCredit } from '../stream/readiness.js';

type Handler = (this: unknown, ...args: unknown[]) => unknown;

/** @param contextIndex Where the handler's arguments have the call's context. */
export function withCredit(handler: Handler, contextIndex: number): Handler {
  return function (this: unknown, ...args: unknown[]): unknown {
    const result = handler.apply(this, args);
    const context = args[contextIndex] as { readonly credit?: SendCredit } | undefined;
    // Without a context it is a test that calls the method itself, and expects what the method returns.
    return context?.credit === undefined ? result : toStream(result, context.credit);
  };
}

function toStream(result: unknown, credit: SendCredit): unknown {
  if (isPromiseLike(result)) {
    return result.then((resolved) => toStream(resolved, credit));
  }
  return isIterable(result) && !isObservable(result) ? creditedObservable(result, credit) : result;
}
