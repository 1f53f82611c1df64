/**
 * A call in several attempts, of which its caller sees one.
 *
 *   attempt ──► failed, may be retried ──► waiting ──► attempt …
 *      │
 *      ├──► committed    a message of the response has come, requests do not fit the buffer, or it is the last attempt
 *      └──► over
 *
 * Spec: gRPC A6, "Retry Policy" and "When Retries are Valid".
 */
import { type CallStart, type ClientCall, type SingleReply } from '../../rpc/client-call.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type EncodedMessage, type MessageSource } from '../../rpc/message-flow.js';
import { type MethodSpec } from '../../rpc/method-spec.js';
import { timerWheel, WheelTimer } from '../../rpc/timer-wheel.js';
import { type AbortListener, listenToAbort, stopListeningToAbort } from '../../wire/abort-listeners.js';
import { type HttpClient } from '../../wire/client-exchange.js';
import { type ClientEndpoint } from '../../wire/client-protocol.js';
import { asFromWire, deadlineExceeded } from '../../wire/outgoing-call.js';
import { type ByteBudget } from '../byte-budget.js';
import { MAX_TIMEOUT_MS } from '../connection/connection-timer.js';
import { KeptMessages } from './kept-messages.js';
import { backoffMs, pushbackOf, type RetrySettings } from './retry-policy.js';
import { KeptMetadata } from './retry-policy-metadata.js';
import { type RepliesOwner, RetriedReplies } from './retry-policy-replies.js';
import { type RetryThrottle } from './retry-throttle.js';

/** What the calls of a method need to be retried. */
export interface RetryMeans {
  readonly settings: RetrySettings;
  /** Of the channel; `undefined` when nothing holds retries back. */
  readonly throttle: RetryThrottle | undefined;
  /** For requests of streams. */
  readonly budget: ByteBudget;
}

export class RetryingEndpoint implements ClientEndpoint {
  constructor(
    private readonly endpoint: ClientEndpoint,
    private readonly spec: MethodSpec,
    private readonly means: RetryMeans,
  ) {}

  open(http: HttpClient, start: CallStart, reply: SingleReply | undefined): ClientCall {
    const open: OpenAttempt = (ofAttempt, told) => this.endpoint.open(http, ofAttempt, told);
    return new RetryingCall(this.spec, this.means, { open, start, reply }).begin();
  }
}

type OpenAttempt = (start: CallStart, reply: SingleReply | undefined) => ClientCall;

interface RetriedCall {
  readonly open: OpenAttempt;
  readonly start: CallStart;
  readonly reply: SingleReply | undefined;
}

class RetryingCall implements ClientCall, RepliesOwner, AbortListener {
  readonly #deadline: number;
  readonly #replies: RetriedReplies | undefined;
  readonly #kept: KeptMessages;
  readonly #metadata: KeptMetadata;
  #message: { readonly message: unknown } | undefined;
  #isComplete = false;
  /** The one under way, or the last one. */
  #attempt: ClientCall | undefined;
  #attempts = 0;
  #retriesSincePushback = 0;
  readonly #attemptTimer = new WheelTimer(() => this.#attemptTimedOut());
  #hasTimedOut = false;
  /** There between two attempts. */
  #backoff: NodeJS.Timeout | undefined;
  #isCommitted = false;
  #isCanceled = false;
  #isOver = false;
  #readyListener: (() => void) | undefined;
  #cancelListener: (() => void) | undefined;
  #hasStoppedRequests = false;

  constructor(
    readonly spec: MethodSpec,
    private readonly means: RetryMeans,
    private readonly retried: RetriedCall,
  ) {
    this.#deadline = performance.now() + (retried.start.timeoutMs ?? Infinity);
    this.#replies = spec.streamsResponses ? new RetriedReplies(this) : undefined;
    this.#kept = new KeptMessages(means.budget);
    this.#metadata = new KeptMetadata(retried.start, (error) => this.cancel(error));
  }

  begin(): this {
    this.#open();
    return this;
  }

  get replies(): MessageSource<unknown> {
    return this.#replies ?? this.#underlying.replies;
  }

  get isReady(): boolean {
    return this.#isOver || (this.#backoff === undefined && this.#underlying.isReady);
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

  encode(message: unknown): EncodedMessage {
    return this.#underlying.encode(message);
  }

  /** The message itself is kept and not its bytes: they are the caller's. */
  send(message: unknown): void {
    if (!this.#isOver) {
      this.#message = { message };
      this.#underlying.send(message);
    }
  }

  write(message: EncodedMessage): void {
    if (this.#isOver || this.#isComplete) {
      return;
    }
    const isKept = !this.#isCommitted && this.#kept.keep(message);
    if (this.#backoff === undefined) {
      if (!isKept) {
        this.#commit();
      }
      this.#underlying.write(message);
    } else if (!isKept) {
      this.#isCommitted = true; // The next attempt is the last one.
      this.#kept.hold(message);
    }
  }

  complete(): void {
    if (!this.#isOver && !this.#isComplete) {
      this.#isComplete = true;
      if (this.#backoff === undefined) {
        this.#underlying.complete();
      }
    }
  }

  fail(error: ConnectError): void {
    this.cancel(error);
  }

  cancel(reason: ConnectError): void {
    if (this.#isOver) {
      return;
    }
    this.#isCanceled = true;
    if (this.#backoff === undefined) {
      this.#underlying.cancel(reason);
    } else {
      this.#endWith(asFromWire(reason));
    }
  }

  replyBegins(): boolean {
    this.#attemptTimer.cancel();
    this.#commit();
    return !this.#isOver;
  }

  replyCompletes(): void {
    this.#succeed(() => this.#replies?.end(undefined));
  }

  repliesAbandoned(): void {
    const isUnderWay = this.#backoff === undefined;
    this.#finish();
    if (isUnderWay) {
      this.#underlying.replies.cancel();
    }
  }

  attemptFails(error: ConnectError): void {
    if (this.#isOver) {
      return;
    }
    const delayMs = this.#delayBeforeRetry(error);
    if (delayMs === undefined) {
      this.#endWith(this.#isOutOfTime(error) ? this.#deadlineExceeded() : error);
    } else {
      this.#wait(delayMs);
    }
  }

  /** The caller's signal aborts between two attempts: the next one fails at once, and knows the reason. */
  handleEvent(): void {
    this.#retry();
  }

  get #signal(): AbortSignal | undefined {
    return this.retried.start.signal;
  }

  /** Everything but `open` comes after the first attempt was made. */
  get #underlying(): ClientCall {
    return this.#attempt as ClientCall;
  }

  #open(): void {
    this.#attempts++;
    this.#hasTimedOut = false;
    const attempt = this.retried.open(this.#attemptStart(), this.retried.reply && this.#attemptReply());
    this.#attempt = attempt;
    if (this.#isOver) {
      return; // Out of time, or canceled.
    }
    timerWheel.start(this.#attemptTimer, this.means.settings.perAttemptTimeoutMs);
    attempt.onReady(() => this.#readyListener?.());
    attempt.onCancel(() => this.#attemptStops());
    this.#replies?.attach(attempt.replies);
    this.#replay(attempt);
    if (this.#isCommitted || this.#attempts === this.means.settings.maxAttempts) {
      this.#commit();
    }
  }

  #replay(attempt: ClientCall): void {
    if (this.#message !== undefined) {
      attempt.send(this.#message.message);
    }
    for (const message of this.#kept) {
      attempt.write(message);
    }
    if (this.#isComplete) {
      attempt.complete();
    }
  }

  #attemptStart(): CallStart {
    const { start } = this.retried;
    const remainingMs = this.#deadline - performance.now();
    return {
      headers: start.headers,
      previousAttempts: this.#attempts - 1,
      timeoutMs: this.#attempts === 1 || start.timeoutMs === undefined ? start.timeoutMs : remainingMs,
      signal: start.signal,
      ...this.#metadata.listeners,
    };
  }

  #attemptReply(): SingleReply {
    return {
      succeed: (message) => this.#succeed(() => this.retried.reply?.succeed(message)),
      fail: (error) => this.attemptFails(error),
    };
  }

  #attemptTimedOut(): void {
    this.#hasTimedOut = true;
    const { perAttemptTimeoutMs } = this.means.settings;
    this.#underlying.cancel(
      new ConnectError(`no response within perAttemptTimeoutMs of ${perAttemptTimeoutMs} ms`, {
        code: Code.DeadlineExceeded,
      }),
    );
  }

  /** The attempt's own error speaks of the time that was left for it. */
  #isOutOfTime({ code }: ConnectError): boolean {
    return this.#attempts > 1 && code === Code.DeadlineExceeded && performance.now() >= this.#deadline;
  }

  #deadlineExceeded(): ConnectError {
    return asFromWire(deadlineExceeded(this.retried.start.timeoutMs));
  }

  /** @returns Milliseconds; `undefined` when the call fails with this error. */
  #delayBeforeRetry(error: ConnectError): number | undefined {
    const { settings, throttle } = this.means;
    if (this.#isCanceled || this.#signal?.aborted === true) {
      return undefined;
    }
    const pushback = pushbackOf(error.metadata);
    const isRetryable = this.#hasTimedOut || settings.retryableCodes.has(error.code);
    if (isRetryable || pushback === 'never') {
      throttle?.failed();
    }
    if (!isRetryable || pushback === 'never' || this.#isLastAttempt || throttle?.allowsRetry === false) {
      return undefined;
    }
    const delayMs = pushback ?? backoffMs(settings, this.#retriesSincePushback);
    this.#retriesSincePushback = pushback === undefined ? this.#retriesSincePushback + 1 : 0;
    return performance.now() + delayMs < this.#deadline ? delayMs : undefined;
  }

  get #isLastAttempt(): boolean {
    return this.#isCommitted || this.#attempts >= this.means.settings.maxAttempts;
  }

  #wait(delayMs: number): void {
    this.#attemptTimer.cancel();
    this.#metadata.drop();
    // Not the timer wheel, which never holds the process: between two attempts there may be no socket that does.
    this.#backoff = setTimeout(() => this.#retry(), Math.min(delayMs, MAX_TIMEOUT_MS));
    if (this.#signal !== undefined) {
      listenToAbort(this.#signal, this);
    }
  }

  #stopWaiting(): void {
    clearTimeout(this.#backoff);
    this.#backoff = undefined;
    if (this.#signal !== undefined) {
      stopListeningToAbort(this.#signal, this);
    }
  }

  #retry(): void {
    this.#stopWaiting();
    this.#open();
    if (this.isReady && !this.#isOver) {
      this.#readyListener?.();
    }
  }

  /** The attempt under way is the last one. */
  #commit(): void {
    this.#isCommitted = true;
    this.#kept.clear();
    this.#message = undefined;
    const thrown = this.#metadata.commit();
    if (thrown !== undefined) {
      this.cancel(thrown);
    }
  }

  /** Without a commitment, what follows in this step says whether another attempt wants requests. */
  #attemptStops(): void {
    if (this.#isCommitted) {
      this.#tellNoMoreRequests();
    }
  }

  #succeed(tell: () => void): void {
    if (this.#isOver) {
      return;
    }
    this.means.throttle?.succeeded();
    const thrown = this.#metadata.tell();
    if (thrown === undefined) {
      this.#finish();
      tell();
    } else {
      this.#endWith(thrown);
    }
  }

  #endWith(error: ConnectError): void {
    const reason = this.#metadata.tell() ?? error;
    this.#finish();
    this.retried.reply?.fail(reason);
    this.#replies?.end(reason);
  }

  #finish(): void {
    this.#isOver = true;
    this.#stopWaiting();
    this.#attemptTimer.cancel();
    this.#kept.clear();
    this.#message = undefined;
    this.#tellNoMoreRequests();
  }

  #tellNoMoreRequests(): void {
    this.#hasStoppedRequests = true;
    const listener = this.#cancelListener;
    this.#cancelListener = this.#readyListener = undefined;
    listener?.();
  }
}
