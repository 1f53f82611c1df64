/**
 * What users of Nest's own gRPC transport have complained about, each as they saw it, with the link: none of it happens here.
 *
 * The client is grpc-js, as theirs was. Client, health, reflection and tracing have no tests yet.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type Int64Value,
} from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CallHandler,
  Catch,
  ConflictException,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
  Scope,
  type Type,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD, NestFactory, REQUEST } from '@nestjs/core';
import { type RequestContext, RpcException } from '@nestjs/microservices';
import {
  Code,
  ConnectContext,
  ConnectServer,
  type ConnectServerOptions,
  ConnectService,
  Rpc,
  type RpcStream,
} from 'nestjs-connect';
import { finalize, last, map, NEVER, Observable, of, range, tap, throwError } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type ElizaDesc, elizaNamed } from '../support/eliza-services.js';
import { eventually } from '../support/eventually.js';
import { collect, GrpcEliza } from '../support/grpc-eliza.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { stillness } from '../support/stillness.js';

const closings: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) {
    await close();
  }
});

failOnUnhandled();

interface Served {
  readonly port: number;
  close(): Promise<void>;
}

async function serve(module: ModuleMetadata, options: ConnectServerOptions = {}): Promise<Served> {
  @Module(module)
  class AppModule {}
  const strategy = new ConnectServer({ host: '127.0.0.1', port: 0, ...options });
  const app = await NestFactory.createMicroservice(AppModule, { strategy, logger: false });
  await app.listen();
  closings.push(() => app.close());
  const { port } = strategy.unwrap<{ address(): { port: number } }>().address();
  return { port, close: () => app.close() };
}

function connect(port: number, service = ElizaService): GrpcEliza {
  const client = new GrpcEliza(port, service);
  closings.push(() => client.close());
  return client;
}

/** A service with one class, and its client. */
async function talkTo(service: Type<unknown>, options?: ConnectServerOptions): Promise<GrpcEliza> {
  const { port } = await serve({ controllers: [service] }, options);
  return connect(port);
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

/** A service of a descriptor that no proto-loader has seen: an int64, and a method in lower case. */
const counters = serviceOf('Counters');

function serviceOf(name: string): DescService {
  const file = create(FileDescriptorProtoSchema, {
    name: 'test/v1/counters.proto',
    package: 'test.v1',
    syntax: 'proto3',
    dependency: ['google/protobuf/wrappers.proto'],
    service: [
      {
        name,
        method: [
          {
            name: 'findNext',
            inputType: '.google.protobuf.Int64Value',
            outputType: '.google.protobuf.Int64Value',
          },
        ],
      },
    ],
  });
  const service = createFileRegistry(file, () => file_google_protobuf_wrappers).getService(`test.v1.${name}`);
  if (service === undefined) {
    throw new Error(`the registry has no service test.v1.${name}`);
  }
  return service;
}

/** Takes request streams apart and joins what was in them. */
abstract class Joining {
  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>) {
    const sentences: string[] = [];
    for await (const { sentence } of requests) {
      sentences.push(sentence);
    }
    return { sentence: sentences.join(' ') };
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return requests.pipe(map(({ sentence }) => ({ sentence })));
  }
}

describe('streams', () => {
  it('a client that reads slowly makes the server buffer the whole stream (https://github.com/nestjs/nest/issues/1434)', async () => {
    const COUNT = 400;
    const PADDING = 'x'.repeat(65_536);
    let produced = 0;

    @ConnectService(ElizaService, { partial: true })
    class Fast {
      @Rpc()
      async *introduce() {
        for (const number of numbers(COUNT)) {
          produced++;
          yield { sentence: number + PADDING };
          await Promise.resolve();
        }
      }
    }

    // grpc-js reads on by itself when nobody reads from it, so this client is another.
    const { port } = await serve({ controllers: [Fast] });
    const client = createClient(ElizaService, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
    const received: string[] = [];
    let producedUnread = COUNT;
    for await (const { sentence } of client.introduce({})) {
      if (received.length === 0) {
        await stillness(() => produced);
        producedUnread = produced;
      }
      received.push(sentence.slice(0, -PADDING.length));
    }
    expect(producedUnread).toBeLessThan(COUNT / 4);
    expect(received).toEqual(numbers(COUNT));
  });

  it('a handler that works slowly is flooded by its client (https://github.com/nestjs/nest/issues/1434)', async () => {
    const COUNT = 400;
    const PADDING = 'x'.repeat(65_536);
    const taken: string[] = [];
    let goOn!: () => void;
    const isReady = new Promise<void>((resolve) => (goOn = resolve));

    @ConnectService(ElizaService, { partial: true })
    class Slow {
      @Rpc()
      reflect(requests: RpcStream<ReflectRequest>) {
        return requests
          .mapEach(async ({ sentence }) => {
            taken.push(sentence.slice(0, -PADDING.length));
            await isReady;
            return taken.length;
          })
          .pipe(
            last(),
            map((count) => ({ sentence: String(count) })),
          );
      }
    }

    const client = await talkTo(Slow);
    const { call, outcome } = client.reflect();
    let accepted = 0;
    numbers(COUNT).forEach((number) => call.write({ sentence: number + PADDING }, () => accepted++));
    call.end();
    await eventually(() => taken.length > 0);
    await stillness(() => accepted);
    expect(taken).toEqual(['0']);
    expect(accepted).toBeLessThan(COUNT / 4);
    goOn();
    expect(await outcome).toMatchObject({ code: 'OK', sentence: String(COUNT) });
    expect(taken).toEqual(numbers(COUNT));
  });

  it('values are dropped or sent twice when the client does not keep up with an Observable (https://github.com/nestjs/nest/issues/12751, https://github.com/nestjs/nest/issues/12768)', async () => {
    const COUNT = 3_000;
    const PADDING = 'x'.repeat(1_000);

    @ConnectService(ElizaService, { partial: true })
    class Pushing {
      @Rpc()
      introduce() {
        return range(0, COUNT).pipe(map((number) => ({ sentence: number + PADDING })));
      }
    }

    const client = await talkTo(Pushing);
    const received: string[] = [];
    for await (const { sentence } of client.introduce('')) {
      received.push(sentence.slice(0, -PADDING.length));
      await setImmediate();
    }
    expect(received).toEqual(numbers(COUNT));
  });

  it('messages are missed while an async guard decides (https://github.com/nestjs/nest/issues/14094)', async () => {
    const later = UseGuards({ canActivate: () => setTimeout(40, true) });
    @later
    @ConnectService(ElizaService, { partial: true })
    class Guarded extends Joining {}

    const client = await talkTo(Guarded);
    expect(await client.reflect(numbers(300)).outcome).toMatchObject({
      code: 'OK',
      sentence: numbers(300).join(' '),
    });
    expect((await collect(client.converse(numbers(300)))).sentences).toEqual(numbers(300));
  });

  it('client streams do not work once an interceptor is registered (https://github.com/nestjs/nest/issues/13818)', async () => {
    const passOn: NestInterceptor = { intercept: (_context, next) => next.handle() };
    @UseInterceptors(passOn)
    @ConnectService(ElizaService, { partial: true })
    class Intercepted extends Joining {}

    const client = await talkTo(Intercepted);
    expect(await client.reflect(['a', 'b']).outcome).toMatchObject({ code: 'OK', sentence: 'a b' });
    expect((await collect(client.converse(['a', 'b']))).sentences).toEqual(['a', 'b']);
  });

  it('a generator cannot be the handler of a stream (https://github.com/nestjs/nest/issues/10845)', async () => {
    @ConnectService(ElizaService, { partial: true })
    class Generating {
      @Rpc()
      async *introduce({ name }: IntroduceRequest) {
        yield { sentence: name };
        await setImmediate();
        yield { sentence: 'bye' };
      }
    }
    const client = await talkTo(Generating);
    expect((await collect(client.introduce('Ada'))).sentences).toEqual(['Ada', 'bye']);
  });
});

describe('interceptors', () => {
  it('an async interceptor empties the answer (https://github.com/nestjs/nest/issues/11429)', async () => {
    const late: NestInterceptor = {
      async intercept(_context: ExecutionContext, next: CallHandler) {
        await setImmediate();
        return next.handle();
      },
    };
    @ConnectService(ElizaService, { partial: true })
    class Late {
      @UseInterceptors(late)
      @Rpc()
      say({ sentence }: SayRequest) {
        return of({ sentence });
      }
    }
    const client = await talkTo(Late);
    expect(await client.say('hi').outcome).toMatchObject({ code: 'OK', sentence: 'hi' });
  });

  it('an interceptor swallows what an Observable emits that does not complete (https://github.com/nestjs/nest/issues/1390)', async () => {
    const passOn: NestInterceptor = { intercept: (_context, next) => next.handle() };
    @UseInterceptors(passOn)
    @ConnectService(ElizaService, { partial: true })
    class Open {
      @Rpc()
      say({ sentence }: SayRequest) {
        return new Observable<{ sentence: string }>((subscriber) => subscriber.next({ sentence }));
      }
    }
    const client = await talkTo(Open);
    expect(await client.say('hi').outcome).toMatchObject({ code: 'OK', sentence: 'hi' });
  });
});

interface Cancellable extends NodeJS.EventEmitter {
  cancel(): void;
}

describe('cancellation', () => {
  let events: string[] = [];

  function untilCanceled(): Observable<{ sentence: string }> {
    events.push('started');
    return NEVER.pipe(finalize(() => events.push('stopped')));
  }

  @ConnectService(ElizaService, { partial: true })
  class Endless {
    @Rpc()
    say() {
      return untilCanceled();
    }

    @Rpc()
    introduce() {
      return untilCanceled();
    }

    @Rpc()
    reflect() {
      return untilCanceled();
    }
  }

  it.each([
    [
      'a stream',
      'https://github.com/nestjs/nest/issues/773',
      (client: GrpcEliza): Cancellable => client.introduce(''),
    ],
    [
      'a unary call',
      'https://github.com/nestjs/nest/pull/10288',
      (client: GrpcEliza): Cancellable => client.say('').call,
    ],
    [
      'a client stream',
      'https://github.com/nestjs/nest/issues/12023',
      (client: GrpcEliza): Cancellable => client.reflect().call,
    ],
  ])('the server goes on with %s that the client has cancelled (%s)', async (_what, _link, begin) => {
    events = [];
    const client = await talkTo(Endless);
    const call = begin(client);
    call.on('error', () => {});
    await eventually(() => events.length === 1);
    call.cancel();
    await eventually(() => events.length === 2);
    expect(events).toEqual(['started', 'stopped']);
  });
});

describe('errors', () => {
  it('an RpcException in a handler with a request stream ends the process (https://github.com/nestjs/nest/issues/12187)', async () => {
    @ConnectService(ElizaService, { partial: true })
    class Throwing {
      @Rpc()
      reflect(_requests: RpcStream<ReflectRequest>): { sentence: string } {
        throw new RpcException({ code: Code.InvalidArgument, message: 'no' });
      }

      @Rpc()
      converse(requests: RpcStream<ConverseRequest>) {
        return requests.pipe(
          map(({ sentence }) => ({ sentence })),
          tap(() => {
            throw new RpcException({ code: Code.InvalidArgument, message: 'no' });
          }),
        );
      }
    }
    const client = await talkTo(Throwing);
    for (let call = 0; call < 2; call++) {
      expect(await client.reflect(['a', 'b']).outcome).toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: 'no',
      });
      expect(await collect(client.converse(['a', 'b']))).toEqual({
        sentences: [],
        code: 'INVALID_ARGUMENT',
        details: 'no',
      });
    }
  });

  it('an error of a stream ends the process (https://github.com/nestjs/nest/issues/13360)', async () => {
    @ConnectService(ElizaService, { partial: true })
    class Throwing {
      @Rpc()
      introduce({ name }: IntroduceRequest): Observable<{ sentence: string }> {
        if (name === 'later') {
          return throwError(() => new Error('oopsies'));
        }
        throw new Error('oopsies');
      }
    }
    const client = await talkTo(Throwing);
    for (const name of ['now', 'later', 'now']) {
      expect(await collect(client.introduce(name))).toMatchObject({ code: 'INTERNAL' });
    }
  });

  it.each([
    ['the code of an RpcException', 'https://github.com/nestjs/nest/issues/764', 'rpc', 'NOT_FOUND'],
    [
      'an RpcException with its text in "details"',
      'https://github.com/nestjs/nest/pull/9163',
      'details',
      'NOT_FOUND',
    ],
    [
      'the code of an RpcException that a filter emits',
      'https://github.com/nestjs/nest/issues/5615',
      'filter',
      'NOT_FOUND',
    ],
    ['an HttpException', 'https://github.com/nestjs/nest/issues/1953', 'http', 'ALREADY_EXISTS'],
  ])('%s arrives as UNKNOWN (%s)', async (_what, _link, sentence, code) => {
    class HeroException extends Error {}

    @Catch(HeroException)
    class HeroFilter {
      catch({ message }: HeroException) {
        return throwError(() => new RpcException({ code: Code.NotFound, message }));
      }
    }

    @UseFilters(HeroFilter)
    @ConnectService(ElizaService, { partial: true })
    class Throwing {
      @Rpc()
      say(request: SayRequest): { sentence: string } {
        switch (request.sentence) {
          case 'rpc':
            throw new RpcException({ code: Code.NotFound, message: 'rpc' });
          case 'details':
            throw new RpcException({ code: Code.NotFound, details: 'details' });
          case 'http':
            throw new ConflictException('http');
          default:
            throw new HeroException('filter');
        }
      }
    }
    const client = await talkTo(Throwing);
    expect(await client.say(sentence).outcome).toMatchObject({ code, details: sentence });
  });
});

describe('calls', () => {
  it('a handler does not know its deadline (https://github.com/nestjs/nest/issues/1366)', async () => {
    const seen: unknown[] = [];
    @ConnectService(ElizaService, { partial: true })
    class Patient {
      @Rpc()
      say(_request: SayRequest, context: ConnectContext) {
        seen.push(context.deadline instanceof Date, (context.timeoutMs() ?? 0) > 0);
        context.signal.addEventListener('abort', () =>
          seen.push(Code[(context.signal.reason as { code: Code }).code]),
        );
        return NEVER;
      }
    }
    const client = await talkTo(Patient);
    const { code } = await client.say('', { deadline: new Date(Date.now() + 200) }).outcome;
    expect(code).toBe('DEADLINE_EXCEEDED');
    await eventually(() => seen.length === 3);
    // grpc-js resets the stream at the deadline, which may come before the server's own timer.
    expect(seen).toEqual([true, true, expect.stringMatching(/^(DeadlineExceeded|Canceled)$/)]);
  });

  it('a server cannot send metadata with its answer (https://github.com/nestjs/nest/issues/1897)', async () => {
    const addHeader: NestInterceptor = {
      intercept(context, next) {
        context.switchToRpc().getContext<ConnectContext>().responseHeaders.set('x-interceptor', 'was here');
        return next.handle();
      },
    };
    @UseInterceptors(addHeader)
    @ConnectService(ElizaService, { partial: true })
    class Cookies {
      @Rpc()
      say(_request: SayRequest, context: ConnectContext) {
        context.responseHeaders.set('set-cookie', 'yummy_cookie=choco');
        context.responseTrailers.set('x-cost', '3');
        return { sentence: 'Hello World!!!' };
      }
    }
    const client = await talkTo(Cookies);
    const { sentence, headers, trailers } = await client.say('').outcome;
    expect(sentence).toBe('Hello World!!!');
    expect(headers?.get('set-cookie')).toEqual(['yummy_cookie=choco']);
    expect(headers?.get('x-interceptor')).toEqual(['was here']);
    expect(trailers.get('x-cost')).toEqual(['3']);
  });

  it('closing the app cancels the calls under way (https://github.com/nestjs/nest/issues/12005)', async () => {
    let isUnderWay = false;
    let finish!: () => void;
    const isFinished = new Promise<void>((resolve) => (finish = resolve));
    @ConnectService(ElizaService, { partial: true })
    class Slow {
      @Rpc()
      async say({ sentence }: SayRequest) {
        isUnderWay = true;
        await isFinished;
        return { sentence };
      }
    }
    const app = await serve({ controllers: [Slow] });
    const { outcome } = connect(app.port).say('hi');
    await eventually(() => isUnderWay);
    const closed = app.close();
    await setImmediate();
    finish();
    expect(await outcome).toMatchObject({ code: 'OK', sentence: 'hi' });
    await closed;
    expect(await connect(app.port).say('hi').outcome).toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('descriptors', () => {
  it('one server has room for one package (https://github.com/nestjs/nest/issues/1640)', async () => {
    const services = ['first.v1', 'second.v1'].map((pkg) => elizaNamed('Greeter', pkg));
    const { port } = await serve({ controllers: services.map(greeterOf) });
    for (const service of services) {
      expect(await connect(port, service).say('hi').outcome).toMatchObject({
        sentence: `hi from ${service.typeName}`,
      });
    }
  });

  it('an int64 is an object, and a method in lower case is not found (https://github.com/stephenh/ts-proto/issues/411, https://github.com/nestjs/nest/issues/4568)', async () => {
    const seen: unknown[] = [];
    @ConnectService(counters)
    class Counter {
      @Rpc()
      findNext({ value }: Int64Value) {
        seen.push(value);
        return { value: value + 1n };
      }
    }
    const { port } = await serve({ controllers: [Counter] });
    const client = createClient(counters, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
    // Of a descriptor that was made at run time the compiler knows no methods.
    const findNext = client['findNext'] as unknown as (request: { value: bigint }) => Promise<Int64Value>;
    expect(await findNext({ value: 9_007_199_254_740_993n })).toMatchObject({
      value: 9_007_199_254_740_994n,
    });
    expect(seen).toEqual([9_007_199_254_740_993n]);
  });
});

function greeterOf(service: ElizaDesc): Type<unknown> {
  @ConnectService(service, { partial: true })
  class Greeter {
    @Rpc()
    say({ sentence }: SayRequest) {
      return { sentence: `${sentence} from ${service.typeName}` };
    }
  }
  return Greeter;
}

function named(name: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-name', name);
  return metadata;
}

describe('scopes', () => {
  @Injectable({ scope: Scope.REQUEST })
  class Caller {
    constructor(@Inject(REQUEST) private readonly request: RequestContext<SayRequest, ConnectContext>) {}

    get name(): string | undefined {
      return this.request.getContext().requestHeaders.get('x-name');
    }
  }

  it('what a request-scoped interceptor injects is undefined, and the handler gets no metadata (https://github.com/nestjs/nest/issues/2489, https://github.com/nestjs/nest/issues/2802)', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Signing implements NestInterceptor {
      constructor(private readonly caller: Caller) {}

      intercept(_context: ExecutionContext, next: CallHandler<{ sentence: string }>) {
        return next
          .handle()
          .pipe(map(({ sentence }) => ({ sentence: `${sentence}, intercepted for ${this.caller.name}` })));
      }
    }
    @UseInterceptors(Signing)
    @ConnectService(ElizaService, { partial: true })
    class Signed {
      @Rpc()
      say({ sentence }: SayRequest, { requestHeaders }: ConnectContext) {
        return { sentence: `${sentence} ${requestHeaders.get('x-name')}` };
      }
    }
    const { port } = await serve({ controllers: [Signed], providers: [Caller] });
    expect(await connect(port).say('hi', { metadata: named('Ada') }).outcome).toMatchObject({
      sentence: 'hi Ada, intercepted for Ada',
    });
  });

  it('a request-scoped class cannot be called (https://github.com/nestjs/nest/issues/1886)', async () => {
    @ConnectService(ElizaService, { partial: true })
    class Scoped {
      constructor(private readonly caller: Caller) {}

      @Rpc()
      say({ sentence }: SayRequest) {
        return { sentence: `${sentence} ${this.caller.name}` };
      }
    }
    const { port } = await serve({ controllers: [Scoped], providers: [Caller] });
    const client = connect(port);
    const outcomes = await Promise.all(
      ['Ada', 'Bob'].map((name) => client.say('hi', { metadata: named(name) }).outcome),
    );
    expect(outcomes.map(({ sentence }) => sentence)).toEqual(['hi Ada', 'hi Bob']);
  });
});

describe('applications', () => {
  it('nothing can run before guards, and AsyncLocalStorage is lost in filters (https://github.com/nestjs/nest/issues/17402, https://github.com/nestjs/nest/issues/8210, https://github.com/nestjs/nest/issues/15317)', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const note = (place: string) => seen.push([place, storage.getStore()]);

    @Catch(RangeError)
    class Noting {
      catch(error: RangeError) {
        note('filter');
        return throwError(() => error);
      }
    }
    const noting = { canActivate: () => note('guard') > 0 };

    @UseGuards(noting)
    @UseFilters(Noting)
    @ConnectService(ElizaService, { partial: true })
    class Stored {
      @Rpc()
      async say(): Promise<{ sentence: string }> {
        await setImmediate();
        note('handler');
        throw new RangeError('too far');
      }
    }
    const client = await talkTo(Stored, { around: (_context, next) => storage.run('of the call', next) });
    expect(await client.say('').outcome).toMatchObject({ code: 'INTERNAL' });
    expect(seen).toEqual(['guard', 'handler', 'filter'].map((place) => [place, 'of the call']));
  });

  it('global guards are silently absent in a hybrid app (https://github.com/nestjs/docs.nestjs.com/pull/1947)', async () => {
    @Module({
      controllers: [greeterOf(ElizaService)],
      providers: [{ provide: APP_GUARD, useValue: { canActivate: () => false } }],
    })
    class HybridModule {}
    const warn = jest.fn();
    const app = await NestFactory.create(HybridModule, { logger: { log: () => {}, error: () => {}, warn } });
    closings.push(() => app.close());
    app.connectMicroservice({ strategy: new ConnectServer({ host: '127.0.0.1', port: 0 }) });
    await app.startAllMicroservices();
    expect(warn.mock.calls.map(([line]) => line)).toEqual([
      expect.stringContaining('inheritAppConfig: true'),
    ]);
  });
});
