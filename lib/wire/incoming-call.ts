/**
 * What every call on the server is, whatever its protocol: one object that listens to its exchange, keeps its
 * deadline, and is the handler's view of the call.
 *
 *   open ──► replied ──► closed       the response is decided ──► the exchange is gone
 *     └──► canceled ──► closed        peer away, deadline, server stops: the handler is told, once
 *
 * Everything that not every call needs (headers, signal, timer) is made when it is first asked for.
 */
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { RpcHeaders } from '../rpc/headers.js';
import { type MethodSpec } from '../rpc/method-spec.js';
import { type CallScope, type Peer, type ServerCall } from '../rpc/server-call.js';
import { timerWheel, WheelTimer } from '../rpc/timer-wheel.js';
import { type Exchange, type ExchangeListener } from './exchange.js';
import { type Route } from './route.js';

/** How long an expired call may take to get its answer through to a peer that does not read. */
const FLUSH_GRACE_MS = 40;

export abstract class IncomingCall implements ServerCall, ExchangeListener {
  abstract readonly protocol: string;
  abstract readonly isMidMessage: boolean;

  requestTimeoutMs: number | undefined;
  deadline: number | undefined;
  cancelReason: ConnectError | undefined;
  scope: CallScope | undefined;

  /** The response is decided: nothing more is taken from the handler. */
  protected isReplied = false;

  #isClosed = false;
  #requestHeaders: RpcHeaders | undefined;
  #responseHeaders: RpcHeaders | undefined;
  #responseTrailers: RpcHeaders | undefined;
  #controller: AbortController | undefined;
  #cancelListener: ((reason: ConnectError) => void) | undefined;
  #finishListener: (() => void) | undefined;
  #timer: WheelTimer | undefined;

  constructor(
    protected readonly exchange: Exchange,
    protected readonly route: Route,
  ) {}

  abstract onData(chunk: Uint8Array): void;
  abstract onEnd(): void;
  abstract onDrain(): void;
  abstract flushHeaders(): void;
  /** Ends the call with an error in the protocol's own form. Does nothing once the call has its response. */
  abstract fail(error: ConnectError): void;

  get spec(): MethodSpec {
    return this.route.spec;
  }

  get httpVersion(): '1.1' | '2' {
    return this.exchange.httpVersion;
  }

  get httpMethod(): string {
    return this.exchange.method;
  }

  get peer(): Peer {
    return this.exchange.peer;
  }

  get requestHeaders(): RpcHeaders {
    return (this.#requestHeaders ??= RpcHeaders.fromWire(this.exchange.requestHeaders));
  }

  get responseHeaders(): RpcHeaders {
    return (this.#responseHeaders ??= new RpcHeaders());
  }

  get responseTrailers(): RpcHeaders {
    return (this.#responseTrailers ??= new RpcHeaders());
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#createController();
    return this.#controller.signal;
  }

  onCancel(listener: (reason: ConnectError) => void): void {
    if (this.cancelReason === undefined) {
      this.#cancelListener = listener;
    } else {
      listener(this.cancelReason);
    }
  }

  get isAnswered(): boolean {
    return this.isReplied;
  }

  onFinish(listener: () => void): void {
    this.#finishListener = listener;
  }

  onAbort(reason: ConnectError): void {
    if (!this.isReplied) {
      this.isReplied = true;
      this.cancel(reason);
    }
  }

  onClose(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#cancelListener = undefined;
    this.#finishListener?.();
  }

  terminate(reason: ConnectError): void {
    if (!this.isReplied) {
      // In this order: the answer must be this reason, not what the handler makes of its cancellation.
      this.fail(reason);
      this.cancel(reason);
    }
  }

  /** The application's response headers; `undefined` when it set none. */
  protected get setResponseHeaders(): RpcHeaders | undefined {
    return this.#responseHeaders?.size === 0 ? undefined : this.#responseHeaders;
  }

  /** The application's response trailers; `undefined` when it set none. */
  protected get setResponseTrailers(): RpcHeaders | undefined {
    return this.#responseTrailers?.size === 0 ? undefined : this.#responseTrailers;
  }

  /**
   * Starts the clock. The deadline covers reading, the handler and writing: the call ends by itself even
   * when the body never does, the handler never answers, or the peer never reads.
   *
   * @param timeoutMs As the client sent it; `undefined` for none.
   * @throws ConnectError `deadline_exceeded` when it has passed already.
   */
  protected startDeadline(timeoutMs: number | undefined): void {
    if (timeoutMs === undefined) {
      return;
    }
    this.requestTimeoutMs = Math.min(timeoutMs, this.route.options.maxTimeoutMs);
    this.deadline = performance.now() + this.requestTimeoutMs;
    if (this.requestTimeoutMs <= 0) {
      throw deadlineExceeded(this.requestTimeoutMs);
    }
    this.#timer = new WheelTimer(() => this.#expire());
    timerWheel.start(this.#timer, this.requestTimeoutMs);
  }

  /** Handlers answer through the call and do not throw; what does all the same must not end the process. */
  protected handlerThrew(error: unknown): void {
    this.route.report(error);
    this.fail(new ConnectError('internal error', { code: Code.Internal, cause: error }));
  }

  /** Breaks the request stream, where there is one. */
  protected abstract abortRequests(reason: ConnectError): void;

  /** Tells the handler that its work is not wanted any more. */
  protected cancel(reason: ConnectError): void {
    this.cancelReason = reason;
    this.inScope(() => {
      this.#controller?.abort(reason);
      // Before the handler's own work is ended: what reads the requests sees an error, and not just silence.
      this.abortRequests(reason);
      const listener = this.#cancelListener;
      this.#cancelListener = undefined;
      listener?.(reason);
    });
  }

  /** Calls what belongs to the application. */
  protected inScope(run: () => void): void {
    if (this.scope === undefined) {
      run();
    } else {
      this.scope(run);
    }
  }

  #createController(): AbortController {
    const controller = new AbortController();
    if (this.cancelReason !== undefined) {
      controller.abort(this.cancelReason);
    }
    return controller;
  }

  #expire(): void {
    this.terminate(deadlineExceeded(this.requestTimeoutMs));
    if (!this.#isClosed) {
      // The final frame is on its way; a peer that does not take it loses the exchange.
      this.#timer = new WheelTimer(() => this.exchange.reset());
      timerWheel.start(this.#timer, FLUSH_GRACE_MS);
    }
  }
}

function deadlineExceeded(timeoutMs: number | undefined): ConnectError {
  return new ConnectError(`the call did not end within its timeout of ${timeoutMs} ms`, {
    code: Code.DeadlineExceeded,
  });
}
