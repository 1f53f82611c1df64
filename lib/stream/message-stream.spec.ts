import { describe, expect, it, jest } from '@jest/globals';
import { concatMap, defer, from, lastValueFrom, map, type Observable, take, toArray } from 'rxjs';
import { MemorySource, turn } from '../../test/support/memory-flow.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { MessageStream, type RpcStream } from './message-stream.js';

const PATH = '/test.v1.TestService/Call';

function stream<T>(source: MemorySource<T>): RpcStream<T> {
  return new MessageStream(source, { path: PATH });
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function canceled(): ConnectError {
  return new ConnectError('the peer went away', { code: Code.Canceled });
}

/** What an Observable notifies, as words. */
function record<T>(observable: Observable<T>): { log: unknown[]; unsubscribe: () => void } {
  const log: unknown[] = [];
  const subscription = observable.subscribe({
    next: (value) => log.push(value),
    error: (error: unknown) => log.push(error),
    complete: () => log.push('complete'),
  });
  return { log, unsubscribe: () => subscription.unsubscribe() };
}

/** The three ways to consume, each until its first message or its failure. */
const WAYS: [name: string, consume: (requests: RpcStream<number>) => Promise<unknown>][] = [
  ['subscribe', (requests) => lastValueFrom(requests.pipe(take(1)))],
  ['iterate', async (requests) => (await requests[Symbol.asyncIterator]().next()).value],
  ['mapEach', (requests) => lastValueFrom(requests.mapEach((value) => [value]).pipe(take(1)))],
];

describe('MessageStream', () => {
  it.each(WAYS)('touches the source only when it is consumed: %s', async (_, consume) => {
    const source = new MemorySource([1, 2]);
    const requests = stream(source);
    requests.pipe(map((value) => value));
    requests.mapEach((value) => [value]);
    await turn();
    expect(source).toMatchObject({ isStarted: false, pulled: 0 });
    await expect(consume(requests)).resolves.toBe(1);
  });

  it.each(WAYS.flatMap((first) => WAYS.map((second) => [first[0], second[0], first[1], second[1]] as const)))(
    'fails when %s is followed by %s, and names the method',
    async (_, __, first, second) => {
      const source = new MemorySource([1, 2]);
      const requests = stream(source);
      await expect(first(requests)).resolves.toBe(1);
      const pulled = source.pulled;
      await expect(second(requests)).rejects.toThrow(`the messages of ${PATH} were consumed twice`);
      expect(source.pulled).toBe(pulled);
    },
  );

  it.each(WAYS)('tells of a stream that broke before it was consumed: %s', async (_, consume) => {
    const source = new MemorySource([1, 2]);
    const reason = canceled();
    source.break(reason);
    await expect(consume(stream(source))).rejects.toBe(reason);
    expect(source).toMatchObject({ pulled: 0, isCanceled: false });
  });

  it('fails the second subscriber of one mapEach, and leaves the first alone', () => {
    const source = new MemorySource<number>();
    const mapped = stream(source).mapEach((value) => [value]);
    const first = record(mapped);
    const second = record(mapped);
    source.push(1);
    source.complete();
    expect(first.log).toEqual([1, 'complete']);
    expect(second.log).toEqual([expect.objectContaining({ message: expect.stringContaining('twice') })]);
  });

  it('is done after the rejection of a second iteration', async () => {
    const requests = stream(MemorySource.of([1]));
    requests[Symbol.asyncIterator]();
    const second = requests[Symbol.asyncIterator]();
    await expect(second.next()).rejects.toThrow('twice');
    await expect(second.next()).resolves.toEqual({ done: true, value: undefined });
  });
});

describe('MessageStream, subscribed', () => {
  it('delivers 100,000 messages in order without growing the stack', async () => {
    const requests = stream(MemorySource.of(numbers(100_000)));
    await expect(lastValueFrom(requests.pipe(toArray()))).resolves.toEqual(numbers(100_000));
  });

  it('asks for the next message as soon as one is delivered', () => {
    const source = new MemorySource<number>();
    const { log } = record(stream(source));
    expect(source.pulled).toBe(1);
    source.push(1, 2, 3);
    expect(source.pulled).toBe(4);
    expect(log).toEqual([1, 2, 3]);
  });

  it('completes with the source', () => {
    expect(record(stream(MemorySource.of([1]))).log).toEqual([1, 'complete']);
    expect(record(stream(MemorySource.of([]))).log).toEqual(['complete']);
  });

  it('passes the break of the source on as an error, and does not cancel what is gone', () => {
    const source = new MemorySource([1]);
    const { log } = record(stream(source));
    const reason = canceled();
    source.break(reason);
    expect(log).toEqual([1, reason]);
    expect(source.isCanceled).toBe(false);
  });

  it('cancels the source in the turn in which it is unsubscribed', () => {
    const source = new MemorySource([1]);
    const { log, unsubscribe } = record(stream(source));
    unsubscribe();
    expect(source.isCanceled).toBe(true);
    source.push(2);
    expect(log).toEqual([1]);
  });

  it('stops in the middle of what is buffered when an operator has enough', () => {
    const source = MemorySource.of(numbers(100));
    expect(record(stream(source).pipe(take(3))).log).toEqual([0, 1, 2, 'complete']);
    expect(source).toMatchObject({ delivered: 3, isCanceled: true });
  });

  it('does not cancel a source that has completed', () => {
    const source = MemorySource.of([1]);
    record(stream(source)).unsubscribe();
    expect(source.isCanceled).toBe(false);
  });
});

function watched(source: MemorySource<number>, hasAnswered = (): boolean => false) {
  const onWarn = jest.fn();
  const requests = new MessageStream(source, {
    path: PATH,
    unbounded: { warnBytes: 100, source, onWarn },
    call: {
      get isAnswered() {
        return hasAnswered();
      },
    },
  });
  return { requests, onWarn };
}

describe('MessageStream, delivered without bound', () => {
  // Ten bytes a message: the eleventh is over the limit.
  it.each([
    [10, 0],
    [11, 1],
    [50, 1],
  ])('after %d messages has warned %d times', (count, warnings) => {
    const { requests, onWarn } = watched(new MemorySource(numbers(count)));
    requests.pipe(concatMap(() => new Promise(() => {}))).subscribe();
    expect(onWarn).toHaveBeenCalledTimes(warnings);
  });

  it('does not warn when the handler has answered', () => {
    const { requests, onWarn } = watched(new MemorySource(numbers(50)), () => true);
    requests.subscribe();
    expect(onWarn).not.toHaveBeenCalled();
  });

  it('does not warn for what holds the peer back', async () => {
    const iterated = watched(MemorySource.of(numbers(50)));
    await expect(lastValueFrom(defer(() => from(readAll(iterated.requests))))).resolves.toHaveLength(50);
    const mapped = watched(MemorySource.of(numbers(50)));
    mapped.requests.mapEach((value) => [value]).subscribe();
    expect(iterated.onWarn).not.toHaveBeenCalled();
    expect(mapped.onWarn).not.toHaveBeenCalled();
  });
});

async function readAll<T>(requests: AsyncIterable<T>): Promise<T[]> {
  const result: T[] = [];
  for await (const message of requests) {
    result.push(message);
  }
  return result;
}

describe('MessageStream, iterated', () => {
  it('delivers 100,000 messages in order', async () => {
    await expect(readAll(stream(MemorySource.of(numbers(100_000))))).resolves.toEqual(numbers(100_000));
  });

  it('pulls exactly one message for each next()', async () => {
    const source = new MemorySource(numbers(10));
    const iterator = stream(source)[Symbol.asyncIterator]();
    await turn();
    expect(source.pulled).toBe(0);
    for (let i = 0; i < 5; i++) {
      await expect(iterator.next()).resolves.toEqual({ done: false, value: i });
      await turn();
      expect(source.pulled).toBe(i + 1);
    }
  });

  it('answers concurrent next() calls in order, also beyond the end', async () => {
    const source = new MemorySource<number>();
    const iterator = stream(source)[Symbol.asyncIterator]();
    const results = Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    source.push(1);
    await turn();
    source.push(2);
    source.complete();
    await expect(results).resolves.toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
    await expect(iterator.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it('rejects the next() that waits when the source breaks, and is done after it', async () => {
    const source = new MemorySource<number>();
    const iterator = stream(source)[Symbol.asyncIterator]();
    const [first, second] = [iterator.next(), iterator.next()];
    const reason = canceled();
    source.break(reason);
    await expect(first).rejects.toBe(reason);
    await expect(second).resolves.toEqual({ done: true, value: undefined });
  });

  it('keeps a break that comes between two next() calls for the later one', async () => {
    const source = new MemorySource([1]);
    const iterator = stream(source)[Symbol.asyncIterator]();
    await iterator.next();
    const reason = canceled();
    source.break(reason);
    await turn();
    await expect(iterator.next()).rejects.toBe(reason);
    await expect(iterator.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it('cancels the source when the loop is left', async () => {
    const source = MemorySource.of(numbers(10));
    for await (const message of stream(source)) {
      if (message === 2) {
        break;
      }
    }
    expect(source).toMatchObject({ pulled: 3, isCanceled: true });
  });

  it('ends a waiting next() when return() is called, in the same turn', async () => {
    const source = new MemorySource<number>();
    const iterator = stream(source)[Symbol.asyncIterator]();
    const waiting = iterator.next();
    const returned = iterator.return?.();
    expect(source.isCanceled).toBe(true);
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
    await expect(returned).resolves.toEqual({ done: true, value: undefined });
    await expect(iterator.next()).resolves.toEqual({ done: true, value: undefined });
  });
});
