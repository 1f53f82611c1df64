import { describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import {
  concat,
  concatMap,
  finalize,
  from,
  interval,
  mergeMap,
  NEVER,
  Observable,
  of,
  range,
  Subject,
  throwError,
} from 'rxjs';
import { MemorySource, MemoryStreamCall, turn, until } from '../../test/support/memory-flow.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type OutboundOptions, sendStream } from './outbound.js';
import { SendCredit } from './readiness.js';
import { MessageStream } from './message-stream.js';

const failure = new Error('planned');

function throwFailure(): never {
  throw failure;
}

function brokenThenable(): unknown {
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
  return { then: throwFailure };
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Sends a result; `window` is how many messages the peer takes before it must be granted more. */
function send(
  result: unknown,
  { window = Infinity, ...options }: Partial<OutboundOptions> & { window?: number } = {},
) {
  const call = new MemoryStreamCall({ window });
  const credit = new SendCredit(call);
  const toError = jest.fn((error: unknown) =>
    ConnectError.is(error) ? error : new ConnectError('masked', { code: Code.Internal, cause: error }),
  );
  sendStream(result, call, credit, { overflow: 'buffer', bufferBytes: 1_000_000, toError, ...options });
  return { call, credit, toError };
}

function asyncIterable(values: readonly unknown[]): AsyncIterable<unknown> {
  return (async function* () {
    for (const value of values) {
      yield await Promise.resolve(value);
    }
  })();
}

const SHAPES: [name: string, make: (values: readonly unknown[]) => unknown][] = [
  ['an Observable', (values) => from(values)],
  ['an Observable that emits later', (values) => from(Promise.resolve(values)).pipe(concatMap((all) => all))],
  ['a promise of an Observable', (values) => Promise.resolve(from(values))],
  ['an async generator', asyncIterable],
  ['a promise of an async generator', (values) => Promise.resolve(asyncIterable(values))],
  ['an array', (values) => values],
  ['a generator', (values) => values.values()],
  ['a promise of an array', (values) => Promise.resolve(values)],
  ['a request stream', (values) => new MessageStream(MemorySource.of(values), { path: '/a/b' })],
];

describe('sendStream', () => {
  it.each(SHAPES)('sends all messages of %s in order and completes once', async (_, make) => {
    const { call } = send(make(numbers(10_000)));
    await until(() => call.isAnswered);
    expect(call.written).toEqual(numbers(10_000));
    expect(call).toMatchObject({ completions: 1, errors: [], cancelListeners: 1 });
  });

  it.each(SHAPES)('completes for %s without messages', async (_, make) => {
    const { call } = send(make([]));
    await until(() => call.isAnswered);
    expect(call).toMatchObject({ written: [], completions: 1 });
  });

  it.each(SHAPES)('sends %s to a peer that takes one message at a time', async (_, make) => {
    const { call } = send(make(numbers(100)), { window: 1 });
    for (let i = 1; i <= 100; i++) {
      await until(() => call.written.length === i);
      call.grant(1);
    }
    await until(() => call.isAnswered);
    expect(call.written).toEqual(numbers(100));
    expect(call.completions).toBe(1);
  });

  it.each<[string, unknown, string]>([
    ['a message', { text: 'a' }, 'a plain object'],
    ['a promise of a message', Promise.resolve({ text: 'a' }), 'a plain object'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a string', 'text', 'a string'],
    ['a number', 5, 'a number'],
    ['a promise of a string', Promise.resolve('text'), 'a string'],
  ])('fails with internal for %s and says so', async (_, result, text) => {
    const { call } = send(result);
    await until(() => call.isAnswered);
    expect(call.errors).toEqual([
      expect.objectContaining({
        code: Code.Internal,
        rawMessage: expect.stringContaining(
          `/test.v1.TestService/Call answers with a stream, but its handler returned ${text}`,
        ),
      }),
    ]);
  });

  it.each<[string, (values: readonly unknown[]) => unknown]>([
    [
      'an Observable',
      (values) =>
        concat(
          from(values),
          throwError(() => failure),
        ),
    ],
    [
      'an async generator',
      async function* (values) {
        yield* values;
        throw failure;
      },
    ],
    [
      'a generator',
      function* (values) {
        yield* values;
        throw failure;
      },
    ],
  ])('delivers what came before the error of %s, then fails', async (_, make) => {
    const { call, toError } = send(make(numbers(5)), { window: 2 });
    await turn();
    expect(call).toMatchObject({ written: [0, 1], errors: [] });
    call.grant(10);
    await turn();
    expect(call.written).toEqual(numbers(5));
    expect(call.errors).toEqual([expect.objectContaining({ rawMessage: 'masked', cause: failure })]);
    expect(toError).toHaveBeenCalledTimes(1);
  });

  it.each<[string, () => unknown]>([
    ['a promise that rejects', () => Promise.reject(failure)],
    ['a thenable that throws', brokenThenable],
    [
      'an Observable whose subscription throws',
      () =>
        new Observable(() => {
          throw failure;
        }),
    ],
    [
      'an iterable that does not start',
      () => ({
        [Symbol.asyncIterator]() {
          throw failure;
        },
      }),
    ],
  ])('fails for %s', async (_, make) => {
    const { call } = send(make());
    await turn();
    expect(call.errors).toEqual([expect.objectContaining({ cause: failure })]);
  });

  it.each(SHAPES)(
    'fails when a message of %s does not fit its type, and sends nothing after it',
    async (_, make) => {
      const { call } = send(make([0, 1, undefined, 3]));
      await until(() => call.isAnswered);
      await turn();
      expect(call.written).toEqual([0, 1]);
      expect(call.errors).toEqual([expect.objectContaining({ code: Code.Internal })]);
    },
  );

  it.each(SHAPES)('sends nothing of %s when the call was canceled before', async (_, make) => {
    const call = new MemoryStreamCall();
    call.cancel();
    sendStream(make(numbers(3)), call, new SendCredit(call), {
      overflow: 'buffer',
      bufferBytes: 1,
      toError: () => new ConnectError('unexpected'),
    });
    await turn();
    expect(call).toMatchObject({ encoded: 0, completions: 0, errors: [] });
  });

  it.each<[string, () => unknown]>([
    ['a promise', () => Promise.reject(failure)],
    [
      'an async generator',
      async function* () {
        await Promise.resolve();
        yield* [];
        throw failure;
      },
    ],
  ])('handles the rejection of %s also after a cancellation', async (_, make) => {
    const { call } = send(make());
    call.cancel();
    // A rejection that nobody handles fails the test that runs: wait for it.
    await turn();
    expect(call.errors).toEqual([]);
  });
});

describe('sendStream of an Observable', () => {
  it('subscribes once', () => {
    const subscribe = jest.fn<() => void>();
    send(new Observable(() => subscribe()));
    expect(subscribe).toHaveBeenCalledTimes(1);
  });

  it('completes only after the queue is flushed', () => {
    const { call } = send(from(numbers(5)), { window: 2 });
    expect(call).toMatchObject({ written: [0, 1], completions: 0 });
    call.grant(2);
    expect(call).toMatchObject({ written: [0, 1, 2, 3], completions: 0 });
    call.grant(1);
    expect(call).toMatchObject({ written: [0, 1, 2, 3, 4], completions: 1 });
  });

  it('keeps the order when the sink is ready again and older messages still wait', () => {
    const subject = new Subject<number>();
    const { call } = send(subject, { window: 1 });
    subject.next(1);
    subject.next(2);
    subject.next(3);
    call.grant(1);
    subject.next(4);
    call.grant(5);
    subject.next(5);
    subject.complete();
    expect(call).toMatchObject({ written: [1, 2, 3, 4, 5], completions: 1 });
  });

  // One digit is one byte on the wire of the test.
  it('fails with resource_exhausted when the queue is full, names the method and the remedies', () => {
    const subject = new Subject<number>();
    const { call } = send(subject, { window: 1, bufferBytes: 3 });
    for (const value of [1, 2, 3, 4]) {
      subject.next(value);
    }
    expect(call.errors).toEqual([]);
    subject.next(5);
    expect(subject.observed).toBe(false);
    const [error] = call.errors;
    expect(error?.code).toBe(Code.ResourceExhausted);
    for (const part of [
      '/test.v1.TestService/Call',
      '3 bytes',
      'bufferBytes',
      'overflow',
      'generator',
      'drained()',
    ]) {
      expect(error?.rawMessage).toContain(part);
    }
    call.grant(10);
    expect(call).toMatchObject({ written: [1], completions: 0 });
  });

  it('stops a source that emits in a loop when the queue is full', () => {
    const { call } = send(range(1, Number.MAX_SAFE_INTEGER), { window: 1, bufferBytes: 100 });
    expect(call.errors).toEqual([expect.objectContaining({ code: Code.ResourceExhausted })]);
    expect(call.encoded).toBeLessThan(110);
  });

  it.each([
    ['drop-oldest', [0, 7, 8, 9]],
    ['drop-newest', [0, 1, 2, 3]],
    ['latest', [0, 9]],
  ] as const)('under %s a slow peer gets %j of ten', (overflow, expected) => {
    const { call } = send(from(numbers(10)), { window: 1, bufferBytes: 3, overflow });
    call.grant(10);
    expect(call).toMatchObject({ written: expected, completions: 1, errors: [] });
  });

  it.each(['buffer', 'drop-oldest', 'drop-newest', 'latest'] as const)(
    'under %s a peer that reads gets everything',
    (overflow) => {
      const { call } = send(from(numbers(1000)), { overflow, bufferBytes: 1 });
      expect(call.written).toEqual(numbers(1000));
    },
  );

  it('keeps the order when a write emits, or makes the sink ready, before it has sent its message', () => {
    const subject = new Subject<number>();
    const call = new MemoryStreamCall({ window: 1 });
    const write = call.write.bind(call);
    call.write = (encoded) => {
      if (call.written.length === 1) {
        subject.next(4);
        call.grant(-1);
        call.grant(1);
      }
      write(encoded);
    };
    sendStream(subject, call, new SendCredit(call), {
      overflow: 'buffer',
      bufferBytes: 100,
      toError: () => new ConnectError('unexpected'),
    });
    subject.next(1);
    subject.next(2);
    subject.next(3);
    call.grant(1);
    expect(call.written).toEqual([1, 2]);
    call.grant(5);
    expect(call.written).toEqual([1, 2, 3, 4]);
  });

  it('keeps the order when the write of the last queued message emits', () => {
    const subject = new Subject<number>();
    const call = new MemoryStreamCall({ window: 1 });
    const write = call.write.bind(call);
    call.write = (encoded) => {
      if (call.written.length === 1) {
        subject.next(3);
      }
      write(encoded);
    };
    sendStream(subject, call, new SendCredit(call), {
      overflow: 'buffer',
      bufferBytes: 100,
      toError: () => new ConnectError('unexpected'),
    });
    subject.next(1);
    subject.next(2);
    call.grant(5);
    expect(call.written).toEqual([1, 2, 3]);
  });

  it.each<[string, (torn: () => void) => Observable<unknown>]>([
    ['while it waits', (torn) => NEVER.pipe(finalize(torn))],
    ['while messages are queued', (torn) => concat(from(numbers(10)), NEVER).pipe(finalize(torn))],
    ['between two messages', (torn) => interval(1).pipe(finalize(torn))],
    ['inside an operator', (torn) => of(1).pipe(mergeMap(() => NEVER.pipe(finalize(torn))))],
  ])('unsubscribes in the turn of the cancellation %s', (_, make) => {
    const torn = jest.fn();
    const { call } = send(make(torn), { window: 3 });
    call.cancel();
    expect(torn).toHaveBeenCalledTimes(1);
    const written = call.written.length;
    call.grant(100);
    expect(call).toMatchObject({ completions: 0, errors: [] });
    expect(call.written).toHaveLength(written);
  });

  it('unsubscribes when it is canceled from inside the subscription', () => {
    const torn = jest.fn();
    const call = new MemoryStreamCall();
    const source = new Observable<number>((subscriber) => {
      subscriber.next(1);
      call.cancel();
      return torn;
    });
    sendStream(source, call, new SendCredit(call), {
      overflow: 'buffer',
      bufferBytes: 100,
      toError: () => new ConnectError('unexpected'),
    });
    expect(torn).toHaveBeenCalledTimes(1);
    expect(call.written).toEqual([1]);
  });

  it('does not subscribe a promised Observable when the call was canceled meanwhile', async () => {
    const subscribe = jest.fn<() => void>();
    const { call } = send(Promise.resolve(new Observable(() => subscribe())));
    call.cancel();
    await turn();
    expect(subscribe).not.toHaveBeenCalled();
  });

  it.each<[string, Observable<unknown>]>([
    ['completes at once', of(1).pipe(finalize(throwFailure))],
    [
      'completes at once by hand',
      new Observable((subscriber) => {
        subscriber.next(1);
        subscriber.complete();
        return throwFailure;
      }),
    ],
    [
      'completes later',
      concat(of(1), from(Promise.resolve([])).pipe(mergeMap((none) => none))).pipe(finalize(throwFailure)),
    ],
  ])('survives a teardown that throws when the source %s', async (_, source) => {
    const { call } = send(source);
    await until(() => call.isAnswered);
    await turn();
    expect(call).toMatchObject({ written: [1], completions: 1, errors: [] });
  });

  it.each<[string, (subject: Subject<number>) => void, object]>([
    ['completes', (subject) => subject.complete(), { completions: 1, errors: [] }],
    ['fails', (subject) => subject.error(failure), { errors: [expect.objectContaining({ cause: failure })] }],
  ])('keeps a teardown that throws from a source that %s, before and behind a queue', (_, end, outcome) => {
    for (const window of [0, 1]) {
      const subject = new Subject<number>();
      const { call } = send(subject.pipe(finalize(throwFailure)), { window });
      subject.next(1);
      expect(() => end(subject)).not.toThrow();
      call.grant(1);
      expect(call).toMatchObject({ written: [1], ...outcome });
    }
  });

  it('survives a teardown that throws on cancellation, and hands its error over for the log', () => {
    const { call, credit, toError } = send(NEVER.pipe(finalize(throwFailure)));
    call.cancel();
    expect(toError).toHaveBeenCalledTimes(1);
    expect(credit.isOver).toBe(true);
  });

  it('fails for what only looks like an Observable and throws', () => {
    const fake = { lift: () => fake, subscribe: throwFailure };
    const { call } = send(fake);
    expect(call.errors).toEqual([expect.objectContaining({ cause: failure })]);
  });
});

describe('sendStream of an iterable', () => {
  it.each<[string, (produce: () => number) => Iterable<number> | AsyncIterable<number>]>([
    [
      'generator',
      function* (produce) {
        for (let i = 0; i < 1_000_000; i++) {
          yield produce();
        }
      },
    ],
    [
      'async generator',
      async function* (produce) {
        for (let i = 0; i < 1_000_000; i++) {
          yield produce();
        }
      },
    ],
  ])('produces of a million messages of a %s only what a stalled peer took', async (_, make) => {
    let produced = 0;
    const { call } = send(
      make(() => produced++),
      { window: 7 },
    );
    await turn();
    await turn();
    expect(produced).toBe(7);
    call.grant(3);
    await turn();
    expect(produced).toBe(10);
    expect(call.written).toEqual(numbers(10));
    call.cancel();
    await turn();
    expect(produced).toBe(10);
  });

  it('never overflows', async () => {
    const { call } = send(asyncIterable(numbers(100)), { window: 1, bufferBytes: 0 });
    for (let i = 0; i < 100; i++) {
      await turn();
      call.grant(1);
    }
    await turn();
    expect(call).toMatchObject({ completions: 1, errors: [] });
  });

  it('returns a generator in the turn of the cancellation, between two messages', () => {
    const returned = jest.fn();
    const { call } = send(
      (function* () {
        try {
          for (;;) {
            yield 1;
          }
        } finally {
          returned();
        }
      })(),
      { window: 3 },
    );
    call.cancel();
    expect(returned).toHaveBeenCalledTimes(1);
  });

  it('calls return() of an async iterator in that turn also while a next() is pending, once', async () => {
    const returned = jest.fn(() => Promise.resolve({ done: true, value: undefined }));
    let answer: ((result: unknown) => void) | undefined;
    const { call } = send({
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise((resolve) => {
            answer = resolve;
          }),
        return: returned,
      }),
    });
    call.cancel();
    expect(returned).toHaveBeenCalledTimes(1);
    answer?.({ done: false, value: 1 });
    await turn();
    expect(returned).toHaveBeenCalledTimes(1);
    expect(call).toMatchObject({ encoded: 0, written: [], completions: 0, errors: [] });
  });

  it('hands over what return() throws for the log', async () => {
    const { call, toError } = send(
      (async function* () {
        try {
          yield await Promise.resolve(1);
          yield 2;
        } finally {
          throw failure; // oxlint-disable-line no-unsafe-finally
        }
      })(),
      { window: 1 },
    );
    await turn();
    call.cancel();
    await turn();
    expect(toError.mock.calls).toEqual([[failure]]);
  });
});

describe('sendStream and drained()', () => {
  it('lets a producer pace itself to what the peer takes', async () => {
    const call = new MemoryStreamCall({ window: 2 });
    const credit = new SendCredit(call);
    let produced = 0;
    const paced = new Observable<number>((subscriber) => {
      void (async () => {
        while (!subscriber.closed && produced < 50) {
          subscriber.next(produced++);
          await credit.drained();
        }
        subscriber.complete();
      })();
    });
    sendStream(paced, call, credit, {
      overflow: 'buffer',
      bufferBytes: 1_000,
      toError: () => new ConnectError('unexpected'),
    });
    await turn();
    expect(produced).toBe(2);
    call.grant(1);
    await turn();
    expect(produced).toBe(3);
    call.grant(1000);
    await until(() => call.isAnswered);
    expect(call.written).toEqual(numbers(50));
  });

  it('does not resolve while older messages still wait', async () => {
    const { call, credit } = send(concat(from(numbers(5)), NEVER), { window: 1 });
    const resolved = jest.fn();
    void credit.drained().then(() => resolved());
    call.grant(2);
    await turn();
    expect(resolved).not.toHaveBeenCalled();
    call.grant(3);
    await turn();
    expect(resolved).toHaveBeenCalledTimes(1);
  });

  it.each<[string, (call: MemoryStreamCall, subject: Subject<unknown>) => void]>([
    ['is canceled', (call) => call.cancel()],
    ['overflows', (_, subject) => subject.next('x'.repeat(2000))],
    ['meets a message that does not fit', (_, subject) => subject.next(undefined)],
    ['completes', (_, subject) => subject.complete()],
    ['fails', (_, subject) => subject.error(failure)],
  ])('resolves when the call %s', async (_, end) => {
    const subject = new Subject<unknown>();
    const { call, credit } = send(subject, { window: 0, bufferBytes: 1000 });
    const drained = credit.drained();
    end(call, subject);
    await expect(drained).resolves.toBeUndefined();
    await expect(credit.drained()).resolves.toBeUndefined();
    expect(subject.observed).toBe(false);
  });
});

function message(id: number, size: number): { id: number; pad: string } {
  return { id, pad: 'x'.repeat(size) };
}

describe('sendStream under random readiness', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('grant' as const), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant('emit' as const), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant('turn' as const), count: fc.constant(1) }),
  );
  const sizes = fc.infiniteStream(fc.integer({ min: 0, max: 300 }));

  it('sends every message of a Subject exactly once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(10), fc.array(step, { maxLength: 60 }), sizes, async (window, steps, size) => {
        const subject = new Subject<unknown>();
        const { call } = send(subject, { window });
        const emitted: unknown[] = [];
        for (const { kind, count } of steps) {
          if (kind === 'grant') {
            call.grant(count);
          } else if (kind === 'turn') {
            await turn();
          } else {
            for (let i = 0; i < count; i++) {
              emitted.push(message(emitted.length, size.next().value));
              subject.next(emitted.at(-1));
            }
          }
          expect(call.written).toEqual(emitted.slice(0, call.written.length));
        }
        subject.complete();
        call.grant(10_000);
        expect(call.written).toEqual(emitted);
        expect(call.completions).toBe(1);
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it.each(SHAPES)('sends every message of %s exactly once and in order', async (_, make) => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(10),
        fc.nat(300),
        fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 }),
        sizes,
        async (window, count, grants, size) => {
          const values = Array.from({ length: count }, (__, id) => message(id, size.next().value));
          const { call } = send(make(values), { window });
          for (const grant of grants) {
            call.grant(grant);
            await turn();
          }
          call.grant(10_000);
          await until(() => call.isAnswered);
          expect(call.written).toEqual(values);
          expect(call.completions).toBe(1);
        },
      ),
      { seed: 11, numRuns: 25 },
    );
  });

  it.each(SHAPES)('sends a prefix of %s and no more when the call is canceled anywhere', async (_, make) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(20), fc.nat(5), async (window, turns) => {
        const { call, credit } = send(make(numbers(50)), { window });
        for (let i = 0; i < turns; i++) {
          await turn();
          call.grant(1);
        }
        call.cancel();
        const written = call.written.length;
        call.grant(1000);
        await turn();
        expect(call.written).toEqual(numbers(written));
        expect(credit.isOver).toBe(true);
      }),
      { seed: 13, numRuns: 25 },
    );
  });
});
