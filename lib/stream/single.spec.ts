import { describe, expect, it, jest } from '@jest/globals';
import {
  concat,
  EMPTY,
  finalize,
  from,
  mergeMap,
  NEVER,
  Observable,
  of,
  range,
  startWith,
  Subject,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { MemorySingleCall, MemorySource, turn } from '../../test/support/memory-flow.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { MessageStream } from './message-stream.js';
import { sendSingle } from './single.js';

const failure = new Error('planned');

function throwFailure(): never {
  throw failure;
}

function brokenThenable(): unknown {
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
  return { then: throwFailure };
}

/** Passes for an Observable, and is none. */
const fakeObservable = { lift: () => fakeObservable, subscribe: throwFailure };

function send(result: unknown, call = new MemorySingleCall()) {
  const toError = jest.fn(
    (error: unknown) => new ConnectError('masked', { code: Code.Internal, cause: error }),
  );
  const onExtraValue = jest.fn();
  sendSingle(result, call, toError, onExtraValue);
  return { call, toError, onExtraValue };
}

describe('sendSingle', () => {
  it.each<[string, unknown]>([
    ['a message', { text: 'a' }],
    ['undefined, which the codec refuses', undefined],
    ['null, which the codec refuses', null],
    ['a string, which the codec refuses', 'text'],
  ])('answers with %s before it returns', (_, result) => {
    const { call } = send(result);
    expect(call).toMatchObject({ answers: [result], errors: [], cancelListeners: 0 });
  });

  it.each<[string, () => unknown]>([
    ['a promise', () => Promise.resolve({ text: 'a' })],
    // oxlint-disable-next-line unicorn/no-thenable
    ['a thenable', () => ({ then: (resolve: (value: unknown) => void) => resolve({ text: 'a' }) })],
    ['an Observable', () => of({ text: 'a' })],
    ['an Observable that never completes', () => concat(of({ text: 'a' }), NEVER)],
    ['an Observable that emits later', () => from(Promise.resolve({ text: 'a' }))],
    ['a promise of an Observable', () => Promise.resolve(of({ text: 'a' }))],
    ['the request stream', () => new MessageStream(MemorySource.of([{ text: 'a' }]), { path: '/a/b' })],
  ])('answers with the message of %s, once', async (_, make) => {
    const { call, onExtraValue } = send(make());
    await turn();
    expect(call).toMatchObject({ answers: [{ text: 'a' }], errors: [] });
    expect(onExtraValue).not.toHaveBeenCalled();
  });

  it.each<[string, () => unknown]>([
    ['a promise that rejects', () => Promise.reject(failure)],
    ['a thenable that throws', brokenThenable],
    ['an Observable that fails', () => throwError(() => failure)],
    ['an Observable that fails later', () => from(Promise.reject(failure))],
    ['an Observable whose subscription throws', () => new Observable(throwFailure)],
    ['a promise of an Observable that fails', () => Promise.resolve(throwError(() => failure))],
    ['what only looks like an Observable', () => fakeObservable],
  ])('fails with the mapped error of %s', async (_, make) => {
    const { call, toError } = send(make());
    await turn();
    expect(call.answers).toEqual([]);
    expect(call.errors).toEqual([expect.objectContaining({ rawMessage: 'masked', cause: failure })]);
    expect(toError).toHaveBeenCalledTimes(1);
  });

  it('fails at once for an Observable that completes without a value', () => {
    const { call } = send(EMPTY);
    expect(call.errors).toEqual([
      expect.objectContaining({
        code: Code.Internal,
        rawMessage: expect.stringContaining('/test.v1.TestService/Call'),
      }),
    ]);
  });

  it.each<[string, unknown, string]>([
    [
      'an async generator',
      (async function* () {
        yield await Promise.resolve(1);
      })(),
      'an async iterable',
    ],
    [
      'a promise of an async generator',
      Promise.resolve(
        (async function* () {
          yield await Promise.resolve(1);
        })(),
      ),
      'an async iterable',
    ],
    [
      'a generator',
      (function* () {
        yield 1;
      })(),
      'an iterable',
    ],
    ['an array', [1], 'an iterable'],
  ])('fails for %s and names the mistake', async (_, result, text) => {
    const { call } = send(result);
    await turn();
    expect(call.errors).toEqual([
      expect.objectContaining({
        code: Code.Internal,
        rawMessage: expect.stringContaining(`answers with one message, but its handler returned ${text}`),
      }),
    ]);
  });

  it('unsubscribes after the first value, in the same turn', async () => {
    const subject = new Subject<number>();
    const { call } = send(subject);
    expect(subject.observed).toBe(true);
    subject.next(1);
    expect(call.answers).toEqual([1]);
    await Promise.resolve();
    expect(subject.observed).toBe(false);
    subject.next(2);
    expect(call.answers).toEqual([1]);
  });

  it('unsubscribes after a first value that comes with the subscription', () => {
    const torn = jest.fn();
    send(NEVER.pipe(startWith(1), finalize(torn)));
    expect(torn).toHaveBeenCalledTimes(1);
  });

  // An interceptor's `tap({ complete })` must run, and its `tap({ unsubscribe })` must not.
  it.each<[string, () => Observable<number>, string[]]>([
    ['a value at once', () => of(1), ['complete', 'finalize']],
    ['a promise', () => from(Promise.resolve(1)), ['complete', 'finalize']],
    [
      'a value behind an asynchronous operator',
      () => of(1).pipe(mergeMap(async (v) => v)),
      ['complete', 'finalize'],
    ],
    ['a value, and never an end', () => NEVER.pipe(startWith(1)), ['unsubscribe', 'finalize']],
  ])('lets operators see how the source of %s ended', async (_, make, expected) => {
    const seen: string[] = [];
    send(
      make().pipe(
        tap({
          complete: () => seen.push('complete'),
          unsubscribe: () => seen.push('unsubscribe'),
          finalize: () => seen.push('finalize'),
        }),
      ),
    );
    await turn();
    expect(seen).toEqual(expected);
  });

  it.each<[string, Observable<number>]>([
    ['of(1, 2)', of(1, 2)],
    ['a loop without an end', range(1, Number.MAX_SAFE_INTEGER)],
    ['of(1, 2, 3)', of(1, 2, 3)],
  ])('answers with the first value of %s and reports the second, once', (_, source) => {
    const { call, onExtraValue } = send(source);
    expect(call.answers).toEqual([1]);
    expect(onExtraValue).toHaveBeenCalledTimes(1);
  });

  it('keeps the answer when the Observable fails after it, and hands the error over for the log', () => {
    const { call, toError } = send(
      concat(
        of(1),
        throwError(() => failure),
      ),
    );
    expect(call).toMatchObject({ answers: [1], errors: [] });
    expect(toError).toHaveBeenCalledTimes(1);
  });

  describe('when the call is canceled', () => {
    it.each<[string, (torn: () => void) => Observable<unknown>]>([
      ['waits', (torn) => NEVER.pipe(finalize(torn))],
      ['has a timer', (torn) => timer(60_000).pipe(finalize(torn))],
    ])('unsubscribes an Observable that %s in the same turn, and answers nothing', (_, make) => {
      const torn = jest.fn();
      const { call } = send(make(torn));
      call.cancel();
      expect(torn).toHaveBeenCalledTimes(1);
      expect(call).toMatchObject({ answers: [], errors: [], cancelListeners: 1 });
    });

    it.each<[string, (observable: Observable<unknown>) => unknown]>([
      ['an Observable', (observable) => observable],
      ['a promise of an Observable', (observable) => Promise.resolve(observable)],
    ])('does not subscribe %s any more', async (_, make) => {
      const call = new MemorySingleCall();
      call.cancel();
      const subscribe = jest.fn<() => void>();
      send(make(new Observable(() => subscribe())), call);
      await turn();
      expect(subscribe).not.toHaveBeenCalled();
    });

    it('stops an Observable that is canceled from inside its subscription', () => {
      const call = new MemorySingleCall();
      const torn = jest.fn();
      const source = new Observable<number>((subscriber) => {
        call.cancel();
        subscriber.next(1);
        subscriber.next(2);
        return torn;
      });
      const { onExtraValue } = send(source, call);
      expect(torn).toHaveBeenCalledTimes(1);
      expect(onExtraValue).not.toHaveBeenCalled();
    });

    it('handles a promise that rejects later', async () => {
      const { call } = send(Promise.reject(failure));
      call.cancel();
      // A rejection that nobody handles fails the test that runs: wait for it.
      await turn();
      expect(call.errors).toEqual([]);
    });
  });

  it.each<[string, (call: MemorySingleCall) => Observable<unknown>, unknown[]]>([
    ['with its only value', () => of(1).pipe(finalize(throwFailure)), [1]],
    ['after its first value', () => NEVER.pipe(startWith(1), finalize(throwFailure)), [1]],
    [
      'by hand',
      () =>
        new Observable((subscriber) => {
          subscriber.next(1);
          subscriber.complete();
          return throwFailure;
        }),
      [1],
    ],
    [
      'on cancellation',
      (call) => {
        queueMicrotask(() => call.cancel());
        return NEVER.pipe(finalize(throwFailure));
      },
      [],
    ],
    ['after a later value', () => from(Promise.resolve(1)).pipe(finalize(throwFailure)), [1]],
  ])('survives a teardown that throws %s', async (_, make, answers) => {
    const call = new MemorySingleCall();
    send(make(call), call);
    await turn();
    expect(call).toMatchObject({ answers, errors: [] });
  });
});
