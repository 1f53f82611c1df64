import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { type AbortListener, listenToAbort, stopListeningToAbort } from './abort-listeners.js';

function listening(signal: AbortSignal, told: unknown[], name: unknown = told.length): AbortListener {
  const listener = { handleEvent: () => told.push(name) };
  listenToAbort(signal, listener);
  return listener;
}

describe('listenToAbort', () => {
  it('tells everybody once, in order, through one listener of the signal', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const told: unknown[] = [];
    const names = Array.from({ length: 100 }, (_, i) => i);
    names.forEach((name) => listening(signal, told, name));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    controller.abort();
    controller.abort();
    expect(told).toEqual(names);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('knows the reason by then', () => {
    const controller = new AbortController();
    const reasons: unknown[] = [];
    listenToAbort(controller.signal, { handleEvent: () => reasons.push(controller.signal.reason) });
    controller.abort('why');
    expect(reasons).toEqual(['why']);
  });

  it('leaves nothing at the signal when nobody listens any more', () => {
    const { signal } = new AbortController();
    const listeners = [listening(signal, []), listening(signal, [])];
    const [first, second] = listeners as [AbortListener, AbortListener];
    stopListeningToAbort(signal, first);
    stopListeningToAbort(signal, first);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    stopListeningToAbort(signal, second);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('does not tell who stops listening while others are told', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const told: unknown[] = [];
    const last: AbortListener = { handleEvent: () => told.push('last') };
    listenToAbort(signal, { handleEvent: () => stopListeningToAbort(signal, last) });
    listenToAbort(signal, last);
    listening(signal, told, 'other');
    controller.abort();
    expect(told).toEqual(['other']);
  });
});
