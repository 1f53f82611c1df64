/**
 * `nestjs-connect/testing` as its users see it: four kinds of call in three protocols, through everything that Nest puts
 * around a handler, without a socket and with one.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Message } from '@bufbuild/protobuf';
import {
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type INestMicroservice,
  Inject,
  Injectable,
  Module,
  type OnModuleDestroy,
  type PipeTransform,
  Scope,
  type Type,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD, REQUEST } from '@nestjs/core';
import { Payload, type RequestContext } from '@nestjs/microservices';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  BadRequestSchema,
  Code,
  type ConnectContext,
  ConnectError,
  ConnectModule,
  ConnectService,
  Rpc,
  type RpcHeaders,
  type RpcStream,
} from 'nestjs-connect';
import {
  type CallSettings,
  type ConnectionSettings,
  type ConnectTestServer,
  serveInMemory,
  serveOnPort,
} from 'nestjs-connect/testing';
import {
  firstValueFrom,
  lastValueFrom,
  map,
  NEVER,
  Observable,
  retry,
  take,
  throwError,
  toArray,
} from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { createCertificates } from '../support/certificates.js';
import { callUnary } from '../support/connect-calls.js';
import { eventually } from '../support/eventually.js';
import { stillness } from '../support/stillness.js';

@Injectable()
class Brain {
  reply(sentence: string): string {
    return sentence.toUpperCase();
  }
}

@Injectable()
class TokenGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    // Later than this turn: no message may be lost meanwhile.
    await new Promise(setImmediate);
    return context.switchToRpc().getContext<ConnectContext>().requestHeaders.get('x-token') !== 'wrong';
  }
}

@Injectable()
class Exclaim {
  intercept(_context: ExecutionContext, next: CallHandler<{ sentence: string }>) {
    return next.handle().pipe(map(({ sentence }) => ({ sentence: `${sentence}!` })));
  }
}

@Injectable()
class Trim implements PipeTransform<SayRequest> {
  transform(request: SayRequest): SayRequest {
    if (request.sentence.length > 100) {
      throw new BadRequestException(['sentence must be shorter']);
    }
    return { ...request, sentence: request.sentence.trim() };
  }
}

@Catch(RangeError)
class RangeFilter implements ExceptionFilter<RangeError> {
  catch(error: RangeError): Observable<never> {
    return throwError(() => new ConnectError(error.message, { code: Code.OutOfRange }));
  }
}

@Injectable({ scope: Scope.REQUEST })
class Caller {
  constructor(@Inject(REQUEST) private readonly request: RequestContext<IntroduceRequest, ConnectContext>) {}

  get protocol(): string {
    return this.request.getContext().protocol;
  }
}

/** What the handlers did, for the test that called them. */
const seen = {
  produced: 0,
  teardowns: 0,
  received: [] as string[],
  peer: '',
  stores: [] as (string | undefined)[],
};

const storage = new AsyncLocalStorage<string>();

const CHUNK = 'x'.repeat(10_000);

@UseFilters(RangeFilter)
@ConnectService(ElizaService)
class ElizaRpc implements OnModuleDestroy {
  static destroyed = 0;

  constructor(private readonly brain: Brain) {}

  onModuleDestroy(): void {
    ElizaRpc.destroyed++;
  }

  @UseInterceptors(Exclaim)
  @Rpc()
  say(@Payload(Trim) { sentence }: SayRequest, context: ConnectContext) {
    seen.peer = context.peer.address;
    seen.stores.push(storage.getStore());
    switch (sentence) {
      case 'range':
        throw new RangeError('too far');
      case 'secret':
        throw new Error('the password is 1234');
      case 'never':
        return NEVER;
      default:
        context.responseHeaders.set('x-leading', context.protocol);
        context.responseTrailers.set('x-trailing', 'done');
        return { sentence: this.brain.reply(sentence) };
    }
  }

  @Rpc()
  async *introduce({ name }: IntroduceRequest) {
    seen.stores.push(storage.getStore());
    try {
      for (let i = 0; i < (name === 'endless' ? Infinity : 3); i++) {
        seen.produced++;
        yield { sentence: name === 'endless' ? CHUNK : `${name} ${i}` };
      }
    } finally {
      seen.teardowns++;
    }
  }

  @UseInterceptors(Exclaim)
  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>) {
    const sentences: string[] = [];
    for await (const { sentence } of requests) {
      seen.received.push(sentence);
      if (sentence === 'enough') {
        break;
      }
      sentences.push(sentence);
    }
    return { sentence: sentences.join(' ') };
  }

  @UseGuards(TokenGuard)
  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return requests.mapEach(({ sentence }) => [{ sentence: this.brain.reply(sentence) }]);
  }
}

@Module({
  controllers: [ElizaRpc],
  providers: [Brain, Caller, TokenGuard, { provide: APP_GUARD, useExisting: TokenGuard }],
})
class ElizaModule {}

@Module({ imports: [ElizaModule, ConnectModule.forRoot()] })
class MountedModule {}

async function compile(module: Type<unknown> = ElizaModule): Promise<TestingModule> {
  const compiled = await Test.createTestingModule({ imports: [module] }).compile();
  compiled.useLogger(false);
  return compiled;
}

function exclaimEverywhere(app: INestMicroservice): void {
  app.useGlobalInterceptors(new Exclaim());
}

async function mounted(): Promise<INestApplication> {
  return (await compile(MountedModule)).createNestApplication();
}

/** The ways to a server. */
const TARGETS: Readonly<Record<string, () => Promise<ConnectTestServer>>> = {
  'serveInMemory with a TestingModule': async () => serveInMemory(await compile()),
  'serveInMemory with an application': async () => serveInMemory(await mounted()),
  'serveOnPort with a TestingModule': async () => serveOnPort(await compile()),
  'serveOnPort with an application': async () => serveOnPort(await mounted()),
};

const SETTINGS: readonly (readonly [string, CallSettings])[] = [
  ['Connect', {}],
  ['Connect with JSON', { codec: 'json' }],
  ['Connect with GET', { useGet: true }],
  ['Connect with gzip', { requestCompression: 'gzip', compressMinBytes: 0 }],
  ['gRPC', { protocol: 'grpc' }],
  ['gRPC with gzip', { protocol: 'grpc', requestCompression: 'gzip', compressMinBytes: 0 }],
  ['gRPC-Web', { protocol: 'grpc-web' }],
  ['gRPC-Web with JSON', { protocol: 'grpc-web', codec: 'json' }],
];

function textsOf(messages: Iterable<{ readonly sentence: string }>): string[] {
  return [...messages].map(({ sentence }) => sentence);
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream) {
    messages.push(message);
  }
  return messages;
}

function* endless(sentence: string): Generator<{ sentence: string }> {
  for (;;) {
    seen.produced++;
    yield { sentence };
  }
}

/** @returns The error; fails when there is none. */
async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    if (ConnectError.is(error)) {
      return error;
    }
    throw error;
  }
  throw new Error('the call did not fail');
}

let server: ConnectTestServer;

beforeEach(() => {
  Object.assign(seen, { produced: 0, teardowns: 0, received: [], peer: '', stores: [] });
});

afterEach(async () => {
  await server.close();
});

describe.each(Object.entries(TARGETS))('%s', (_target, serve) => {
  describe.each(SETTINGS)('%s', (_settings, settings) => {
    beforeEach(async () => {
      server = await serve();
    });

    const eliza = () => server.client(ElizaService, settings);
    const rx = () => server.rxClient(ElizaService, settings);

    it('calls unary through guard, pipe and interceptor', async () => {
      const reply: Message = await eliza().say({ sentence: '  hi ' });
      expect(reply).toMatchObject({ $typeName: 'connectrpc.eliza.v1.SayResponse', sentence: 'HI!' });
    });

    it('calls a server stream', async () => {
      expect(textsOf(await all(eliza().introduce({ name: 'Ada' })))).toEqual(['Ada 0', 'Ada 1', 'Ada 2']);
    });

    it('calls a client stream with a generator, an array and an Observable', async () => {
      const words = [{ sentence: 'a' }, { sentence: 'b' }];
      async function* generated() {
        yield* words;
      }
      expect(await eliza().reflect(generated())).toMatchObject({ sentence: 'a b!' });
      expect(await eliza().reflect(words)).toMatchObject({ sentence: 'a b!' });
      expect(
        await eliza().reflect(new Observable((s) => words.forEach((w) => s.next(w)) ?? s.complete())),
      ).toMatchObject({
        sentence: 'a b!',
      });
      expect(await eliza().reflect([])).toMatchObject({ sentence: '!' });
    });

    it('calls a bidi stream, one answer for each request before the next is asked for', async () => {
      const order: string[] = [];
      async function* requests() {
        for (const sentence of ['a', 'b', 'c']) {
          order.push(sentence);
          yield { sentence };
          await eventually(() => order.at(-1) === sentence.toUpperCase());
        }
      }
      for await (const { sentence } of eliza().converse(requests())) {
        order.push(sentence);
      }
      expect(order).toEqual(['a', 'A', 'b', 'B', 'c', 'C']);
    });

    it('has Observables for all four kinds, each subscription a call', async () => {
      const say$ = rx().say({ sentence: 'hi' });
      expect(textsOf([await lastValueFrom(say$), await lastValueFrom(say$)])).toEqual(['HI!', 'HI!']);
      const introduce$ = rx().introduce({ name: 'Ada' }).pipe(toArray());
      expect(await lastValueFrom(introduce$)).toHaveLength(3);
      expect(await lastValueFrom(introduce$)).toHaveLength(3);
      expect(await lastValueFrom(rx().reflect([{ sentence: 'a' }]))).toMatchObject({ sentence: 'a!' });
      const converse$ = rx().converse([{ sentence: 'a' }, { sentence: 'b' }]);
      expect(textsOf(await lastValueFrom(converse$.pipe(toArray())))).toEqual(['A', 'B']);
    });

    it.each([
      ['range', Code.OutOfRange, 'too far'],
      ['secret', Code.Internal, 'internal error'],
    ])('answers "%s" with the error of a filter or of the table', async (sentence, code, message) => {
      const error = await errorOf(eliza().say({ sentence }));
      expect([error.code, error.rawMessage, error.fromWire]).toEqual([code, message, true]);
    });

    it('brings the details of errors', async () => {
      const error = await errorOf(eliza().say({ sentence: 'x'.repeat(101) }));
      expect(error.code).toBe(Code.InvalidArgument);
      expect(error.findDetails(BadRequestSchema)).toMatchObject([
        { fieldViolations: [{ field: 'sentence' }] },
      ]);
    });

    it.each([
      ['say', () => eliza().say({ sentence: 'hi' }, { headers: { 'x-token': 'wrong' } })],
      ['introduce', () => all(eliza().introduce({ name: 'x' }, { headers: { 'x-token': 'wrong' } }))],
      ['reflect', () => eliza().reflect(endless('x'), { headers: { 'x-token': 'wrong' } })],
      ['converse', () => all(eliza().converse(endless('x'), { headers: { 'x-token': 'wrong' } }))],
    ])('tells of a guard that denies %s', async (_method, call) => {
      expect((await errorOf(call())).code).toBe(Code.PermissionDenied);
      expect(seen.received).toEqual([]);
    });

    it('tells headers and trailers of the response', async () => {
      const told: RpcHeaders[] = [];
      const tell = (headers: RpcHeaders) => void told.push(headers);
      await eliza().say({ sentence: 'hi' }, { onHeaders: tell, onTrailers: tell });
      expect([told[0]?.get('x-leading'), told[1]?.get('x-trailing')]).toEqual([
        settings.protocol ?? 'connect',
        'done',
      ]);
    });

    it('ends at the deadline, on both sides', async () => {
      const error = await errorOf(eliza().say({ sentence: 'never' }, { timeoutMs: 30 }));
      expect(error.code).toBe(Code.DeadlineExceeded);
    });

    it('cancels by signal, by break and by unsubscribe', async () => {
      const controller = new AbortController();
      const said = errorOf(eliza().say({ sentence: 'never' }, { signal: controller.signal }));
      await eventually(() => seen.peer !== '');
      controller.abort();
      expect((await said).code).toBe(Code.Canceled);

      for await (const { sentence } of eliza().introduce({ name: 'endless' })) {
        expect(sentence).toBe(CHUNK);
        break;
      }
      await eventually(() => seen.teardowns === 1);
      await firstValueFrom(rx().introduce({ name: 'endless' }));
      await eventually(() => seen.teardowns === 2);
    });

    it('holds a generator back whose stream nobody reads', async () => {
      const iterator = eliza().introduce({ name: 'endless' })[Symbol.asyncIterator]();
      await iterator.next();
      await stillness(() => seen.produced);
      expect(seen.produced).toBeLessThan(40);
      await iterator.return?.();
      await eventually(() => seen.teardowns === 1);
    });

    it('ends an endless generator of requests at the deadline', async () => {
      let isReturned = false;
      function* requests() {
        try {
          yield* endless(CHUNK);
        } finally {
          isReturned = true;
        }
      }
      const call = errorOf(eliza().reflect(requests(), { timeoutMs: 200 }));
      expect((await call).code).toBe(Code.DeadlineExceeded);
      expect(seen.produced).toBeGreaterThan(0);
      expect(isReturned).toBe(true);
    });

    it('ends a generator of requests when the answer is there', async () => {
      let isReturned = false;
      function* requests() {
        try {
          yield { sentence: 'a' };
          yield { sentence: 'enough' };
          yield* endless('more');
        } finally {
          isReturned = true;
        }
      }
      expect(await eliza().reflect(requests())).toMatchObject({ sentence: 'a!' });
      expect(isReturned).toBe(true);
    });

    it('keeps the receive limits of both sides', async () => {
      const big = { sentence: 'x'.repeat(5 * 1024 * 1024) };
      expect((await errorOf(eliza().reflect([big]))).code).toBe(Code.ResourceExhausted);
      const small = server.client(ElizaService, { ...settings, receiveLimitBytes: 100 });
      expect((await errorOf(all(small.introduce({ name: 'endless' })))).code).toBe(Code.ResourceExhausted);
    });

    it('fails when its requests fail', async () => {
      const error = await errorOf(eliza().reflect(throwError(() => new Error('no more words')) as never));
      expect([error.code, error.rawMessage]).toEqual([
        Code.Canceled,
        'the requests failed: Error: no more words',
      ]);
    });
  });
});

describe('serveInMemory', () => {
  it('lets providers be overridden', async () => {
    const module = await Test.createTestingModule({ imports: [ElizaModule] })
      .overrideProvider(Brain)
      .useValue({ reply: () => 'I see' })
      .overrideProvider(TokenGuard)
      .useValue({ canActivate: () => true })
      .compile();
    server = await serveInMemory(module);
    const eliza = server.client(ElizaService, { headers: { 'x-token': 'wrong' } });
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'I see!' });
  });

  it('configures the app as its main.ts does', async () => {
    server = await serveInMemory(await compile(), { configure: exclaimEverywhere });
    expect(await server.client(ElizaService).say({ sentence: 'hi' })).toMatchObject({ sentence: 'HI!!' });
  });

  it('takes the global enhancers of an application', async () => {
    const app: INestApplication = await mounted();
    app.useGlobalInterceptors(new Exclaim());
    server = await serveInMemory(app);
    expect(await server.client(ElizaService).say({ sentence: 'hi' })).toMatchObject({ sentence: 'HI!!' });
  });

  it('keeps the prefix and the limits of an application', async () => {
    @Module({ imports: [ElizaModule, ConnectModule.forRoot({ prefix: '/rpc', receiveLimitBytes: 10 })] })
    class LimitedModule {}
    server = await serveInMemory((await compile(LimitedModule)).createNestApplication());
    const eliza = server.client(ElizaService);
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'HI!' });
    expect((await errorOf(eliza.say({ sentence: 'longer than that' }))).code).toBe(Code.ResourceExhausted);
  });

  it('says who calls', async () => {
    server = await serveInMemory(await compile());
    await server.client(ElizaService).say({ sentence: 'hi' });
    expect(seen.peer).toBe('memory');
    await server.close();
    const peer = { address: '10.1.2.3', port: 4, tls: undefined };
    server = await serveInMemory(await compile(), { peer });
    await server.client(ElizaService).say({ sentence: 'hi' });
    expect(seen.peer).toBe('10.1.2.3');
  });

  it('refuses calls after close, and lets running ones finish', async () => {
    server = await serveInMemory(await compile(), { drainTimeoutMs: 50 });
    const eliza = server.client(ElizaService, { protocol: 'grpc' });
    const running = errorOf(eliza.say({ sentence: 'never' }));
    await eventually(() => seen.peer !== '');
    const destroyed = ElizaRpc.destroyed;
    await server.close();
    expect((await running).code).toBe(Code.Unavailable);
    expect((await errorOf(eliza.say({ sentence: 'hi' }))).code).toBe(Code.Unavailable);
    expect(ElizaRpc.destroyed).toBe(destroyed + 1);
  });

  it('gives providers of the app', async () => {
    const inMemory = await serveInMemory(await compile());
    server = inMemory;
    expect(inMemory.app.get(Brain).reply('a')).toBe('A');
    expect(inMemory.url).toBeUndefined();
  });

  it.each<[string, () => unknown, string]>([
    [
      'an application without ConnectModule',
      async () => (await compile()).createNestApplication(),
      'import ConnectModule.forRoot() into its module',
    ],
    [
      'a module with ConnectModule, whose options would be lost',
      () => compile(MountedModule),
      'give module.createNestApplication() instead',
    ],
    [
      'a builder that was not compiled',
      () => Test.createTestingModule({ imports: [ElizaModule] }),
      'expected a TestingModule, as `await Test.createTestingModule',
    ],
    ['nothing', () => undefined, 'expected a TestingModule'],
  ])('says what to give instead of %s', async (_what, make, text) => {
    server = await serveInMemory(await compile());
    const target = await make();
    await expect(serveInMemory(target as TestingModule)).rejects.toThrow(text);
    await expect(serveOnPort(target as TestingModule)).rejects.toThrow(text);
    await (target as Partial<TestingModule> | undefined)?.close?.();
  });

  it('waits for a configuration that takes time', async () => {
    server = await serveInMemory(await compile(), {
      async configure(app) {
        await new Promise(setImmediate);
        exclaimEverywhere(app);
      },
    });
    expect(await server.client(ElizaService).say({ sentence: 'hi' })).toMatchObject({ sentence: 'HI!!' });
  });

  it('logs what the test wants to see', async () => {
    const logger = { log: jest.fn(), error: jest.fn(), warn: jest.fn() };
    const module = await Test.createTestingModule({ imports: [ElizaModule] }).compile();
    server = await serveInMemory(module, { logger });
    await errorOf(server.client(ElizaService).say({ sentence: 'secret' }));
    expect(logger.error.mock.calls.flat()).toContain('the password is 1234');
    expect(logger.log.mock.calls.flat().join('\n')).toContain(
      'Mapped {/connectrpc.eliza.v1.ElizaService/Say',
    );
  });

  it('hands no AsyncLocalStorage of the test on to handlers, as no socket does', async () => {
    server = await serveInMemory(await compile());
    const eliza = server.client(ElizaService);
    await storage.run('the test', async () => {
      await eliza.say({ sentence: 'hi' });
      await all(eliza.introduce({ name: 'Ada' }));
      expect(storage.getStore()).toBe('the test');
    });
    expect(seen.stores).toEqual([undefined, undefined]);
  });

  it('does not wait long for calls that a test has left open', async () => {
    server = await serveInMemory(await compile());
    const open = errorOf(server.client(ElizaService).say({ sentence: 'never' }));
    await eventually(() => seen.peer !== '');
    const before = performance.now();
    await server.close();
    expect(performance.now() - before).toBeLessThan(4_000);
    expect((await open).code).toBe(Code.Unavailable);
  });

  it('consumes a stream once, and names the client that can do more', async () => {
    server = await serveInMemory(await compile());
    const stream = server.client(ElizaService).introduce({ name: 'Ada' });
    expect(await lastValueFrom(stream.pipe(toArray()))).toHaveLength(3);
    await expect(lastValueFrom(stream)).rejects.toThrow('Rx client');
  });

  it('begins a stream when it is consumed', async () => {
    server = await serveInMemory(await compile());
    const stream = server.client(ElizaService).introduce({ name: 'Ada' });
    await stillness(() => seen.produced);
    expect(seen.produced).toBe(0);
    await lastValueFrom(stream.pipe(take(1)));
    expect(seen.produced).toBeGreaterThan(0);
  });

  it('calls again for retry()', async () => {
    let calls = 0;
    const flaky = {
      reply(): string {
        if (++calls < 3) {
          throw new ConnectError('not yet', { code: Code.Unavailable });
        }
        return 'third';
      },
    };
    const module = await Test.createTestingModule({ imports: [ElizaModule] })
      .overrideProvider(Brain)
      .useValue(flaky)
      .compile();
    server = await serveInMemory(module);
    const converse$ = server.rxClient(ElizaService).converse([{ sentence: 'x' }]);
    expect(await lastValueFrom(converse$.pipe(retry(2)))).toMatchObject({ sentence: 'third' });
    expect(calls).toBe(3);
  });

  it.each([
    ['a header that HTTP does not carry', { headers: { 'x-a': 'a\nb' } }, Code.InvalidArgument],
    ['a timeout that is no number', { timeoutMs: Number.NaN }, Code.InvalidArgument],
    ['a timeout that is over', { timeoutMs: 0 }, Code.DeadlineExceeded],
    ['a signal that was aborted', { signal: AbortSignal.abort() }, Code.Canceled],
  ])('fails for %s, whatever the kind of call', async (_what, options, code) => {
    server = await serveInMemory(await compile());
    const eliza = server.client(ElizaService);
    const calls = [
      eliza.say({ sentence: 'a' }, options),
      all(eliza.introduce({ name: 'a' }, options)),
      eliza.reflect([], options),
      all(eliza.converse([], options)),
    ];
    const errors = await Promise.all(calls.map((call) => errorOf(call)));
    expect(errors.map((error) => error.code)).toEqual([code, code, code, code]);
    expect(seen.produced).toBe(0);
  });

  it('answers with faked timers', async () => {
    server = await serveInMemory(await compile());
    const eliza = server.client(ElizaService);
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    try {
      expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'HI!' });
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('serveOnPort', () => {
  const HTTP1: readonly (readonly [string, ConnectionSettings])[] = [
    ['Connect', { httpVersion: '1.1' }],
    ['gRPC-Web', { httpVersion: '1.1', protocol: 'grpc-web' }],
  ];

  it.each(HTTP1)('serves %s over HTTP/1.1', async (_protocol, settings) => {
    const onPort = await serveOnPort(await compile());
    server = onPort;
    const eliza = onPort.client(ElizaService, settings);
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'HI!' });
    expect(await all(eliza.introduce({ name: 'Ada' }))).toHaveLength(3);
    expect(await eliza.reflect([{ sentence: 'a' }, { sentence: 'b' }])).toMatchObject({ sentence: 'a b!' });
    // Half duplex needs the option http1Bidi.
    expect((await errorOf(all(eliza.converse([{ sentence: 'a' }])))).message).toContain('505');
  });

  it('says where it listens, for other clients', async () => {
    server = await serveOnPort(await mounted());
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const url = `${server.url}/connectrpc.eliza.v1.ElizaService/Say`;
    expect(await callUnary(url, { sentence: 'hi' })).toEqual({ status: 200, body: { sentence: 'HI!' } });
  });

  it('serves TLS, and knows the prefix of an application', async () => {
    const { ca, server: certificate } = await createCertificates();
    const secure = await serveOnPort(await compile(), { tls: certificate });
    server = secure;
    expect(secure.url).toMatch(/^https:/);
    const eliza = secure.client(ElizaService, { tls: { ca }, protocol: 'grpc' });
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'HI!' });
    await server.close();

    @Module({ imports: [ElizaModule, ConnectModule.forRoot({ prefix: 'rpc' })] })
    class PrefixedModule {}
    server = await serveOnPort((await compile(PrefixedModule)).createNestApplication());
    expect(server.url).toMatch(/\/rpc$/);
    expect(await server.client(ElizaService).say({ sentence: 'hi' })).toMatchObject({ sentence: 'HI!' });
  });

  it.each([
    [{ protocol: 'soap' }, 'protocol is "soap": expected one of connect, grpc, grpc-web'],
    [{ codec: 'xml' }, 'codec is "xml": expected one of proto, json'],
    [{ requestCompression: 'lzw' }, 'requestCompression is "lzw": expected one of gzip'],
    [{ protocol: 'grpc', httpVersion: '1.1' as const }, 'httpVersion is "1.1", but grpc needs "2"'],
  ])('refuses the settings %j', async (settings, text) => {
    const onPort = await serveOnPort(await compile());
    server = onPort;
    expect(() => onPort.client(ElizaService, settings)).toThrow(text);
  });
});
