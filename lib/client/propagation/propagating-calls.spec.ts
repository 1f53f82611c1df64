/**
 * What of an incoming call reaches the wire, and when its end is that of the calls made for it: on an engine without a
 * socket. `test/e2e/propagation.spec.ts` has the same with servers.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { catchError, lastValueFrom, of } from 'rxjs';
import {
  answerSay,
  beginStream,
  endStream,
  failSay,
  memoryEliza,
  type MemoryElizaSetup,
  streamed,
} from '../../../test/support/memory-eliza.js';
import { eventually } from '../../../test/support/eventually.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeadersInit, RpcHeaders } from '../../rpc/headers.js';
import { timerWheel, WheelTimer } from '../../rpc/timer-wheel.js';
import { type Channel } from '../channel.js';
import { type CallOptions } from '../client-types.js';
import { type ClientInterceptorFunction, type InterceptedCall } from '../interceptor/interceptor.js';
import { type Incoming, incomingCalls } from './incoming-calls.js';

const FAR_MS = 60_000;
const TRACE = { traceparent: '00-trace-span-01', tracestate: 'vendor=1', 'x-tenant': 'acme' };

/** A call as a server has it. */
class TestIncoming implements Incoming {
  readonly #controller = new AbortController();
  readonly requestHeaders: RpcHeaders;
  cancelReason: ConnectError | undefined;
  isAnswered = false;

  constructor(
    public deadline: number | undefined,
    headers: HeadersInit = {},
  ) {
    this.requestHeaders = new RpcHeaders(headers);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get listeners(): number {
    return getEventListeners(this.signal, 'abort').length;
  }

  cancel(code = Code.Canceled): void {
    this.isAnswered = true;
    this.cancelReason = new ConnectError('over', { code });
    this.#controller.abort(this.cancelReason);
  }
}

const channels: Channel[] = [];

afterEach(async () => {
  await Promise.all(channels.splice(0).map((channel) => channel.close()));
});

function eliza(setup?: MemoryElizaSetup) {
  const made = memoryEliza(setup);
  channels.push(made.channel);
  return made;
}

function run<T>(incoming: Incoming, begin: () => T): T {
  let result: { readonly value: T } | undefined;
  incomingCalls.run(incoming, () => {
    result = { value: begin() };
  });
  return (result as { readonly value: T }).value;
}

function ended(promise: Promise<unknown>): Promise<ConnectError> {
  return promise.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => error as ConnectError,
  );
}

/** Its headers, `undefined` for what is not sent. */
function sent(incoming: Incoming, names: readonly string[], setup: MemoryElizaSetup, options?: CallOptions) {
  const { engine, eliza: client } = eliza(setup);
  run(incoming, () => void client.say({ sentence: 'hi' }, options).catch(() => {}));
  const values = names.map((name) => engine.request.header(name));
  answerSay(engine.request, 'hi');
  return values;
}

describe('Headers of an incoming call', () => {
  const NAMES = ['traceparent', 'tracestate', 'x-tenant'];

  it.each<[string, MemoryElizaSetup, CallOptions | undefined, (string | undefined)[]]>([
    ['pass on: those of a trace', {}, undefined, ['00-trace-span-01', 'vendor=1', undefined]],
    [
      'pass on: those that are named',
      { propagate: { headers: ['X-Tenant'] } },
      {},
      [undefined, undefined, 'acme'],
    ],
    ['stay when none is named', { propagate: { headers: [] } }, {}, [undefined, undefined, undefined]],
    ['stay where the channel passes nothing on', { propagate: false }, {}, [undefined, undefined, undefined]],
    ['stay where the call passes nothing on', {}, { propagate: false }, [undefined, undefined, undefined]],
    [
      'yield to those of the channel',
      { headers: { Tracestate: 'own' } },
      {},
      ['00-trace-span-01', 'own', undefined],
    ],
    ['yield to those of the call', {}, { headers: { Traceparent: 'own' } }, ['own', 'vendor=1', undefined]],
  ])('%s', (_what, setup, options, expected) => {
    expect(sent(new TestIncoming(undefined, TRACE), NAMES, setup, options)).toEqual(expected);
  });

  it('keep all their values, binary ones too', () => {
    const incoming = new TestIncoming(undefined, { 'x-bin': new Uint8Array([1, 2]), 'x-a': ['1', '2'] });
    const setup = { propagate: { headers: ['x-a', 'x-bin'] } };
    expect(sent(incoming, setup.propagate.headers, setup)).toEqual(['1, 2', 'AQI']);
  });
});

describe('The time of an incoming call', () => {
  it.each<[string, number | undefined, number | undefined, number | undefined, 'left' | number | undefined]>([
    ['no deadline', undefined, undefined, undefined, undefined],
    ['no deadline, timeout of the call', undefined, undefined, 500, 500],
    ['no deadline, no limit for the call', undefined, 700, Infinity, undefined],
    ['a deadline', FAR_MS, undefined, undefined, 'left'],
    ['a deadline, longer timeouts', FAR_MS, 2 * FAR_MS, 3 * FAR_MS, 'left'],
    ['a deadline, no limit for the call', FAR_MS, undefined, Infinity, 'left'],
    ['a deadline, shorter timeout of the channel', FAR_MS, 700, undefined, 700],
    ['a deadline, shorter timeout of the call', FAR_MS, 2 * FAR_MS, 500, 500],
  ])('bounds outgoing calls: %s', (_what, leftMs, ofChannel, ofCall, expected) => {
    const incoming = new TestIncoming(leftMs === undefined ? undefined : performance.now() + leftMs);
    const setup = ofChannel === undefined ? {} : { timeoutMs: ofChannel };
    const [timeout] = sent(incoming, ['connect-timeout-ms'], setup, { timeoutMs: ofCall });
    const sentMs = timeout === undefined ? undefined : Number(timeout);
    const isLeft = sentMs !== undefined && sentMs > FAR_MS / 2 && sentMs <= FAR_MS;
    expect(isLeft ? 'left' : sentMs).toBe(expected);
  });

  it('is what is left for an attempt of a retried call', async () => {
    const policies = [{ maxAttempts: 2, initialBackoffMs: 1 }];
    const { engine, eliza: client } = eliza({ retry: { policies } });
    const call = run(new TestIncoming(performance.now() + FAR_MS), () => client.say({ sentence: 'hi' }));
    failSay(engine.request, 'unavailable');
    await eventually(() => engine.requests.length === 2);
    const [first, second] = engine.requests.map((request) => Number(request.header('connect-timeout-ms')));
    answerSay(engine.latest, 'hi');
    await call;
    expect(first).toBeLessThanOrEqual(FAR_MS);
    expect(second).toBeLessThan(first as number);
  });

  it('is over: the call fails without a request', async () => {
    const { engine, eliza: client } = eliza();
    const error = await ended(
      run(new TestIncoming(performance.now() - 1), () => client.say({ sentence: 'hi' })),
    );
    expect(error).toMatchObject({ code: Code.DeadlineExceeded, fromWire: false });
    expect(engine.requests).toEqual([]);
  });

  it('still refuses a timeout that is none', async () => {
    const { eliza: client } = eliza();
    const call = run(new TestIncoming(performance.now() + FAR_MS), () =>
      client.say({ sentence: 'hi' }, { timeoutMs: NaN }),
    );
    expect(await ended(call)).toMatchObject({ code: Code.InvalidArgument });
  });
});

describe('The end of an incoming call', () => {
  it.each([
    ['canceled', Code.Canceled, Code.Canceled],
    ['out of time', Code.DeadlineExceeded, Code.DeadlineExceeded],
    ['ended by its server', Code.Unavailable, Code.Canceled],
  ])('ends a call under way: %s', async (_how, reason, code) => {
    const { engine, eliza: client } = eliza();
    const incoming = new TestIncoming(undefined);
    const call = run(incoming, () => client.say({ sentence: 'hi' }));
    incoming.cancel(reason);
    // One of our own: nothing to mask, and nothing to log.
    expect(await ended(call)).toMatchObject({ code, fromWire: false });
    expect(engine.request.isReset).toBe(true);
  });

  it('ends a stream under way, with an error', async () => {
    const { engine, eliza: client } = eliza();
    const incoming = new TestIncoming(undefined);
    const seen: string[] = [];
    const reading = run(incoming, async () => {
      for await (const { sentence } of client.introduce({ name: 'Ada' })) {
        seen.push(sentence);
      }
    });
    beginStream(engine.request).data(streamed('one'));
    await eventually(() => seen.length === 1);
    incoming.cancel();
    expect(await ended(reading)).toMatchObject({ code: Code.Canceled, fromWire: false });
    expect(engine.request.isReset).toBe(true);
  });

  it('ends a call that waits for another try', async () => {
    const { engine, eliza: client } = eliza({
      retry: { policies: [{ maxAttempts: 2, initialBackoffMs: FAR_MS }] },
    });
    const incoming = new TestIncoming(undefined);
    const call = run(incoming, () => client.say({ sentence: 'hi' }));
    failSay(engine.request, 'unavailable');
    incoming.cancel();
    expect(await ended(call)).toMatchObject({ code: Code.Canceled });
  });

  it('leaves a call alone that must outlive it', async () => {
    const { engine, eliza: client } = eliza();
    const incoming = new TestIncoming(performance.now() + FAR_MS);
    const call = run(incoming, () => client.say({ sentence: 'hi' }, { propagate: false }));
    incoming.cancel();
    answerSay(engine.request, 'still here');
    expect(await call).toMatchObject({ sentence: 'still here' });
  });

  it('lets no call begin after a cancellation', async () => {
    const { engine, eliza: client } = eliza();
    const incoming = new TestIncoming(undefined);
    incoming.cancel();
    expect(await ended(run(incoming, () => client.say({ sentence: 'hi' })))).toMatchObject({
      code: Code.Canceled,
    });
    expect(engine.requests).toEqual([]);
  });

  it('by an answer neither ends nor bounds what goes on; headers still pass on', async () => {
    const incoming = new TestIncoming(performance.now() - 1, TRACE);
    incoming.isAnswered = true;
    expect(sent(incoming, ['connect-timeout-ms', 'traceparent'], {})).toEqual([
      undefined,
      '00-trace-span-01',
    ]);
  });

  it('by an answer leaves the own timeout of later calls what it is', async () => {
    const { eliza: client } = eliza();
    const incoming = new TestIncoming(performance.now() - 1);
    incoming.isAnswered = true;
    const error = await ended(run(incoming, () => client.say({ sentence: 'hi' }, { timeoutMs: 0 })));
    expect(error).toMatchObject({ code: Code.DeadlineExceeded, fromWire: true });
  });

  it.each<[string, (incoming: TestIncoming, own: AbortController) => void, Code, string]>([
    ['the caller', (_incoming, own) => own.abort(), Code.Canceled, 'the caller canceled the call'],
    [
      'the time of the caller',
      (_incoming, own) => own.abort(new DOMException('late', 'TimeoutError')),
      Code.DeadlineExceeded,
      'the signal timed out',
    ],
    ['the incoming call', (incoming) => incoming.cancel(), Code.Canceled, 'the incoming call was canceled'],
  ])(
    'and a signal of the caller: ended by %s, during the call or before',
    async (_who, end, code, rawMessage) => {
      const { engine, eliza: client } = eliza();
      const incoming = new TestIncoming(undefined);
      const own = new AbortController();
      const call = () => ended(run(incoming, () => client.say({ sentence: 'hi' }, { signal: own.signal })));
      const under = call();
      end(incoming, own);
      expect([await under, await call()]).toMatchObject([
        { code, rawMessage },
        { code, rawMessage },
      ]);
      expect(engine.requests).toHaveLength(1);
      expect([incoming.listeners, getEventListeners(own.signal, 'abort').length]).toEqual([0, 0]);
    },
  );

  it('hides no error that a server sent meanwhile', async () => {
    const { engine, eliza: client } = eliza();
    const call = run(new TestIncoming(performance.now() + FAR_MS), () => client.say({ sentence: 'hi' }));
    failSay(engine.request, 'deadline_exceeded');
    expect(await ended(call)).toMatchObject({ code: Code.DeadlineExceeded, fromWire: true });
  });
});

const passingOn: ClientInterceptorFunction = (next) => next;

function ownSignal(): AbortSignal {
  return new AbortController().signal;
}

describe('1,000 calls for one incoming call', () => {
  it.each<[string, MemoryElizaSetup, AbortSignal | undefined]>([
    ['with its signal alone', {}, undefined],
    ['with a signal of the caller', {}, ownSignal()],
    ['without a signal of its own', { propagate: false }, ownSignal()],
    ['through interceptors', { interceptors: [passingOn] }, undefined],
    ['with retries', { retry: { policies: [{ maxAttempts: 2, initialBackoffMs: FAR_MS }] } }, undefined],
  ])('leave no listener, and never have more than one: %s', async (_what, setup, own) => {
    const { engine, eliza: client } = eliza(setup);
    const incoming = new TestIncoming(performance.now() + 2 * FAR_MS);
    const signals = own === undefined ? [incoming.signal] : [incoming.signal, own];
    const listeners = () => signals.map((each) => getEventListeners(each, 'abort').length);
    const calls = run(incoming, () =>
      Array.from({ length: 1_000 }, () => client.say({ sentence: 'hi' }, { signal: own })),
    );
    const begun = [setup.propagate === false ? 0 : 1, 1].slice(0, signals.length);
    expect(listeners()).toEqual(begun);
    // Half of them: those with retries wait for another try.
    engine.requests.forEach((request, i) =>
      i % 2 ? failSay(request, 'unavailable') : answerSay(request, 'hi'),
    );
    expect(Math.max(...listeners())).toBeLessThanOrEqual(1);
    incoming.cancel();
    await Promise.allSettled(calls);
    expect(listeners()).toEqual(signals.map(() => 0));
  });

  it('leave none when they cannot begin, or are abandoned', () => {
    const { eliza: client } = eliza();
    const incoming = new TestIncoming(undefined);
    const { signal } = new AbortController();
    run(incoming, () => {
      void client.say({ sentence: 'hi' }, { signal, headers: { 'not a name': '' } }).catch(() => {});
      client.introduce({ name: 'Ada' }, { signal }).subscribe().unsubscribe();
    });
    expect(incoming.listeners + getEventListeners(signal, 'abort').length).toBe(0);
  });
});

describe('The incoming call that counts', () => {
  it('is that of whoever subscribes, or iterates', () => {
    const { engine, eliza: client } = eliza();
    const [made, read] = ['made', 'read'].map((traceparent) => new TestIncoming(undefined, { traceparent }));
    const stream = run(made as Incoming, () => client.introduce({ name: 'Ada' }));
    run(read as Incoming, () => stream.subscribe({ error: () => {} }));
    expect(engine.request.header('traceparent')).toBe('read');
  });

  it('is there where the replies of its calls arrive, whoever brings them', async () => {
    const { engine, rx } = eliza();
    const storage = new AsyncLocalStorage<string>();
    const incoming = new TestIncoming(undefined, TRACE);
    const seen: unknown[] = [];
    const note = () => seen.push([incomingCalls.current === incoming, storage.getStore()]);
    storage.run('mine', () =>
      run(incoming, () => {
        rx.say({ sentence: 'hi' }).subscribe({ next: note, complete: note });
        rx.introduce({ name: 'Ada' }).subscribe({ next: note, error: note });
      }),
    );
    const [single, stream] = engine.requests as [typeof engine.latest, typeof engine.latest];
    answerSay(single, 'hi');
    endStream(beginStream(stream).data(streamed('one')), 'internal');
    expect(seen).toEqual(Array.from({ length: 4 }, () => [true, 'mine']));
  });

  it('is that of its own calls when a timer of all calls expires', async () => {
    const { rx } = eliza();
    const call = () => {
      const reply$ = rx.say({ sentence: 'hi' }, { timeoutMs: 20 });
      return lastValueFrom(reply$.pipe(catchError(() => of(incomingCalls.current))));
    };
    const incoming = new TestIncoming(undefined);
    // The first one starts the ticker.
    expect(await Promise.all([run(incoming, call), call()])).toEqual([incoming, undefined]);
  });

  it('does not become that of everybody whose timer expires', async () => {
    eliza();
    const seen: unknown[] = [];
    run(new TestIncoming(undefined), () => timerWheel.start(new WheelTimer(() => {}), 1_000));
    timerWheel.start(new WheelTimer(() => seen.push(incomingCalls.current)), 10);
    await eventually(() => seen.length === 1);
    expect(seen).toEqual([undefined]);
  });
});

describe('Interceptors', () => {
  it('see headers, time and signal of what is sent', async () => {
    const seen: InterceptedCall[] = [];
    const watching: ClientInterceptorFunction = (next) => (call) => {
      seen.push(call);
      return next(call);
    };
    const { engine, eliza: client } = eliza({ interceptors: [watching], headers: { 'x-a': 'channel' } });
    const incoming = new TestIncoming(performance.now() + FAR_MS, TRACE);
    const call = run(incoming, () => client.say({ sentence: 'hi' }));
    expect(Object.fromEntries(seen[0]?.headers ?? [])).toEqual({
      traceparent: TRACE.traceparent,
      tracestate: TRACE.tracestate,
      'x-a': 'channel',
    });
    expect(seen[0]?.timeoutMs).toBeLessThanOrEqual(FAR_MS);
    expect(seen[0]?.signal).toBe(incoming.signal);
    answerSay(engine.request, 'hi');
    await call;
  });
});
