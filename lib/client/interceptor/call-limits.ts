/**
 * Deadline and cancellation of a call that does more than wait for the wire: they end the call also while interceptors
 * wait for something of their own.
 */
import { Observable } from 'rxjs';
import { type ConnectError } from '../../rpc/connect-error.js';
import { TICK_MS, timerWheel, WheelTimer } from '../../rpc/timer-wheel.js';
import { listenToAbort, stopListeningToAbort } from '../../wire/abort-listeners.js';
import { canceledBy, deadlineExceeded } from '../../wire/outgoing-call.js';

export class CallLimits {
  /** On the clock of `performance.now()`. */
  readonly #deadline: number | undefined;

  /** Begins with the call. @param timeoutMs `undefined` for no limit. */
  constructor(
    private readonly timeoutMs: number | undefined,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
  }

  /** @returns Whole milliseconds until the end of the call, and not more than `atMostMs`; `Infinity` for no limit. */
  remainingMs(atMostMs = Infinity): number {
    return Math.min(atMostMs, Math.ceil((this.#deadline ?? Infinity) - performance.now()));
  }

  /** @returns The reply, ended by the limits when it does not end by itself. */
  around<T>(reply$: Observable<T>): Observable<T> {
    const { timeoutMs, signal } = this;
    if (timeoutMs === undefined && signal === undefined) {
      return reply$;
    }
    return new Observable<T>((subscriber) => {
      const over = this.#overAlready();
      if (over !== undefined) {
        subscriber.error(over);
        return;
      }
      // One step behind the wire, which has the same limits: interceptors see its error, and may answer in its place.
      if (timeoutMs !== undefined) {
        const timer = new WheelTimer(() => subscriber.error(deadlineExceeded(timeoutMs)));
        timerWheel.start(timer, timeoutMs + TICK_MS);
        subscriber.add(() => timer.cancel());
      }
      if (signal !== undefined) {
        const handleEvent = () => queueMicrotask(() => subscriber.error(canceledBy(signal)));
        const listener = { handleEvent };
        listenToAbort(signal, listener);
        subscriber.add(() => stopListeningToAbort(signal, listener));
      }
      reply$.subscribe(subscriber);
    });
  }

  #overAlready(): ConnectError | undefined {
    if (this.signal?.aborted === true) {
      return canceledBy(this.signal);
    }
    return this.timeoutMs !== undefined && this.timeoutMs <= 0 ? deadlineExceeded(this.timeoutMs) : undefined;
  }
}
