/**
 * Two reasons to end a call as one signal.
 *
 * Not `AbortSignal.any`, which is let go by the garbage collector only: a signal that lives as long as the application
 * would collect one entry for each call.
 */
import { type AbortListener, listenToAbort, stopListeningToAbort } from '../../wire/abort-listeners.js';

export class EitherSignal implements AbortListener {
  readonly #controller = new AbortController();

  constructor(private readonly signals: readonly AbortSignal[]) {
    if (this.#aborted === undefined) {
      signals.forEach((signal) => listenToAbort(signal, this));
    } else {
      this.handleEvent();
    }
  }

  /** Aborted with the first of the two, and for its reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  handleEvent(): void {
    this.release();
    this.#controller.abort(this.#aborted?.reason);
  }

  /** The call is over: neither signal matters any more. */
  release(): void {
    this.signals.forEach((signal) => stopListeningToAbort(signal, this));
  }

  get #aborted(): AbortSignal | undefined {
    return this.signals.find(({ aborted }) => aborted);
  }
}
