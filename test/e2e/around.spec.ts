/**
 * `around`: an AsyncLocalStorage that holds for everything that belongs to a call, and who hears of what it does wrong.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Catch,
  createParamDecorator,
  Injectable,
  Module,
  type ModuleMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { Test, type TestingModule } from '@nestjs/testing';
import { concatMap, lastValueFrom, map, Observable, of, tap, throwError, timer } from 'rxjs';
import {
  type Around,
  Code,
  type ConnectContext,
  ConnectError,
  ConnectModule,
  ConnectServer,
  ConnectService,
  Rpc,
  type RpcStream,
} from 'nestjs-connect';
import { type ConnectClient, type ConnectTestServer, serveInMemory } from 'nestjs-connect/testing';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { http1Request, openHttp2, RawClient, recordHttp2 } from '../server/engine-harness.js';
import { eventually } from '../support/eventually.js';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { encodeEnvelope } from '../../lib/wire/envelope.js';

const storage = new AsyncLocalStorage<string>();
/** Where the code of a call ran, and in which store. */
let seen: [place: string, store: string | undefined][] = [];

function note(place: string): void {
  seen.push([place, storage.getStore()]);
}

function hasSeen(wanted: string): boolean {
  return seen.some(([place]) => place === wanted);
}

@Injectable()
class Guard {
  async canActivate() {
    await Promise.resolve();
    note('guard');
    return true;
  }
}

@Injectable()
class Pipe {
  transform(value: unknown) {
    note('pipe');
    return value;
  }
}

@Injectable()
class Interceptor {
  intercept(_context: unknown, next: { handle(): Observable<unknown> }) {
    note('interceptor');
    return next.handle().pipe(tap(() => note('response through the interceptor')));
  }
}

@Catch(RangeError)
class Filter {
  catch(error: RangeError) {
    note('filter');
    return throwError(() => new ConnectError(error.message, { code: Code.OutOfRange }));
  }
}

const Param = createParamDecorator(() => {
  note('parameter decorator');
  return 'x';
});

const LARGE = 'x'.repeat(1_000_000);

@UseFilters(Filter)
@ConnectService(ElizaService)
class Eliza {
  @UseGuards(Guard)
  @UsePipes(Pipe)
  @UseInterceptors(Interceptor)
  @Rpc()
  async say(@Payload() { sentence }: SayRequest, @Param() _param: string) {
    note('handler');
    await timer(1).toPromise();
    note('handler after a wait');
    if (sentence === 'fail') {
      throw new RangeError('too far');
    }
    return { sentence };
  }

  @UseInterceptors(Interceptor)
  @Rpc()
  async *introduce({ name }: IntroduceRequest) {
    try {
      // Large enough that the client must read before the next one is asked for.
      for (let i = 0; i < 5; i++) {
        note('generator');
        yield { sentence: name === 'large' ? LARGE : name };
      }
    } finally {
      note('finally');
    }
  }

  @Rpc()
  reflect(requests: RpcStream<ReflectRequest>) {
    return requests.pipe(
      tap(() => note('operator on requests')),
      map(({ sentence }) => ({ sentence })),
    );
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>, context: ConnectContext) {
    context.signal.addEventListener('abort', () => note('signal'));
    return requests
      .mapEach(({ sentence }) => {
        note('mapEach');
        return of({ sentence });
      })
      .pipe(
        concatMap((answer) => timer(1).pipe(map(() => answer))),
        (source) =>
          new Observable<{ sentence: string }>((subscriber) => {
            const subscription = source.subscribe(subscriber);
            return () => {
              note('teardown');
              subscription.unsubscribe();
            };
          }),
      );
  }
}

@Module({ controllers: [Eliza] })
class ElizaModule {}

/** Everything that a test started. */
const started: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.close()));
});

/** On a socket, whose events come from outside of every call's store. */
async function startOnPort(around: Around): Promise<number> {
  seen = [];
  const strategy = new ConnectServer({ host: '127.0.0.1', port: 0, around });
  const app = await NestFactory.createMicroservice(ElizaModule, { strategy, logger: false });
  started.push(app);
  return ((await app.listen()) as unknown as { port: number }).port;
}

type ElizaClient = ConnectClient<typeof ElizaService>;

async function start(around: Around): Promise<ElizaClient> {
  return connected(await serveInMemory(await compile([ElizaModule]), { around }));
}

async function startMounted(around: Around): Promise<ElizaClient> {
  const module = await compile([ElizaModule, ConnectModule.forRoot({ around })]);
  return connected(await serveInMemory(module.createNestApplication()));
}

async function compile(imports: NonNullable<ModuleMetadata['imports']>): Promise<TestingModule> {
  const module = await Test.createTestingModule({ imports }).compile();
  module.useLogger(false);
  return module;
}

function connected(server: ConnectTestServer): ElizaClient {
  seen = [];
  started.push(server);
  return server.client(ElizaService);
}

const inStore: Around = (context, next) =>
  storage.run(context.requestHeaders.get('x-request-id') ?? 'none', next);

describe.each([
  ['a microservice', start],
  ['ConnectModule', startMounted],
])('around, %s', (_name, startServer) => {
  it.each([
    ['an answer', 'hi', ['response through the interceptor']],
    ['an exception', 'fail', ['filter']],
  ])('encloses guard, pipe, decorator, interceptor, handler and %s', async (_end, sentence, ending) => {
    const eliza = await startServer(inStore);
    await Promise.allSettled(
      ['a', 'b'].map((id) => eliza.say({ sentence }, { headers: { 'x-request-id': id } })),
    );
    for (const id of ['a', 'b']) {
      const places = new Set(seen.filter(([, store]) => store === id).map(([place]) => place));
      expect(places).toEqual(
        new Set([
          'guard',
          'pipe',
          'parameter decorator',
          'interceptor',
          'handler',
          'handler after a wait',
          ...ending,
        ]),
      );
    }
    expect(seen.filter(([, store]) => store !== 'a' && store !== 'b')).toEqual([]);
  });
});

describe('around', () => {
  it.each<[string, (eliza: ElizaClient) => Promise<unknown>, string[]]>([
    ['responses', (eliza) => lastValueFrom(eliza.introduce({ name: 'hi' })), ['generator', 'finally']],
    ['requests', (eliza) => eliza.reflect([{ sentence: 'a' }, { sentence: 'b' }]), ['operator on requests']],
  ])('encloses a stream of %s', async (_what, call, places) => {
    await call(await start(inStore));
    expect(seen.filter(([, store]) => store !== 'none')).toEqual([]);
    expect(seen.map(([place]) => place)).toEqual(expect.arrayContaining(places));
  });

  it('holds for a generator that goes on when its client reads', async () => {
    const port = await startOnPort(inStore);
    const client = new RawClient(connect({ port, host: '127.0.0.1' }));
    const body = encodeEnvelope(0, Buffer.from('{"name":"large"}'));
    client.socket.pause();
    client
      .write(
        http1Request(
          '',
          { 'content-type': 'application/connect+json', 'content-length': String(body.length) },
          '/connectrpc.eliza.v1.ElizaService/Introduce',
        ),
      )
      .write(body);
    await eventually(() => seen.length > 0);
    client.socket.resume();
    await eventually(() => hasSeen('finally'));
    client.destroy();
    expect(seen.filter(([, store]) => store !== 'none')).toEqual([]);
  });

  it('holds for each message of a bidi stream, and for its end when the client goes away', async () => {
    const port = await startOnPort(inStore);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = openHttp2(session, {
      ':path': '/connectrpc.eliza.v1.ElizaService/Converse',
      'content-type': 'application/connect+json',
      'x-request-id': 'bidi',
    });
    const result = recordHttp2(stream);
    for (const sentence of ['a', 'b']) {
      stream.write(encodeEnvelope(0, Buffer.from(JSON.stringify({ sentence }))));
      const count = sentence === 'a' ? 1 : 2;
      await eventually(() => seen.filter(([place]) => place === 'mapEach').length === count);
    }
    // Without an END_STREAM in front, as a client that crashes.
    session.destroy();
    await result;
    await eventually(() => hasSeen('teardown') && hasSeen('signal'));
    expect(seen.filter(([, store]) => store !== 'bidi')).toEqual([]);
  });

  it('may begin the call later, and learns when it is over', async () => {
    const eliza = await start(async (context, next) => {
      await timer(5).toPromise();
      note(`before ${context.method.name}`);
      await next();
      note('over');
    });
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi' });
    await eventually(() => hasSeen('over'));
    const places = seen.map(([place]) => place);
    expect([places.at(0), ...places.slice(-2)]).toEqual([
      'before Say',
      'response through the interceptor',
      'over',
    ]);
  });

  it.each<[string, Around]>([
    [
      'throws',
      () => {
        throw new ConnectError('not now', { code: Code.Unavailable });
      },
    ],
    ['rejects', () => Promise.reject(new ConnectError('not now', { code: Code.Unavailable }))],
  ])('fails the call when it %s', async (_how, around) => {
    const eliza = await start(around);
    await expect(eliza.say({ sentence: 'hi' })).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: 'not now',
    });
    expect(seen).toEqual([]);
  });

  it.each<[string, Around]>([
    ['returns', () => {}],
    ['resolves', async () => {}],
    ['returns, and calls it later', (_context, next) => void setImmediate(next)],
  ])('fails the call when it %s without next()', async (_how, around) => {
    const eliza = await start(around);
    await expect(eliza.say({ sentence: 'hi' })).rejects.toMatchObject({
      code: Code.Internal,
      rawMessage: 'internal error',
    });
    await new Promise(setImmediate);
    expect(seen).toEqual([]);
  });

  it('begins a call once, however often next() is called', async () => {
    const eliza = await start((_context, next) => Promise.all([next(), next()]));
    await eliza.say({ sentence: 'hi' });
    expect(seen.filter(([place]) => place === 'handler')).toHaveLength(1);
  });
});
