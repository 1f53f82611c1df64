import { getEventListeners } from 'node:events';
import { create, isMessage } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import {
  catchError,
  concat,
  concatMap,
  delay,
  EMPTY,
  filter,
  finalize,
  from,
  lastValueFrom,
  map,
  mergeMap,
  NEVER,
  Observable,
  of,
  retry,
  Subject,
  take,
  tap,
  throwError,
  timeout,
  toArray,
} from 'rxjs';
import {
  ElizaService,
  type IntroduceResponse,
  SayRequestSchema,
  SayResponseSchema,
} from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import {
  answerReflect,
  answerSay,
  beginStream,
  endStream,
  failSay,
  memoryEliza,
  saidTo,
  sentTo,
  streamed,
} from '../../../test/support/memory-eliza.js';
import { turn, until } from '../../../test/support/memory-flow.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { ContextValues, createContextKey } from '../../rpc/context-values.js';
import { timerWheel } from '../../rpc/timer-wheel.js';
import {
  type ClientInterceptor,
  type ClientInterceptorFunction,
  type InterceptedCall,
  type NextCall,
} from './interceptor.js';

/** A function `(call, next)` as an interceptor of either form. */
type Intercept = ClientInterceptor['intercept'];

function setUp(...intercepts: Intercept[]) {
  return memoryEliza({ interceptors: intercepts.map((intercept) => ({ intercept })) });
}

function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => error as ConnectError,
  );
}

const unreadable = {
  get sentence(): string {
    return thrown();
  },
};

function* once() {
  yield { sentence: 'a' };
}

/** Notes when a call passes, and when its reply does. */
function noting(name: string, notes: string[]): ClientInterceptorFunction {
  return (next) => (call) => {
    notes.push(`${name} →`);
    return next(call).pipe(tap(() => notes.push(`← ${name}`)));
  };
}

describe('Interceptors: what they are around', () => {
  it("are the client's, then the channel's, outermost first, functions and objects alike", async () => {
    const notes: string[] = [];
    const { engine, eliza, rx } = memoryEliza({
      interceptors: [noting('c', notes), { intercept: (call, next) => noting('d', notes)(next)(call) }],
      client: { interceptors: [noting('a', notes), noting('b', notes)] },
    });
    const said = eliza.say({});
    answerSay(engine.latest, 'hi');
    await said;
    const expected = ['a →', 'b →', 'c →', 'd →', '← d', '← c', '← b', '← a'];
    expect(notes).toEqual(expected);
    const rxSaid = lastValueFrom(rx.say({}));
    answerSay(engine.latest, 'hi');
    await rxSaid;
    expect(notes).toEqual([...expected, ...expected]);
  });

  it("of one client are not another one's", async () => {
    const notes: string[] = [];
    const { channel, engine, eliza } = memoryEliza({ client: { interceptors: [noting('a', notes)] } });
    const other = channel.caller(ElizaService.method.say).promising({}) as Promise<unknown>;
    answerSay(engine.latest, 'hi');
    await other;
    expect(notes).toEqual([]);
    const said = eliza.say({});
    answerSay(engine.latest, 'hi');
    await said;
    expect(notes).toEqual(['a →', '← a']);
  });

  it('run with each subscription of an Rx call, and not before', () => {
    const notes: string[] = [];
    const { rx } = memoryEliza({ interceptors: [noting('a', notes)] });
    const say$ = rx.say({});
    const introduce$ = rx.introduce({});
    expect(notes).toEqual([]);
    [say$, say$, introduce$, introduce$].forEach((call$: Observable<unknown>) => call$.subscribe());
    expect(notes).toEqual(['a →', 'a →', 'a →', 'a →']);
  });

  it.each<[string, unknown, string]>([
    ['a string', 'log', 'interceptors[0] is a string: expected a function (next) => (call) => …'],
    ['an object of another kind', { use: () => {} }, 'interceptors[0] is a plain object'],
    [
      'a class',
      class Tokens {
        intercept() {}
      },
      'interceptors[0] is the class Tokens',
    ],
  ])('are not %s', (_what, interceptor, text) => {
    const interceptors = [interceptor] as never;
    expect(() => memoryEliza({ interceptors })).toThrow(text);
    expect(() => memoryEliza({ client: { interceptors } })).toThrow(text);
  });
});

describe('Interceptors: requests', () => {
  it('see the call: method, headers of channel and call, time, values and message', async () => {
    const tenant = createContextKey('none', 'tenant');
    const seen: InterceptedCall[] = [];
    const { engine, eliza } = memoryEliza({
      headers: { 'x-a': 'channel', 'x-b': 'channel' },
      timeoutMs: 5_000,
      interceptors: [
        (next) => (call) => {
          seen.push(call);
          return next(call);
        },
      ],
    });
    const { signal } = new AbortController();
    const values = new ContextValues().set(tenant, 'acme');
    const said = eliza.say({ sentence: 'hi' }, { headers: { 'x-b': 'call' }, signal, values });
    answerSay(engine.latest, 'hi');
    await said;
    const [call] = seen;
    expect(call).toMatchObject({
      kind: 'unary',
      method: ElizaService.method.say,
      service: ElizaService,
      timeoutMs: 5_000,
      signal,
    });
    expect(Object.fromEntries(call?.headers ?? [])).toEqual({ 'x-a': 'channel', 'x-b': 'call' });
    expect(call?.values.get(tenant)).toBe('acme');
    const message = call?.kind === 'unary' ? call.message : undefined;
    expect(isMessage(message, SayRequestSchema) && message.sentence).toBe('hi');
  });

  it('change headers, time and message', async () => {
    const { engine, eliza } = setUp((call, next) => {
      call.headers.set('x-a', 'changed').delete('x-b');
      const message = create(SayRequestSchema, { sentence: 'changed' });
      return next({ ...call, timeoutMs: 100, message } as InterceptedCall);
    });
    const said = eliza.say({ sentence: 'hi' }, { headers: { 'x-a': '1', 'x-b': '2' }, timeoutMs: 5_000 });
    const { latest } = engine;
    expect(['x-a', 'x-b', 'connect-timeout-ms'].map((name) => latest.header(name))).toEqual([
      'changed',
      undefined,
      '100',
    ]);
    expect(saidTo(latest)).toBe('changed');
    answerSay(latest, 'hi');
    await said;
  });

  it('cannot give a call more time than its caller', async () => {
    const { engine, eliza } = setUp((call, next) => next({ ...call, timeoutMs: 60_000 }));
    const said = errorOf(eliza.say({}, { timeoutMs: 50 }));
    expect(Number(engine.request.header('connect-timeout-ms'))).toBeLessThanOrEqual(50);
    expect(await said).toMatchObject({ code: Code.DeadlineExceeded });
  });

  it('may take their time before the call', async () => {
    const { engine, eliza } = setUp(async (call, next) => {
      call.headers.set('authorization', await Promise.resolve('Bearer token'));
      return next(call);
    });
    const said = eliza.say({});
    await until(() => engine.requests.length > 0);
    expect(engine.request.header('authorization')).toBe('Bearer token');
    answerSay(engine.request, 'hi');
    expect(await said).toMatchObject({ sentence: 'hi' });
  });

  it('do not change what the caller and the channel hold', async () => {
    const { engine, eliza } = memoryEliza({
      headers: { 'x-a': 'channel' },
      interceptors: [
        (next) => (call) => {
          call.headers.append('x-a', 'more');
          return next(call);
        },
      ],
    });
    for (let i = 0; i < 2; i++) {
      const said = eliza.say({});
      expect(engine.latest.header('x-a')).toBe('channel, more');
      answerSay(engine.latest, 'hi');
      await said;
    }
  });

  it.each<[string, (source: Subject<{ sentence: string }>) => unknown]>([
    ['an Observable', (source) => source],
    [
      'a generator',
      async function* () {
        yield await Promise.resolve({ sentence: 'a' });
        yield { sentence: 'b' };
      },
    ],
    ['an array', () => [{ sentence: 'a' }, { sentence: 'b' }]],
  ])('see and change the messages of %s', async (_what, make) => {
    const types: string[] = [];
    const { engine, eliza } = setUp((call, next) =>
      next(
        'messages' in call
          ? {
              ...call,
              messages: call.messages.pipe(
                tap((message) => types.push(message.$typeName)),
                map((message) => ({
                  ...message,
                  sentence: `${(message as { sentence?: string }).sentence}!`,
                })),
              ),
            }
          : call,
      ),
    );
    const source = new Subject<{ sentence: string }>();
    const reflected = eliza.reflect(make(source) as never);
    source.next({ sentence: 'a' });
    source.next({ sentence: 'b' });
    source.complete();
    await until(() => engine.request.isRequestComplete);
    expect(sentTo(engine.request)).toEqual(['a!', 'b!']);
    expect(new Set(types)).toEqual(new Set(['connectrpc.eliza.v1.ReflectRequest']));
    answerReflect(engine.request, 'hi');
    await reflected;
  });

  it('leave the backpressure of iterables as it is', async () => {
    const { engine, eliza } = setUp((call, next) => next(call));
    engine.isSlow = true;
    let produced = 0;
    function* requests() {
      for (;;) {
        yield { sentence: String(produced++) };
      }
    }
    const reflected = eliza.reflect(requests());
    await turn();
    expect([produced, sentTo(engine.request)]).toEqual([1, ['0']]);
    engine.request.drain();
    expect(produced).toBeGreaterThan(1);
    answerReflect(engine.request, 'enough');
    expect(await reflected).toMatchObject({ sentence: 'enough' });
  });

  it.each<[string, unknown, string]>([
    ['a message that does not fit', 'hi', 'cannot encode connectrpc.eliza.v1.SayRequest'],
    ['a message that cannot be read', unreadable, 'cannot encode connectrpc.eliza.v1.SayRequest: oops'],
  ])('leave the refusal of %s to the codec', async (_what, message, text) => {
    const { engine, eliza } = setUp((call, next) => next(call));
    const error = await errorOf(eliza.say(message as never));
    expect([error.code, error.rawMessage]).toEqual([Code.InvalidArgument, expect.stringContaining(text)]);
    expect(engine.requests).toEqual([]);
  });

  it.each<[string, object]>([
    ['a header that HTTP does not carry', { headers: { 'x-a': 'a\nb' } }],
    ['a timeout that is no number', { timeoutMs: Number.NaN }],
  ])('do not run for %s', async (_what, options) => {
    const notes: string[] = [];
    const { eliza, rx } = memoryEliza({ interceptors: [noting('a', notes)] });
    const errors = await Promise.all([
      errorOf(eliza.say({}, options)),
      errorOf(lastValueFrom(eliza.introduce({}, options))),
      errorOf(lastValueFrom(rx.say({}, options))),
    ]);
    expect(errors.map(({ code }) => code)).toEqual(Array(3).fill(Code.InvalidArgument));
    expect(notes).toEqual([]);
  });

  it('fail for requests that are no stream', async () => {
    const { eliza } = setUp((call, next) => next(call));
    expect((await errorOf(eliza.reflect({ sentence: 'hi' } as never))).rawMessage).toContain(
      'takes a stream of requests, but got a plain object',
    );
  });
});

describe('Interceptors: replies', () => {
  it('change one message, and a stream', async () => {
    const { engine, eliza } = setUp((call, next) =>
      next(call).pipe(
        map((message) => ({ ...message, sentence: `${(message as IntroduceResponse).sentence}!` })),
      ),
    );
    const said = eliza.say({});
    answerSay(engine.latest, 'hi');
    expect(await said).toMatchObject({ sentence: 'hi!' });
    const introduced = lastValueFrom(eliza.introduce({}).pipe(toArray()));
    beginStream(engine.latest).data(streamed('a'), streamed('b'));
    endStream(engine.latest);
    expect((await introduced).map(({ sentence }) => sentence)).toEqual(['a!', 'b!']);
  });

  it('answer without a call, with plain objects too', async () => {
    const { engine, eliza } = setUp(() => of({ sentence: 'cached' }));
    const said = await eliza.say({});
    expect([isMessage(said, SayResponseSchema), said.sentence]).toEqual([true, 'cached']);
    const introduced = [];
    for await (const { sentence } of eliza.introduce({})) {
      introduced.push(sentence);
    }
    expect([introduced, engine.requests]).toEqual([['cached'], []]);
  });

  it('refuse a call, and replace an error', async () => {
    const refusing = setUp(() =>
      throwError(() => new ConnectError('no token', { code: Code.Unauthenticated })),
    );
    expect(await errorOf(refusing.eliza.say({}))).toMatchObject({
      code: Code.Unauthenticated,
      fromWire: true,
    });
    const replacing = setUp((call, next) =>
      next(call).pipe(catchError(({ code }: ConnectError) => of({ sentence: `fallback for ${code}` }))),
    );
    const said = replacing.eliza.say({});
    failSay(replacing.engine.latest, 'unavailable');
    expect(await said).toMatchObject({ sentence: `fallback for ${Code.Unavailable}` });
  });

  it('try again, and each try passes the interceptors further in with headers of its own', async () => {
    let tokens = 0;
    const { engine, eliza } = setUp(
      (call, next) => next(call).pipe(retry(2)),
      (call, next) => {
        call.headers.append('x-token', String(++tokens));
        return next(call);
      },
    );
    const said = eliza.say({ sentence: 'hi' });
    failSay(engine.latest, 'unavailable');
    failSay(engine.latest, 'unavailable');
    answerSay(engine.latest, 'third');
    expect(await said).toMatchObject({ sentence: 'third' });
    expect(engine.requests.map((request) => [request.header('x-token'), saidTo(request)])).toEqual([
      ['1', 'hi'],
      ['2', 'hi'],
      ['3', 'hi'],
    ]);
  });

  it('try a stream of requests again when it can be read again', async () => {
    const { engine, eliza } = setUp((call, next) => next(call).pipe(retry(1)));
    const reflected = eliza.reflect([{ sentence: 'a' }]);
    endStream(beginStream(engine.latest), 'unavailable');
    expect(sentTo(engine.latest)).toEqual(['a']);
    answerReflect(engine.latest, 'hi');
    await reflected;

    const refused = errorOf(eliza.reflect(once()));
    endStream(beginStream(engine.latest), 'unavailable');
    expect((await refused).rawMessage).toContain('come from a generator, which cannot be read again');
  });

  it('see and change headers and trailers, before who is further out', async () => {
    const told: string[] = [];
    const telling =
      (name: string): Intercept =>
      (call, next) =>
        next(call, {
          onHeaders: (headers) => told.push(`${name} ${headers.get('x-h')}`) && headers.set('x-h', name),
          onTrailers: (trailers) => told.push(`${name} ${trailers.get('x-t')}`),
        });
    const { engine, eliza } = setUp(telling('a'), (call, next) => next(call), telling('b'));
    const said = eliza.say(
      {},
      {
        onHeaders: (headers) => told.push(`caller ${headers.get('x-h')}`),
        onTrailers: (trailers) => told.push(`caller ${trailers.get('x-t')}`),
      },
    );
    answerSay(engine.latest, 'hi', ['x-h', 'wire', 'trailer-x-t', 'wire']);
    await said;
    expect(told).toEqual(['b wire', 'a b', 'caller a', 'b wire', 'a wire', 'caller wire']);
  });

  it('see that a call was complete, that it failed, or that nobody wants it any more', async () => {
    const ends: string[] = [];
    const { engine, eliza, rx } = setUp((call, next) =>
      next(call).pipe(
        tap({
          complete: () => ends.push('complete'),
          error: () => ends.push('error'),
          unsubscribe: () => ends.push('unsubscribe'),
        }),
      ),
    );
    const said = eliza.say({});
    answerSay(engine.latest, 'hi');
    await said;
    const failed = errorOf(eliza.say({}));
    failSay(engine.latest, 'internal');
    await failed;
    rx.say({}).subscribe().unsubscribe();
    expect(engine.latest.isReset).toBe(true);
    rx.introduce({}).subscribe().unsubscribe();
    expect(engine.latest.isReset).toBe(true);
    const iterator = eliza.introduce({})[Symbol.asyncIterator]();
    void iterator.next();
    await iterator.return?.();
    expect(engine.latest.isReset).toBe(true);
    expect(ends).toEqual(['complete', 'error', 'unsubscribe', 'unsubscribe', 'unsubscribe']);
  });

  it('hold the server back for a loop, through operators', async () => {
    const { engine, eliza } = setUp((call, next) =>
      next(call).pipe(filter((message) => (message as IntroduceResponse).sentence !== 'b')),
    );
    let delivered = 0;
    const iterator = eliza.introduce({})[Symbol.asyncIterator]();
    const first = iterator.next();
    await until(() => engine.requests.length > 0);
    beginStream(engine.latest).data(streamed('a'), streamed('b'), streamed('c'), streamed('d'));
    expect((await first).value?.sentence).toBe('a');
    await turn();
    expect(engine.latest.isPaused).toBe(true);
    endStream(engine.latest);
    const rest = [];
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      rest.push(next.value.sentence);
      delivered++;
    }
    expect([rest, delivered]).toEqual([['c', 'd'], 2]);
  });

  it('keep the order of messages and errors when they take their time', async () => {
    const { engine, eliza } = setUp((call, next) =>
      next(call).pipe(concatMap((message) => of(message).pipe(delay(1)))),
    );
    const seen: string[] = [];
    const ended = (async () => {
      for await (const { sentence } of eliza.introduce({})) {
        seen.push(sentence);
      }
    })();
    await until(() => engine.requests.length > 0);
    beginStream(engine.latest).data(streamed('a'), streamed('b'));
    endStream(engine.latest);
    await ended;
    expect(seen).toEqual(['a', 'b']);
  });

  it('deliver many messages that come at once, without growing the stack', async () => {
    const many = 20_000;
    const { eliza } = setUp(() => from(Array.from({ length: many }, (_, i) => ({ sentence: String(i) }))));
    expect(await lastValueFrom(eliza.introduce({}).pipe(toArray()))).toHaveLength(many);
    let count = 0;
    for await (const { sentence } of eliza.introduce({})) {
      expect(sentence).toBe(String(count++));
    }
    expect(count).toBe(many);
  });

  it('of an endless loop end with their consumer', async () => {
    let emitted = 0;
    const { eliza } = setUp(
      () =>
        new Observable((subscriber) => {
          while (!subscriber.closed && emitted < 1_000) {
            subscriber.next({ sentence: String(emitted++) });
          }
        }),
    );
    expect(await eliza.say({})).toMatchObject({ sentence: '0' });
    expect(emitted).toBe(2);
    expect(await lastValueFrom(eliza.introduce({}).pipe(take(1)))).toMatchObject({ sentence: '2' });
  });

  it('that go on behind the one message are left', async () => {
    let finalized = 0;
    const { eliza } = setUp(() =>
      concat(of({ sentence: 'hi' }), NEVER).pipe(
        finalize(() => {
          finalized++;
        }),
      ),
    );
    await eliza.say({});
    await turn();
    expect(finalized).toBe(1);
  });
});

describe('Interceptors: mistakes and limits', () => {
  it.each<[string, Intercept, Code, string]>([
    ['throw', () => thrown(), Code.Internal, 'an interceptor failed: Error: oops'],
    ['reject', () => Promise.reject(new Error('oops')), Code.Internal, 'an interceptor failed: Error: oops'],
    ['fail', () => throwError(() => 'oops'), Code.Internal, 'an interceptor failed: oops'],
    [
      'answer something else',
      () => of('hi'),
      Code.Internal,
      'answered /connectrpc.eliza.v1.ElizaService/Say with a string: expected connectrpc.eliza.v1.SayResponse',
    ],
    ['answer no Observable', () => undefined as never, Code.Internal, 'an interceptor failed: TypeError'],
    ['answer nothing', () => EMPTY, Code.Internal, 'completed without a reply'],
    [
      'time out',
      (call, next) => next(call).pipe(timeout(1)),
      Code.DeadlineExceeded,
      'an interceptor timed the call out',
    ],
  ])('%s: the call fails', async (_what, intercept, code, text) => {
    const { eliza } = setUp(intercept);
    const error = await errorOf(eliza.say({}));
    expect([error.code, error.rawMessage, error.fromWire]).toEqual([
      code,
      expect.stringContaining(text),
      true,
    ]);
  });

  it('see the error of a deadline or a signal, and may answer in its place', async () => {
    const { engine, eliza } = setUp((call, next) =>
      next(call).pipe(catchError(({ code }: ConnectError) => of({ sentence: String(code) }))),
    );
    const controller = new AbortController();
    const timed = eliza.say({}, { timeoutMs: 20 });
    const aborted = eliza.say({}, { signal: controller.signal });
    controller.abort();
    expect(await timed).toMatchObject({ sentence: String(Code.DeadlineExceeded) });
    expect(await aborted).toMatchObject({ sentence: String(Code.Canceled) });
    expect(engine.requests.map(({ isReset }) => isReset)).toEqual([true, true]);
  });

  it.each<[string, Intercept]>([
    ['before the call', () => NEVER],
    ['behind it', (call, next) => next(call).pipe(mergeMap(() => NEVER))],
  ])('that wait for ever %s are ended by deadline and signal', async (_when, intercept) => {
    let finalized = 0;
    const { engine, eliza } = setUp((call, next: NextCall) =>
      (intercept(call, next) as Observable<unknown>).pipe(finalize(() => finalized++)),
    );
    const controller = new AbortController();
    const calls = [
      eliza.say({}, { timeoutMs: 20 }),
      lastValueFrom(eliza.introduce({}, { timeoutMs: 20 })),
      eliza.say({}, { signal: controller.signal }),
      lastValueFrom(eliza.introduce({}, { signal: controller.signal })),
    ].map((call) => errorOf(call));
    await turn();
    engine.requests
      .filter(({ head }) => head.target.endsWith('Say'))
      .forEach((request) => answerSay(request, 'hi'));
    controller.abort();
    const { DeadlineExceeded, Canceled } = Code;
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual([
      DeadlineExceeded,
      DeadlineExceeded,
      Canceled,
      Canceled,
    ]);
    expect(finalized).toBe(4);
  });

  it.each<[string, object, Code]>([
    ['a signal that was aborted', { signal: AbortSignal.abort() }, Code.Canceled],
    ['no time', { timeoutMs: 0 }, Code.DeadlineExceeded],
  ])('do not run for %s', async (_what, options, code) => {
    const notes: string[] = [];
    const { eliza } = memoryEliza({ interceptors: [noting('a', notes)] });
    expect(await errorOf(eliza.say({}, options))).toMatchObject({ code });
    expect(await errorOf(lastValueFrom(eliza.introduce({}, options)))).toMatchObject({ code });
    expect(notes).toEqual([]);
  });

  it('leave no listener and no timer', async () => {
    const { engine, eliza } = setUp((call, next) => next(call));
    const { signal } = new AbortController();
    const timers = timerWheel.size;
    const said = eliza.say({}, { signal, timeoutMs: 5_000 });
    expect(timerWheel.size).toBe(timers + 2);
    expect(getEventListeners(signal, 'abort').length).toBeGreaterThan(0);
    answerSay(engine.latest, 'hi');
    await said;
    await turn();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(timerWheel.size).toBe(timers);
  });
});

function thrown(): never {
  throw new Error('oops');
}
