import { describe, expect, it, jest } from '@jest/globals';
import { filter, lastValueFrom, map, Subscription, take, toArray } from 'rxjs';
import { MemoryStreamCall, turn, until } from '../../test/support/memory-flow.js';
import { creditedObservable } from './credited-observable.js';
import { SendCredit } from './readiness.js';

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Endless generators that count what they produced and whether they were returned. */
function producers() {
  const state = { produced: 0, returned: 0 };
  return {
    state,
    *sync(): Generator<number> {
      try {
        for (;;) {
          yield state.produced++;
        }
      } finally {
        state.returned++;
      }
    },
    async *async(): AsyncGenerator<number> {
      try {
        for (;;) {
          await Promise.resolve();
          yield state.produced++;
        }
      } finally {
        state.returned++;
      }
    },
  };
}

const KINDS = ['sync', 'async'] as const;

/** As an interceptor and the outbound side would have it. */
function piped(window: number, iterable: Iterable<number> | AsyncIterable<number>) {
  const call = new MemoryStreamCall({ window });
  const credit = new SendCredit(call);
  const subscription = creditedObservable(iterable, credit)
    .pipe(map((value) => value * 2))
    .subscribe((value) => call.write(call.encode(value)));
  return { call, credit, subscription };
}

describe('creditedObservable', () => {
  it.each(KINDS)('pulls a %s generator through operators only as far as the sink takes', async (kind) => {
    const source = producers();
    const { call } = piped(0, source[kind]());
    await turn();
    expect(source.state.produced).toBe(0);
    call.grant(2);
    await turn();
    expect(source.state.produced).toBe(2);
    call.grant(3);
    await turn();
    expect(source.state.produced).toBe(5);
    expect(call.written).toEqual([0, 2, 4, 6, 8]);
  });

  it.each(KINDS)('returns a %s generator when it is unsubscribed', async (kind) => {
    const source = producers();
    const { subscription } = piped(1, source[kind]());
    await turn();
    subscription.unsubscribe();
    await turn();
    expect(source.state.returned).toBe(1);
  });

  it.each(KINDS)('returns a %s generator when the call is over, whoever still listens', async (kind) => {
    const source = producers();
    const { credit } = piped(1, source[kind]());
    await turn();
    credit.end();
    await turn();
    expect(source.state).toEqual({ produced: 1, returned: 1 });
  });

  it.each(KINDS)('stops a %s generator in the middle when an operator has enough', async (kind) => {
    const source = producers();
    const values = lastValueFrom(creditedObservable(source[kind](), undefined).pipe(take(3), toArray()));
    await expect(values).resolves.toEqual([0, 1, 2]);
    await turn();
    expect(source.state).toEqual({ produced: 3, returned: 1 });
  });

  it.each(KINDS)(
    'lets others have their turn while an operator swallows all of a %s generator',
    async (kind) => {
      const source = producers();
      const subscription = creditedObservable(source[kind](), undefined)
        .pipe(filter(() => false))
        .subscribe();
      await until(() => source.state.produced > 10_000);
      subscription.unsubscribe();
      await turn();
      expect(source.state.returned).toBe(1);
    },
  );

  it.each<[string, Iterable<number> | AsyncIterable<number>]>([
    ['an array', numbers(100_000)],
    [
      'an async iterable',
      (async function* () {
        yield* numbers(100_000);
      })(),
    ],
  ])('passes 100,000 values of %s on in order', async (_, iterable) => {
    await expect(lastValueFrom(creditedObservable(iterable, undefined).pipe(toArray()))).resolves.toEqual(
      numbers(100_000),
    );
  });

  const failure = new Error('planned');

  it.each<[string, Iterable<number> | AsyncIterable<number>]>([
    [
      'a generator that throws',
      (function* () {
        yield 1;
        throw failure;
      })(),
    ],
    [
      'an async generator that throws',
      (async function* () {
        yield await Promise.resolve(1);
        throw failure;
      })(),
    ],
    [
      'an iterable that does not start',
      {
        [Symbol.iterator]: () => {
          throw failure;
        },
      },
    ],
    [
      'an async iterable that does not start',
      {
        [Symbol.asyncIterator]: () => {
          throw failure;
        },
      },
    ],
    [
      'an async iterator that throws instead of rejecting',
      {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            throw failure;
          },
        }),
      },
    ],
  ])('passes on the error of %s', async (_, iterable) => {
    await expect(lastValueFrom(creditedObservable(iterable, undefined))).rejects.toBe(failure);
  });

  it('refuses an iterator that does not answer with objects', async () => {
    const broken = { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(JSON.parse('5')) }) };
    await expect(lastValueFrom(creditedObservable(broken, undefined))).rejects.toThrow('answered 5');
  });

  it('returns a sync generator that is canceled from its own body when its turn is over', () => {
    const log: string[] = [];
    const call = new MemoryStreamCall({ window: 0 });
    const running = new Subscription();
    function* body(): Generator<number> {
      try {
        running.unsubscribe();
        log.push('still running');
        yield 1;
      } finally {
        log.push('returned');
      }
    }
    const onLateError = jest.fn();
    const observable = creditedObservable(body(), new SendCredit(call), onLateError);
    running.add(observable.subscribe(() => log.push('value')));
    call.grant(1);
    expect(log).toEqual(['still running', 'returned']);
    expect(onLateError).not.toHaveBeenCalled();
  });

  it('ignores the late answer of a next() after the cancellation', async () => {
    let answer: ((result: IteratorResult<number>) => void) | undefined;
    const returned = jest.fn(() => Promise.resolve({ done: true as const, value: undefined }));
    const values: number[] = [];
    const subscription = creditedObservable<number>(
      {
        [Symbol.asyncIterator]: () => ({
          next: () =>
            new Promise((resolve) => {
              answer = resolve;
            }),
          return: returned,
        }),
      },
      undefined,
    ).subscribe((value) => values.push(value));
    subscription.unsubscribe();
    expect(returned).toHaveBeenCalledTimes(1);
    answer?.({ done: false, value: 1 });
    await turn();
    expect(values).toEqual([]);
  });

  it.each<[string, () => Promise<never>]>([
    [
      'throws',
      () => {
        throw failure;
      },
    ],
    ['rejects', () => Promise.reject(failure)],
  ])('tells of a return() that %s, and goes on', async (_, broken) => {
    const onLateError = jest.fn();
    const iterable = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: broken }),
    };
    creditedObservable(iterable, undefined, onLateError).subscribe().unsubscribe();
    await turn();
    expect(onLateError.mock.calls).toEqual([[failure]]);
  });

  it('needs no return() of an iterator', async () => {
    const onLateError = jest.fn();
    const iterable = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    creditedObservable(iterable, undefined, onLateError).subscribe().unsubscribe();
    await turn();
    expect(onLateError).not.toHaveBeenCalled();
  });
});
