/**
 * Many calls, one AbortSignal: the signal gets one listener, however many calls it can cancel.
 *
 * Node warns of a leak from the eleventh listener of a signal on, and removing one looks through all of them.
 */

/** An object that listens saves a closure per call. */
export interface AbortListener {
  /** Called at most once. The signal knows its reason by then. */
  handleEvent(): void;
}

class SharedListener {
  readonly listeners = new Set<AbortListener>();

  handleEvent({ target }: Event): void {
    for (const listener of this.listeners) {
      listener.handleEvent();
    }
    shared.delete(target as AbortSignal);
  }
}

const shared = new WeakMap<AbortSignal, SharedListener>();

/** @param signal One that is not aborted yet; otherwise nobody is told. */
export function listenToAbort(signal: AbortSignal, listener: AbortListener): void {
  let all = shared.get(signal);
  if (all === undefined) {
    all = new SharedListener();
    shared.set(signal, all);
    signal.addEventListener('abort', all, { once: true });
  }
  all.listeners.add(listener);
}

/** Does nothing for a listener that is none. */
export function stopListeningToAbort(signal: AbortSignal, listener: AbortListener): void {
  const all = shared.get(signal);
  if (all?.listeners.delete(listener) === true && all.listeners.size === 0) {
    shared.delete(signal);
    signal.removeEventListener('abort', all);
  }
}
