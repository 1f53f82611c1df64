/**
 * What every call of a client is, whatever its protocol: one object that listens to its exchange, keeps its deadline,
 * and tells its caller how it ended, once.
 *
 *   begun ──► under way ──► over       answered, failed, canceled, or out of time: nothing is sent or told any more
 *
 * Every error is marked as one from the wire: a handler that lets it escape does not leak what an upstream said.
 */
import { type CallStart, type ClientCall, type SingleReply } from '../rpc/client-call.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../rpc/headers.js';
import { type EncodedMessage, type MessageSource } from '../rpc/message-flow.js';
import { type MethodSpec } from '../rpc/method-spec.js';
import { timerWheel, WheelTimer } from '../rpc/timer-wheel.js';
import { type AbortListener, listenToAbort, stopListeningToAbort } from './abort-listeners.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from './client-exchange.js';
import { type ClientMethod } from './client-protocol.js';

/** How a response ended, as its protocol says it. */
export interface Outcome {
  /** `undefined` for success. */
  readonly error: ConnectError | undefined;
  /** Without what is the protocol's own; `undefined` when there are none. */
  readonly trailers: RpcHeaders | undefined;
}

export abstract class OutgoingCall implements ClientCall, ClientExchangeListener, AbortListener {
  isReady = true;
  protected exchange: ClientExchange | undefined;
  /** Nothing is sent or told any more. */
  protected isOver = false;

  #isRequestComplete = false;
  /** What is not sent yet will not be. */
  #hasStoppedRequests = false;
  #deadline: number | undefined;
  #timer: WheelTimer | undefined;
  #cancelListener: (() => void) | undefined;
  #readyListener: (() => void) | undefined;

  constructor(
    private readonly http: HttpClient,
    protected readonly method: ClientMethod,
    protected readonly start: CallStart,
    private readonly reply: SingleReply | undefined,
  ) {}

  abstract send(message: unknown): void;
  abstract encode(message: unknown): EncodedMessage;
  abstract onHeaders(status: number, headers: HeaderList): void;
  abstract onData(chunk: Uint8Array): void;
  abstract onEnd(trailers: HeaderList): void;
  abstract onAbort(reason: ConnectError): void;

  /** Tells the consumer of a stream of replies, where there is one. */
  protected abstract failReplies(error: ConnectError): void;

  get spec(): MethodSpec {
    return this.method.spec;
  }

  get hasDeadline(): boolean {
    return this.#deadline !== undefined;
  }

  get isIdempotent(): boolean {
    return this.spec.hasNoSideEffects;
  }

  get replies(): MessageSource<unknown> {
    throw new TypeError(`${this.spec.path} answers with one message and has no stream of replies`);
  }

  write(message: EncodedMessage): void {
    if (!this.isOver && !this.#isRequestComplete && this.exchange !== undefined) {
      this.isReady = this.exchange.write(message);
    }
  }

  complete(): void {
    if (!this.isOver && !this.#isRequestComplete) {
      this.#isRequestComplete = true;
      this.exchange?.end();
    }
  }

  /** The requests cannot go on: the call is canceled, and its caller gets this error. */
  fail(error: ConnectError): void {
    this.cancel(error);
  }

  cancel(reason: ConnectError): void {
    this.settleError(reason);
  }

  onReady(listener: () => void): void {
    this.#readyListener = listener;
  }

  onCancel(listener: () => void): void {
    if (this.#hasStoppedRequests) {
      listener();
    } else {
      this.#cancelListener = listener;
    }
  }

  onDrain(): void {
    this.isReady = true;
    this.#readyListener?.();
  }

  /** The caller's signal aborts. */
  handleEvent(): void {
    const { signal } = this.start;
    if (signal !== undefined) {
      this.settleError(canceledBy(signal));
    }
  }

  /**
   * Starts the clock and listens to the caller's signal.
   *
   * @returns False when the call is over before it has begun.
   */
  protected begin(): boolean {
    const { timeoutMs, signal } = this.start;
    if (signal !== undefined) {
      if (signal.aborted) {
        this.settleError(canceledBy(signal));
        return false;
      }
      listenToAbort(signal, this);
    }
    if (timeoutMs !== undefined) {
      this.#deadline = performance.now() + timeoutMs;
      if (timeoutMs <= 0) {
        this.settleError(this.#deadlineExceeded());
        return false;
      }
      this.#timer = new WheelTimer(() => this.settleError(this.#deadlineExceeded()));
      timerWheel.start(this.#timer, timeoutMs);
    }
    return true;
  }

  /** Sends a head that messages follow. */
  protected openRequest(head: RequestHead): void {
    this.exchange = this.http.open(head, this);
  }

  /** Sends the whole request. */
  protected sendRequest(head: RequestHead, body: Uint8Array | undefined): void {
    this.#isRequestComplete = true;
    this.exchange = this.http.send(head, body, this);
  }

  /** Somebody wants to see the trailers of a success. */
  protected get wantsTrailers(): boolean {
    return this.start.onTrailers !== undefined;
  }

  /** Tells the caller of the response's headers. */
  protected tellHeaders(headers: RpcHeaders): void {
    this.#callBack(this.start.onHeaders, headers);
  }

  protected get wantsHeaders(): boolean {
    return this.start.onHeaders !== undefined;
  }

  /** The exchange broke: an own deadline that has passed is the reason, whatever the peer's reset says. */
  protected brokenBy(reason: ConnectError): ConnectError {
    return this.#deadline !== undefined && performance.now() >= this.#deadline
      ? this.#deadlineExceeded()
      : reason;
  }

  /**
   * The response is complete, or broken: nobody reads requests any more, and who produces them hears of it now. A caller
   * that wants to send everything before it looks at the replies would wait for ever otherwise.
   */
  protected stopRequests(): void {
    if (!this.#isRequestComplete) {
      this.#isRequestComplete = true;
      this.exchange?.reset();
    }
    this.#tellNoMoreRequests();
  }

  /** Ends the call with its reply, when there is one for the call and not a stream. */
  protected settle({ error, trailers }: Outcome, message: unknown): void {
    if (this.isOver) {
      return;
    }
    if (this.start.onTrailers !== undefined && (trailers !== undefined || error === undefined)) {
      this.#callBack(this.start.onTrailers, trailers ?? new RpcHeaders());
    }
    if (error !== undefined) {
      this.settleError(error);
    } else if (!this.isOver) {
      this.#finish();
      this.reply?.succeed(message);
    }
  }

  /** Ends the call with an error. Does nothing once it is over. */
  protected settleError(error: ConnectError): void {
    if (this.isOver) {
      return;
    }
    const fromWire = asFromWire(error);
    this.#finish();
    this.reply?.fail(fromWire);
    this.failReplies(fromWire);
  }

  /** Releases everything. A server that answered before the request was complete need not read the rest. */
  #finish(): void {
    this.isOver = true;
    this.#timer?.cancel();
    if (this.start.signal !== undefined) {
      stopListeningToAbort(this.start.signal, this);
    }
    // Safe after a complete response, and needed in every other case.
    this.exchange?.reset();
    this.#tellNoMoreRequests();
  }

  #tellNoMoreRequests(): void {
    this.#hasStoppedRequests = true;
    const listener = this.#cancelListener;
    this.#cancelListener = this.#readyListener = undefined;
    listener?.();
  }

  /** A caller's function that throws ends the call: nobody else could be told. */
  #callBack(callback: ((headers: RpcHeaders) => void) | undefined, headers: RpcHeaders): void {
    if (this.isOver) {
      return;
    }
    const fail = (cause: unknown): void => this.settleError(callbackThrew(cause));
    try {
      watchRejection(callback?.(headers), fail);
    } catch (cause) {
      fail(cause);
    }
  }

  #deadlineExceeded(): ConnectError {
    return deadlineExceeded(this.start.timeoutMs, this.exchange?.lastFailure);
  }
}

/** @param cause What kept the request from its server, where that is known. */
export function deadlineExceeded(timeoutMs: number | undefined, cause?: ConnectError): ConnectError {
  const why = cause === undefined ? '' : `: ${cause.rawMessage}`;
  return new ConnectError(`the call did not end within its timeout of ${timeoutMs} ms${why}`, {
    code: Code.DeadlineExceeded,
    cause,
  });
}

/** The caller's `onHeaders` or `onTrailers` threw. */
export function callbackThrew(cause: unknown): ConnectError {
  return new ConnectError(`onHeaders or onTrailers threw: ${String(cause)}`, { code: Code.Canceled, cause });
}

/** The caller's function may be async, as far as the compiler sees: its rejection would end the process. */
export function watchRejection(result: unknown, onRejected: (cause: unknown) => void): void {
  if (result instanceof Promise) {
    result.catch(onRejected);
  }
}

/** What the caller's signal means: `AbortSignal.timeout()` is a deadline, and so is that of an incoming call. */
export function canceledBy({ reason }: AbortSignal): ConnectError {
  const isTimeout = ConnectError.is(reason) ? reason.code === Code.DeadlineExceeded : isTimeoutError(reason);
  return new ConnectError(isTimeout ? 'the signal timed out' : 'the caller canceled the call', {
    code: isTimeout ? Code.DeadlineExceeded : Code.Canceled,
    cause: reason,
  });
}

/**
 * What `AbortSignal.timeout()` and RxJS's `timeout()` say. By its name: realms, such as those of jest, have a DOMException each, and
 * an application may have two copies of RxJS.
 */
export function isTimeoutError(reason: unknown): boolean {
  return (reason as { readonly name?: unknown } | null | undefined)?.name === 'TimeoutError';
}

/** @returns The error itself when it is one from the wire; otherwise one that says the same. */
export function asFromWire(error: ConnectError): ConnectError {
  if (error.fromWire) {
    return error;
  }
  const { code, details, metadata, cause } = error;
  return ConnectError.wire({ message: error.rawMessage, code, details, metadata, cause });
}
