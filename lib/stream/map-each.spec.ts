import { describe, expect, it, jest } from '@jest/globals';
import {
  concat,
  EMPTY,
  finalize,
  map,
  NEVER,
  Observable,
  type ObservableInput,
  of,
  range,
  Subject,
  take,
  throwError,
} from 'rxjs';
import { MemorySource, MemoryStreamCall, turn } from '../../test/support/memory-flow.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type MapEachOptions } from './map-each.js';
import { SendCredit } from './readiness.js';
import { MessageStream } from './message-stream.js';

const PATH = '/test.v1.TestService/Call';

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function mapEach<T, R>(
  source: MemorySource<T>,
  project: (value: T, index: number) => ObservableInput<R>,
  options?: MapEachOptions,
): Observable<unknown> {
  return new MessageStream(source, { path: PATH }).mapEach(project, options);
}

function record<T>(observable: Observable<T>): { log: unknown[]; unsubscribe: () => void } {
  const log: unknown[] = [];
  const subscription = observable.subscribe({
    next: (value) => log.push(value),
    error: (error: unknown) => log.push(error),
    complete: () => log.push('complete'),
  });
  return { log, unsubscribe: () => subscription.unsubscribe() };
}

/** Inner streams that the test ends. */
function inners(): { started: Subject<number>[]; project: () => Subject<number> } {
  const started: Subject<number>[] = [];
  return {
    started,
    project() {
      const inner = new Subject<number>();
      started.push(inner);
      return inner;
    },
  };
}

describe('mapEach', () => {
  it.each<[string, (value: number) => ObservableInput<number>]>([
    ['an Observable', (value) => of(value, value)],
    ['a promise', (value) => Promise.resolve(value)],
    ['an array', (value) => [value, value]],
    [
      'a generator',
      function* (value) {
        yield value;
      },
    ],
    [
      'an async generator',
      async function* (value) {
        yield await Promise.resolve(value);
      },
    ],
    ['nothing', () => EMPTY],
  ])('takes %s from project, in order', async (_, project) => {
    const { log } = record(mapEach(MemorySource.of([1, 2, 3]), project));
    for (let i = 0; i < 5; i++) {
      await turn();
    }
    expect(log.at(-1)).toBe('complete');
    expect(log.slice(0, -1)).toEqual([1, 2, 3].flatMap((value) => log.filter((entry) => entry === value)));
  });

  it('gives project the index', () => {
    const { log } = record(mapEach(MemorySource.of(['a', 'b']), (value, index) => [`${value}${index}`]));
    expect(log).toEqual(['a0', 'b1', 'complete']);
  });

  it.each([1, 3, 100_000])(
    'maps 100,000 messages to inners that complete at once, concurrency %d',
    (concurrency) => {
      let count = 0;
      const completed = jest.fn();
      mapEach(MemorySource.of(numbers(100_000)), (value) => of(value), { concurrency }).subscribe({
        next: (value) => {
          count += value === count ? 1 : 0;
        },
        complete: completed,
      });
      expect(count).toBe(100_000);
      expect(completed).toHaveBeenCalledTimes(1);
    },
  );

  it('takes the next message only when an inner has completed', () => {
    const source = MemorySource.of(numbers(10));
    const { started, project } = inners();
    record(mapEach(source, project));
    for (let handled = 0; handled < 10; handled++) {
      expect(source.delivered).toBe(handled + 1);
      started[handled]?.next(1);
      expect(source.delivered).toBe(handled + 1);
      started[handled]?.complete();
    }
    expect(source.delivered).toBe(10);
  });

  it.each([1, 2, 5])('runs %d inners at once, and pulls none beyond them', (concurrency) => {
    const source = MemorySource.of(numbers(20));
    const { started, project } = inners();
    record(mapEach(source, project, { concurrency }));
    expect(started).toHaveLength(concurrency);
    started.at(-1)?.complete();
    expect(started).toHaveLength(concurrency + 1);
    expect(source.delivered).toBe(concurrency + 1);
  });

  it('completes when the source and all inners have completed', () => {
    const source = MemorySource.of([1, 2]);
    const { started, project } = inners();
    const { log } = record(mapEach(source, project, { concurrency: 3 }));
    started[1]?.complete();
    expect(log).toEqual([]);
    started[0]?.next(7);
    started[0]?.complete();
    expect(log).toEqual([7, 'complete']);
    expect(source.isCanceled).toBe(false);
  });

  it.each([0, -1, 1.5, NaN, Infinity])(
    'refuses a concurrency of %d and says what is accepted',
    (concurrency) => {
      expect(() => mapEach(new MemorySource(), () => EMPTY, { concurrency })).toThrow(RangeError);
      expect(() => mapEach(new MemorySource(), () => EMPTY, { concurrency })).toThrow('an integer from 1');
    },
  );

  const failure = new Error('planned');

  it.each<[string, () => ObservableInput<number>, unknown]>([
    [
      'project throws',
      () => {
        throw failure;
      },
      failure,
    ],
    ['an inner fails at once', () => throwError(() => failure), failure],
    [
      'an inner fails after a value',
      () =>
        concat(
          of(1),
          throwError(() => failure),
        ),
      failure,
    ],
    ['a promise rejects', () => Promise.reject(failure), failure],
    ['an inner is no stream', () => JSON.parse('null'), expect.any(TypeError)],
  ])('ends with an error and cancels everything when %s', async (_, broken, expected) => {
    const source = new MemorySource(numbers(10));
    const torn = jest.fn();
    const { log } = record(
      mapEach(source, (value) => (value === 0 ? NEVER.pipe(finalize(torn)) : broken()), { concurrency: 2 }),
    );
    await turn();
    expect(log.at(-1)).toEqual(expected);
    expect(torn).toHaveBeenCalledTimes(1);
    expect(source.isCanceled).toBe(true);
    expect(source.delivered).toBe(2);
  });

  it('passes the break of the source on, and ends the inners', () => {
    const source = new MemorySource([1]);
    const torn = jest.fn();
    const { log } = record(mapEach(source, () => NEVER.pipe(finalize(torn))));
    const reason = new ConnectError('gone', { code: Code.Canceled });
    source.break(reason);
    expect(log).toEqual([reason]);
    expect(torn).toHaveBeenCalledTimes(1);
  });

  it('cancels the source and the inners in the turn in which it is unsubscribed', () => {
    const source = new MemorySource([1, 2, 3]);
    const torn = jest.fn();
    const { unsubscribe } = record(mapEach(source, () => NEVER.pipe(finalize(torn)), { concurrency: 2 }));
    unsubscribe();
    expect(torn).toHaveBeenCalledTimes(2);
    expect(source.isCanceled).toBe(true);
  });

  it('leaves an inner that emits in a loop when its subscriber has enough', () => {
    const source = MemorySource.of([1, 2]);
    const { log } = record(mapEach(source, () => range(0, Number.MAX_SAFE_INTEGER)).pipe(take(2)));
    expect(log).toEqual([0, 1, 'complete']);
    expect(source.isCanceled).toBe(true);
  });

  it('returns an inner generator at once, also while it waits', () => {
    const source = MemorySource.of([1]);
    const returned = jest.fn(() => Promise.resolve({ done: true as const, value: undefined }));
    const waiting: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: returned }),
    };
    record(mapEach(source, () => waiting)).unsubscribe();
    expect(returned).toHaveBeenCalledTimes(1);
  });
});

/** Each message becomes one response, written as the outbound side would. */
function bidi(window: number, project: (value: number) => ObservableInput<number>, concurrency = 1) {
  const call = new MemoryStreamCall({ window, kind: 'bidi_streaming' });
  const credit = new SendCredit(call);
  const source = MemorySource.of(numbers(100));
  const requests = new MessageStream(source, { path: PATH, credit });
  const subscription = requests
    .mapEach(project, { concurrency })
    .pipe(map((value) => call.write(call.encode(value))))
    .subscribe();
  return { call, credit, source, subscription };
}

describe('mapEach with a response that is a stream', () => {
  it('takes no message off the wire while the peer does not read its responses', () => {
    const { call, source } = bidi(3, (value) => of(value));
    expect(source.delivered).toBe(3);
    call.grant(2);
    expect(source.delivered).toBe(5);
    call.grant(1000);
    expect(call.written).toEqual(numbers(100));
  });

  it('takes none at all from the start when the peer is not ready', () => {
    const { call, source } = bidi(0, (value) => of(value));
    expect(source.pulled).toBe(0);
    call.grant(1);
    expect(source.delivered).toBe(1);
  });

  it('pulls inner generators with the same credit', async () => {
    let produced = 0;
    const { call } = bidi(5, function* () {
      for (;;) {
        yield produced++;
      }
    });
    await turn();
    expect(produced).toBe(5);
    call.grant(2);
    await turn();
    expect(produced).toBe(7);
  });

  it('forgets its wait when it is unsubscribed', () => {
    const { call, source, subscription } = bidi(1, (value) => of(value));
    subscription.unsubscribe();
    call.grant(10);
    expect(source).toMatchObject({ delivered: 1, isCanceled: true });
  });

  it('goes on when the call is over, so that the source can tell its end', () => {
    const { credit, source } = bidi(1, (value) => of(value));
    credit.end();
    expect(source.delivered).toBe(100);
  });
});
