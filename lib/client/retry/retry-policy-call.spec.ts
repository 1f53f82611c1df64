import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Observable, Subject } from 'rxjs';
import { ElizaService } from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import {
  answerReflect,
  answerSay,
  beginStream,
  endStream,
  failSay,
  memoryEliza,
  type MemoryElizaSetup,
  type MemoryEngine,
  saidTo,
  sentTo,
  streamed,
} from '../../../test/support/memory-eliza.js';
import { MemorySource, turn } from '../../../test/support/memory-flow.js';
import { type MemoryClientExchange } from '../../../test/support/memory-http-client.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type RpcHeaders } from '../../rpc/headers.js';
import { timerWheel } from '../../rpc/timer-wheel.js';
import { type CallOptions } from '../client-types.js';
import { RetriedReplies } from './retry-policy-replies.js';
import { type RetryOptions, type RetryPolicy } from './retry-policy.js';

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
});

afterEach(() => {
  jest.useRealTimers();
});

interface RetrySetup extends Partial<RetryPolicy>, Omit<MemoryElizaSetup, 'retry'> {
  readonly options?: Partial<RetryOptions>;
}

const POLICY: RetryPolicy = { maxAttempts: 4, initialBackoffMs: 100, jitter: 0 };

function setUp({ options, timeoutMs, ...policy }: RetrySetup = {}) {
  return memoryEliza({
    retry: { policies: [{ ...POLICY, ...policy }], ...options },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

/** What the call became: its value, or its error. */
function outcomeOf<T>(call: Promise<T>): Promise<T | ConnectError> {
  return call.catch((error: unknown) => error as ConnectError);
}

async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
}

/** Fails the attempt under way, and lets its backoff pass. */
async function failAndWait(engine: MemoryEngine, backoffMs: number): Promise<void> {
  failSay(engine.latest, 'unavailable');
  await pass(backoffMs);
}

describe('Retries of single replies', () => {
  it('send the same request again until one attempt succeeds', async () => {
    const { engine, eliza } = setUp();
    const said = eliza.say({ sentence: 'hi' }, { headers: { 'x-a': '1' } });
    await failAndWait(engine, 100);
    await failAndWait(engine, 200);
    answerSay(engine.latest, 'third');
    expect(await said).toMatchObject({ sentence: 'third' });
    expect(engine.requests.map(saidTo)).toEqual(['hi', 'hi', 'hi']);
    expect(engine.requests.map((request) => request.header('x-a'))).toEqual(['1', '1', '1']);
  });

  it('wait longer each time', async () => {
    const { engine, eliza } = setUp({ maxAttempts: 9, backoffMultiplier: 3, maxBackoffMs: 400 });
    const said = outcomeOf(eliza.say({}));
    for (const backoffMs of [100, 300, 400, 400]) {
      const { length } = engine.requests;
      failSay(engine.latest, 'unavailable');
      await pass(backoffMs - 1);
      expect(engine.requests).toHaveLength(length);
      await pass(1);
      expect(engine.requests).toHaveLength(length + 1);
    }
    answerSay(engine.latest, 'hi');
    await said;
  });

  it('fail with the error of the last attempt', async () => {
    const { engine, eliza } = setUp({ maxAttempts: 2, retryableCodes: [Code.Unavailable, Code.Aborted] });
    const said = outcomeOf(eliza.say({}));
    await failAndWait(engine, 100);
    failSay(engine.latest, 'aborted');
    expect(await said).toMatchObject({ code: Code.Aborted, rawMessage: 'no. aborted', fromWire: true });
    expect(engine.requests).toHaveLength(2);
  });

  it.each<[string, RetrySetup, string, string[]]>([
    ['a code that is not retryable', {}, 'internal', []],
    ['one attempt', { maxAttempts: 1 }, 'unavailable', []],
    ['a server that wants no retry', {}, 'unavailable', ['grpc-retry-pushback-ms', '-1']],
    ['a deadline before the next attempt', { timeoutMs: 100 }, 'unavailable', []],
    ['a pushback behind the deadline', { timeoutMs: 1_000 }, 'unavailable', ['retry-after', '1']],
    ['throttling', { options: { retryThrottling: { maxTokens: 1, tokenRatio: 0.1 } } }, 'unavailable', []],
    ['policies for other methods', { for: [ElizaService.method.introduce] }, 'unavailable', []],
  ])('do not happen for %s', async (_why, setup, code, headers) => {
    const { engine, eliza } = setUp(setup);
    const said = outcomeOf(eliza.say({}));
    failSay(engine.request, code, headers);
    expect(await said).toMatchObject({ rawMessage: `no. ${code}` });
    await pass(60_000);
    expect(engine.requests).toHaveLength(1);
  });

  it.each([
    ['grpc-retry-pushback-ms', '1700', 1_700],
    ['retry-after', '3', 3_000],
    ['grpc-retry-pushback-ms', '2', 2],
  ])('wait as %s: %s says, and begin with the first backoff behind it', async (name, value, ms) => {
    const { engine, eliza } = setUp();
    const said = eliza.say({});
    await failAndWait(engine, 100);
    failSay(engine.latest, 'unavailable', [name, value]);
    await pass(ms - 1);
    expect(engine.requests).toHaveLength(2);
    await pass(1);
    expect(engine.requests).toHaveLength(3);
    await failAndWait(engine, 100);
    answerSay(engine.latest, 'hi');
    expect(await said).toMatchObject({ sentence: 'hi' });
  });

  it('are for the most specific policy', async () => {
    const { engine, eliza } = memoryEliza({
      retry: {
        policies: [
          { maxAttempts: 1 },
          { ...POLICY, for: [ElizaService], maxAttempts: 2 },
          { ...POLICY, for: [ElizaService.method.say], maxAttempts: 3 },
        ],
      },
    });
    const said = outcomeOf(eliza.say({}));
    await failAndWait(engine, 100);
    await failAndWait(engine, 200);
    await failAndWait(engine, 400);
    await said;
    expect(engine.requests).toHaveLength(3);
    const reflected = outcomeOf(eliza.reflect([]));
    endStream(beginStream(engine.latest), 'unavailable');
    await pass(100);
    endStream(beginStream(engine.latest), 'unavailable');
    await reflected;
    expect(engine.requests).toHaveLength(5);
  });

  it('are for streams of requests too, which are sent again', async () => {
    const { engine, eliza } = setUp();
    const reflected = eliza.reflect([{ sentence: 'a' }, { sentence: 'b' }]);
    await turn();
    endStream(beginStream(engine.latest), 'unavailable');
    await pass(100);
    expect([sentTo(engine.latest), engine.latest.isRequestComplete]).toEqual([['a', 'b'], true]);
    answerReflect(engine.latest, 'a b');
    expect(await reflected).toMatchObject({ sentence: 'a b' });
  });

  it('stop while most calls of the channel fail, and go on when they succeed', async () => {
    const { engine, eliza } = setUp({ options: { retryThrottling: { maxTokens: 4, tokenRatio: 1 } } });
    /** @returns The number of attempts. */
    async function fail(): Promise<number> {
      const before = engine.requests.length;
      const said = outcomeOf(eliza.say({}));
      for (let attempts = 0; attempts < engine.requests.length - before; attempts++) {
        await failAndWait(engine, 1_000);
      }
      await said;
      return engine.requests.length - before;
    }
    async function succeed(): Promise<void> {
      const said = eliza.say({});
      answerSay(engine.latest, 'hi');
      await said;
    }
    expect(await fail()).toBe(2);
    await succeed();
    expect(await fail()).toBe(1);
    await succeed();
    await succeed();
    expect(await fail()).toBe(2);
  });
});

describe('Deadlines of retried calls', () => {
  it('bound all attempts together, and each one is told what is left', async () => {
    const { engine, eliza } = setUp({ timeoutMs: 500 });
    const said = outcomeOf(eliza.say({}));
    expect(engine.latest.header('connect-timeout-ms')).toBe('500');
    await failAndWait(engine, 100);
    expect(Number(engine.latest.header('connect-timeout-ms'))).toBeLessThanOrEqual(400);
    await pass(450);
    expect(await said).toMatchObject({
      code: Code.DeadlineExceeded,
      rawMessage: 'the call did not end within its timeout of 500 ms',
      fromWire: true,
    });
    expect(engine.latest.isReset).toBe(true);
  });

  it('of one attempt end it, and the next one follows', async () => {
    const { engine, eliza } = setUp({ perAttemptTimeoutMs: 1_000, maxAttempts: 2 });
    const said = outcomeOf(eliza.say({}));
    await pass(1_100);
    expect(engine.requests.map(({ isReset }) => isReset)).toEqual([true]);
    await pass(100);
    expect(engine.requests).toHaveLength(2);
    await pass(1_100);
    expect(await said).toMatchObject({
      code: Code.DeadlineExceeded,
      rawMessage: 'no response within perAttemptTimeoutMs of 1000 ms',
    });
  });

  it('of one attempt do not cut a stream that has begun', async () => {
    const { engine, rx } = setUp({ perAttemptTimeoutMs: 1_000 });
    const seen = new Seen();
    rx.introduce({}).subscribe(seen);
    beginStream(engine.latest).data(streamed('a'));
    await pass(5_000);
    engine.latest.data(streamed('b'));
    endStream(engine.latest);
    expect(seen.events).toEqual(['a', 'b', 'end']);
  });
});

describe('Cancellation of retried calls', () => {
  it.each(['an attempt', 'a backoff'])('by signal in %s ends them', async (when) => {
    const { engine, eliza } = setUp({ retryableCodes: [Code.Unavailable, Code.Canceled] });
    const controller = new AbortController();
    const said = outcomeOf(eliza.say({}, { signal: controller.signal }));
    if (when === 'a backoff') {
      await failAndWait(engine, 50);
    }
    controller.abort();
    expect(await said).toMatchObject({ code: Code.Canceled, rawMessage: 'the caller canceled the call' });
    await pass(60_000);
    expect(engine.requests).toHaveLength(1);
  });

  it.each(['say', 'introduce'] as const)(
    'of %s by unsubscribing in a backoff sends nothing',
    async (method) => {
      const { engine, rx } = setUp();
      const subscription = (rx[method]({}) as Observable<unknown>).subscribe();
      if (method === 'say') {
        failSay(engine.latest, 'unavailable');
      } else {
        endStream(beginStream(engine.latest), 'unavailable');
      }
      await pass(50);
      subscription.unsubscribe();
      await pass(60_000);
      expect(engine.requests).toHaveLength(1);
    },
  );

  it.each(['say', 'introduce'] as const)('of %s by unsubscribing resets its attempt', async (method) => {
    const { engine, rx } = setUp({ retryableCodes: [Code.Canceled] });
    (rx[method]({}) as Observable<unknown>).subscribe().unsubscribe();
    expect(engine.request.isReset).toBe(true);
    await pass(60_000);
    expect(engine.requests).toHaveLength(1);
  });
});

describe('Timers of retried calls', () => {
  it.each<[string, (engine: MemoryEngine, controller: AbortController) => void]>([
    ['a success', (engine) => answerSay(engine.latest, 'hi')],
    ['a failure', (engine) => failSay(engine.latest, 'internal')],
    ['cancellation', (_, controller) => controller.abort()],
    [
      'cancellation in a backoff',
      (engine, controller) => {
        failSay(engine.latest, 'unavailable');
        controller.abort();
      },
    ],
  ])('are gone after %s', async (_what, end) => {
    const { engine, eliza } = setUp({ perAttemptTimeoutMs: 60_000, timeoutMs: 90_000 });
    const controller = new AbortController();
    const said = outcomeOf(eliza.say({}, { signal: controller.signal }));
    await failAndWait(engine, 100);
    expect(timerWheel.size).toBe(2);
    end(engine, controller);
    await said;
    expect(timerWheel.size).toBe(0);
    await pass(10); // The wheel stops with its next tick.
    expect(jest.getTimerCount()).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });
});

/** What a subscriber was told. */
class Seen {
  readonly events: string[] = [];

  next({ sentence }: { readonly sentence: string }): void {
    this.events.push(sentence);
  }

  complete(): void {
    this.events.push('end');
  }

  error(error: unknown): void {
    this.events.push((error as ConnectError).rawMessage);
  }
}

describe('Retries of streams', () => {
  it('happen before the first message of the response', async () => {
    const { engine, rx } = setUp();
    const seen = new Seen();
    rx.introduce({}).subscribe(seen);
    endStream(beginStream(engine.latest), 'unavailable');
    await pass(100);
    engine.latest.abort(new ConnectError('connection lost', { code: Code.Unavailable }));
    await pass(200);
    beginStream(engine.latest).data(streamed('a'), streamed('b'));
    endStream(engine.latest);
    expect([seen.events, engine.requests.length]).toEqual([['a', 'b', 'end'], 3]);
  });

  it('do not happen after it', async () => {
    const { engine, rx } = setUp();
    const seen = new Seen();
    rx.introduce({}).subscribe(seen);
    beginStream(engine.latest).data(streamed('a'));
    endStream(engine.latest, 'unavailable');
    await pass(60_000);
    expect([seen.events, engine.requests.length]).toEqual([['a', 'no. unavailable'], 1]);
  });

  it('do not happen for a stream that ends well without a message', async () => {
    const { engine, rx } = setUp();
    const seen = new Seen();
    rx.introduce({}).subscribe(seen);
    endStream(beginStream(engine.latest));
    expect(seen.events).toEqual(['end']);
    await pass(60_000);
    expect(engine.requests).toHaveLength(1);
  });

  it('hold the server back: no more than one message is read ahead', async () => {
    const { engine, eliza } = setUp();
    const iterator = eliza.introduce({})[Symbol.asyncIterator]();
    beginStream(engine.latest).data(streamed('a'), streamed('b'), streamed('c'));
    expect(engine.latest.isPaused).toBe(true);
    endStream(engine.latest);
    const sentences = [];
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      sentences.push(next.value.sentence);
    }
    expect(sentences).toEqual(['a', 'b', 'c']);
  });

  it('send what was sent before, and what came meanwhile', async () => {
    const { engine, rx } = setUp();
    const requests = new Subject<{ sentence: string }>();
    const seen = new Seen();
    rx.converse(requests).subscribe(seen);
    requests.next({ sentence: '1' });
    endStream(beginStream(engine.latest), 'unavailable');
    requests.next({ sentence: '2' });
    await pass(50);
    requests.next({ sentence: '3' });
    expect(requests.observed).toBe(true);
    await pass(50);
    expect(sentTo(engine.latest)).toEqual(['1', '2', '3']);
    requests.next({ sentence: '4' });
    requests.complete();
    expect([sentTo(engine.latest), engine.latest.isRequestComplete]).toEqual([['1', '2', '3', '4'], true]);
    beginStream(engine.latest).data(streamed('a'));
    endStream(engine.latest);
    expect(seen.events).toEqual(['a', 'end']);
  });

  it('half-close behind what was kept when requests complete in a backoff', async () => {
    const { engine, rx } = setUp();
    const requests = new Subject<{ sentence: string }>();
    rx.converse(requests).subscribe(new Seen());
    requests.next({ sentence: '1' });
    endStream(beginStream(engine.latest), 'unavailable');
    await pass(50);
    requests.complete();
    await pass(50);
    expect([sentTo(engine.latest), engine.latest.isRequestComplete]).toEqual([['1'], true]);
    endStream(beginStream(engine.latest));
  });

  it('tell the producer when nobody wants requests any more', async () => {
    const { engine, rx } = setUp();
    const requests = new Subject<{ sentence: string }>();
    const seen = new Seen();
    rx.converse(requests).subscribe(seen);
    endStream(beginStream(engine.latest), 'internal');
    expect([seen.events, requests.observed]).toEqual([['no. internal'], false]);
  });

  it.each<[string, CallOptions, string]>([
    ['a signal that was aborted', { signal: AbortSignal.abort() }, 'the caller canceled the call'],
    ['no time', { timeoutMs: 0 }, 'the call did not end within its timeout of 0 ms'],
  ])('fail at once for %s', async (_what, options, text) => {
    const { engine, rx, eliza } = setUp();
    const seen = new Seen();
    rx.introduce({}, options).subscribe(seen);
    rx.converse(new Subject(), options).subscribe(seen);
    expect(seen.events).toEqual([text, text]);
    expect(await outcomeOf(eliza.reflect([], options))).toMatchObject({ rawMessage: text });
    expect(engine.requests).toEqual([]);
  });

  it('deliver nothing behind the end', () => {
    const error = new ConnectError('enough');
    const replies = new RetriedReplies({
      replyBegins() {
        replies.end(error);
        return false;
      },
      replyCompletes: unexpected,
      attemptFails: unexpected,
      repliesAbandoned: unexpected,
    });
    const source = MemorySource.of(['a']);
    const told: unknown[] = [];
    const tell = (what: unknown) => told.push(what);
    replies.start({ next: tell, complete: unexpected, error: tell });
    replies.pull();
    replies.attach(source);
    expect(told).toEqual([error]);
  });

  it('tell the producer when the response ends behind its first message', () => {
    const { engine, eliza } = setUp();
    const requests = new Subject<{ sentence: string }>();
    const iterator = eliza.converse(requests)[Symbol.asyncIterator]();
    void iterator.next();
    beginStream(engine.latest).data(streamed('a'));
    expect(requests.observed).toBe(true);
    endStream(engine.latest);
    expect(requests.observed).toBe(false);
  });

  it.each<[string, Partial<RetryOptions>]>([
    ['of the call', { bufferBytes: 100 }],
    ['of the channel', { channelBufferBytes: 100 }],
  ])('do not happen when requests do not fit the buffer %s', async (_whose, options) => {
    const { engine, rx } = setUp({ options });
    const requests = new Subject<{ sentence: string }>();
    const seen = new Seen();
    rx.converse(requests).subscribe(seen);
    requests.next({ sentence: 'x'.repeat(60) });
    requests.next({ sentence: 'y'.repeat(60) });
    endStream(beginStream(engine.latest), 'unavailable');
    expect(seen.events).toEqual(['no. unavailable']);
    await pass(60_000);
    expect(engine.requests).toHaveLength(1);
  });

  it('give their place in the buffer of the channel back', async () => {
    const { engine, rx } = setUp({ options: { channelBufferBytes: 100 } });
    for (const [i, code] of ['internal', undefined, 'unavailable'].entries()) {
      const requests = new Subject<{ sentence: string }>();
      const seen = new Seen();
      rx.converse(requests).subscribe(seen);
      requests.next({ sentence: 'x'.repeat(60) });
      endStream(beginStream(engine.latest), code);
      expect(seen.events).toHaveLength(i === 2 ? 0 : 1);
    }
    await pass(100);
    expect(engine.requests).toHaveLength(4);
    endStream(beginStream(engine.latest));
  });

  it('take over what comes in a backoff and does not fit, for one last attempt', async () => {
    const { engine, eliza } = setUp({ options: { bufferBytes: 0 }, maxAttempts: 4 });
    let give: ((sentence: string) => void) | undefined;
    async function* requests() {
      yield {
        sentence: await new Promise<string>((resolve) => {
          give = resolve;
        }),
      };
    }
    const reflected = outcomeOf(eliza.reflect(requests()));
    await turn();
    endStream(beginStream(engine.latest), 'unavailable');
    await pass(50);
    give?.('late');
    await pass(50);
    expect(sentTo(engine.latest)).toEqual(['late']);
    endStream(beginStream(engine.latest), 'unavailable');
    expect(await reflected).toMatchObject({ code: Code.Unavailable });
    expect(engine.requests).toHaveLength(2);
  });
});

/** Options of a call that note a header and a trailer. */
function watch() {
  const told: (string | undefined)[] = [];
  return {
    told,
    onHeaders: (headers: RpcHeaders) => told.push(headers.get('x-h')),
    onTrailers: (trailers: RpcHeaders) => told.push(trailers.get('x-t')),
  };
}

function unexpected(): never {
  throw new Error('was not expected');
}

function enough(): never {
  throw new Error('enough');
}

describe('Headers and trailers of retried calls', () => {
  it('are those of the attempt that counts', async () => {
    const { engine, eliza } = setUp();
    const { told, ...callbacks } = watch();
    const said = eliza.say({}, callbacks);
    failSay(engine.latest, 'unavailable', ['x-h', 'failed', 'trailer-x-t', 'failed']);
    await pass(100);
    answerSay(engine.latest, 'hi', ['x-h', 'h', 'trailer-x-t', 't']);
    await said;
    expect(told).toEqual(['h', 't']);
  });

  it('of a failure are those of the last attempt', async () => {
    const { engine, eliza } = setUp();
    const { told, ...callbacks } = watch();
    const said = outcomeOf(eliza.say({}, callbacks));
    failSay(engine.latest, 'internal', ['x-h', 'h', 'trailer-x-t', 't']);
    await said;
    expect(told).toEqual(['h', 't']);
  });

  it('of a stream come before its first message, and at once in the last attempt', async () => {
    const { engine, rx } = setUp({ maxAttempts: 2 });
    const { told, ...callbacks } = watch();
    rx.introduce({}, callbacks).subscribe({ next: ({ sentence }) => told.push(sentence), error: () => {} });
    beginStream(engine.latest, ['x-h', 'failed']);
    expect(told).toEqual([]);
    endStream(engine.latest, 'unavailable');
    await pass(100);
    beginStream(engine.latest, ['x-h', 'h']);
    expect(told).toEqual(['h']);
    engine.latest.data(streamed('a'));
    endStream(engine.latest, undefined, { 'x-t': ['t'] });
    expect(told).toEqual(['h', 'a', 't']);
  });

  it.each<[string, 'onHeaders' | 'onTrailers', (exchange: MemoryClientExchange) => void]>([
    ['headers of a success', 'onHeaders', (exchange) => answerSay(exchange, 'hi')],
    ['trailers of a success', 'onTrailers', (exchange) => answerSay(exchange, 'hi')],
    ['headers of a failure', 'onHeaders', (exchange) => failSay(exchange, 'internal')],
  ])('end the call when the function for the %s throws', async (_what, name, answer) => {
    const { engine, eliza } = setUp();
    const said = outcomeOf(eliza.say({}, { [name]: enough }));
    answer(engine.latest);
    expect(await said).toMatchObject({
      code: Code.Canceled,
      rawMessage: 'onHeaders or onTrailers threw: Error: enough',
      fromWire: true,
    });
  });

  it.each([1, 2])('end a stream when onHeaders throws with %d attempts', (maxAttempts) => {
    const { engine, rx } = setUp({ maxAttempts });
    const seen = new Seen();
    rx.introduce({}, { onHeaders: enough }).subscribe(seen);
    beginStream(engine.latest).data(streamed('a'));
    expect(seen.events).toEqual(['onHeaders or onTrailers threw: Error: enough']);
    expect(engine.latest.isReset).toBe(true);
  });

  it.each([1, 2])(
    'end a stream when onHeaders is async and rejects, with %d attempts',
    async (maxAttempts) => {
      const { engine, rx } = setUp({ maxAttempts });
      const seen = new Seen();
      rx.introduce({}, { onHeaders: async () => enough() }).subscribe(seen);
      beginStream(engine.latest).data(streamed('a'));
      await pass(0);
      expect(seen.events).toEqual(['a', 'onHeaders or onTrailers threw: Error: enough']);
      expect(engine.latest.isReset).toBe(true);
    },
  );
});
