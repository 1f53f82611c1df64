/**
 * What a handler returns, as the one response message of a call.
 *
 * The common case, a value or a promise, meets no RxJS. An Observable answers with its first value, as
 * `firstValueFrom` would and Nest's gRPC does.
 */
import { isObservable, type Observable, type Subscription, take } from 'rxjs';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type SingleReplyCall } from '../rpc/server-call.js';
import { describeResult, isIterable, isPromiseLike } from './handler-result.js';

/** Turns what a handler threw into what its caller may see. Must not throw. */
export type ToError = (error: unknown) => ConnectError;

/**
 * Answers with what a handler returned: a message, an Observable of it, or a promise of either.
 *
 * A message is sent before this returns. Takes the call's one `onCancel` when there is something to end,
 * that is, for Observables. An iterable, and an Observable that completes without a value, fail the call
 * with `internal`.
 *
 * @param toError Also given what an Observable throws when nobody can be told any more, so that it can be logged.
 * @param onExtraValue Told once when an Observable emits a second value in one step with the first, which is a mistake
 * of the handler.
 */
export function sendSingle(
  result: unknown,
  call: SingleReplyCall<unknown>,
  toError: ToError,
  onExtraValue: () => void,
): void {
  if (isPromiseLike(result)) {
    Promise.resolve(result).then(
      (resolved) => answer(resolved, call, toError, onExtraValue),
      (error: unknown) => call.fail(toError(error)),
    );
  } else {
    answer(result, call, toError, onExtraValue);
  }
}

function answer(
  result: unknown,
  call: SingleReplyCall<unknown>,
  toError: ToError,
  onExtraValue: () => void,
): void {
  if (typeof result !== 'object' || result === null) {
    // The codec refuses what does not fit the type.
    call.succeed(result);
  } else if (isObservable(result)) {
    new FirstValueReply(call, toError, onExtraValue).start(result);
  } else if (isIterable(result)) {
    call.fail(notSingle(call.spec.path, result));
  } else {
    call.succeed(result);
  }
}

class FirstValueReply {
  readonly #call: SingleReplyCall<unknown>;
  readonly #toError: ToError;
  readonly #onExtraValue: () => void;
  #hasAnswered = false;
  /** Answered, failed, or canceled. */
  #isOver = false;
  #subscription: Subscription | undefined;

  constructor(call: SingleReplyCall<unknown>, toError: ToError, onExtraValue: () => void) {
    this.#call = call;
    this.#toError = toError;
    this.#onExtraValue = onExtraValue;
  }

  start(source: Observable<unknown>): void {
    this.#call.onCancel(() => this.#close());
    if (this.#isOver) {
      return;
    }
    // Two, not one: a source that ends behind its value completes, and one that emits in its own loop shows a mistake.
    const atMost = take<unknown>(2);
    try {
      this.#subscription = atMost(source).subscribe({
        next: (message) => this.#next(message),
        error: (error: unknown) => this.#fail(error),
        complete: () => this.#complete(),
      });
    } catch (error) {
      this.#fail(error);
    }
    if (this.#isOver) {
      this.#unsubscribe();
    }
  }

  #next(message: unknown): void {
    if (this.#hasAnswered) {
      this.#onExtraValue();
    } else if (!this.#isOver) {
      this.#hasAnswered = true;
      this.#isOver = true;
      this.#call.succeed(message);
      // Later than this step: to interceptors a source that completes behind its value is one that completed, and one
      // that is unsubscribed is a call that was canceled.
      queueMicrotask(() => this.#unsubscribe());
    }
  }

  #complete(): void {
    if (this.#isOver) {
      // Ends it from here also when it has ended by itself: a teardown that throws then throws to us.
      this.#unsubscribe();
    } else {
      this.#close();
      this.#call.fail(withoutValue(this.#call.spec.path));
    }
  }

  /** After the answer nobody can be told, but it is a mistake worth a line in the log. */
  #fail(error: unknown): void {
    const mapped = this.#toError(error);
    if (!this.#isOver) {
      this.#close();
      this.#call.fail(mapped);
    }
  }

  #close(): void {
    this.#isOver = true;
    this.#unsubscribe();
  }

  #unsubscribe(): void {
    try {
      this.#subscription?.unsubscribe();
    } catch (error) {
      this.#toError(error);
    }
  }
}

function withoutValue(path: string): ConnectError {
  return new ConnectError(
    `${path} answers with one message, but its handler returned an Observable that completed without a value`,
    { code: Code.Internal },
  );
}

function notSingle(path: string, result: object): ConnectError {
  return new ConnectError(
    `${path} answers with one message, but its handler returned ${describeResult(result)}. ` +
      'Return the message, a promise of it, or an Observable',
    { code: Code.Internal },
  );
}
