/**
 * `ConnectClientsModule` in every form of an application, against real servers: what it provides, what it refuses at boot,
 * and how its channels end.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type DynamicModule,
  Inject,
  Injectable,
  type INestApplicationContext,
  Module,
  type ModuleMetadata,
  Scope,
  type Type,
} from '@nestjs/common';
import { ModulesContainer, NestFactory, REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  Code,
  ConnectConfigError,
  type ConnectClient,
  type ConnectClientAsyncEntry,
  type ConnectClientEntry,
  type ConnectClientOptions,
  ConnectClientsModule,
  type ConnectContext,
  type ConnectError,
  ConnectModule,
  ConnectServer,
  type ConnectServerStatus,
  ConnectService,
  getConnectClientToken,
  getRxConnectClientToken,
  InjectConnectClient,
  InjectRxConnectClient,
  Rpc,
  type RpcHeaders,
  type RxConnectClient,
} from 'nestjs-connect';
import {
  type ClientInterceptor,
  createChannel,
  createClient,
  type InterceptedCall,
  type NextCall,
} from 'nestjs-connect/client';
import { serveOnPort } from 'nestjs-connect/testing';
import { filter, firstValueFrom, type Observable, of, toArray } from 'rxjs';
import { ElizaService, type SayRequest } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { Closing, Peers } from '../client/peers.js';
import { ElizaEcho } from '../support/eliza-echo.js';
import { elizaNamed } from '../support/eliza-services.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';

const HOST = '127.0.0.1';
/** With `abortOnError` Nest would end the process of the tests. */
const QUIET = { logger: false, abortOnError: false } as const;
const First = elizaNamed('First');
const Second = elizaNamed('Second');

type Eliza = ConnectClient<typeof ElizaService>;
type RxEliza = RxConnectClient<typeof ElizaService>;

/** What an application with clients has of them. */
@Injectable()
class Talk {
  constructor(
    @InjectConnectClient(ElizaService) readonly eliza: Eliza,
    @InjectRxConnectClient(ElizaService) readonly rx: RxEliza,
  ) {}
}

/** Its calls take until they are let go. */
@ConnectService(ElizaService, { partial: true })
class Held {
  static readonly held: (() => void)[] = [];

  static letGo(): void {
    Held.held.splice(0).forEach((resolve) => resolve());
  }

  @Rpc()
  async say({ sentence }: SayRequest) {
    if (sentence === 'hold') {
      await new Promise<void>((resolve) => Held.held.push(resolve));
    }
    return { sentence };
  }
}

/** Answers with the port of whoever calls: calls over one connection come from one. */
@ConnectService(First, { partial: true })
class FirstCaller {
  @Rpc()
  say(_request: SayRequest, { peer }: ConnectContext) {
    return { sentence: String(peer.port) };
  }
}

@ConnectService(Second, { partial: true })
class SecondCaller extends FirstCaller {
  @Rpc()
  override say(request: SayRequest, context: ConnectContext) {
    return super.say(request, context);
  }
}

interface Closable {
  close(): Promise<void>;
}

const running: Closable[] = [];

function track<T extends Closable>(closable: T): T {
  running.push(closable);
  return closable;
}

/** The one under test closes first: what it has open would hold the others. */
async function closeAll(): Promise<void> {
  Held.letGo();
  for (const closable of running.splice(0).toReversed()) {
    await closable.close();
  }
}

failOnUnhandled();
afterEach(closeAll);

/** @returns A server's URL, and the connections that it has. */
async function serve(
  ...controllers: Type<unknown>[]
): Promise<{ url: string; sockets: ReadonlySet<Socket> }> {
  const module = await Test.createTestingModule({ controllers }).compile();
  const { app, url } = track(await serveOnPort(module));
  const sockets = new Set<Socket>();
  app.unwrap<Server>().on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return { url: url as string, sockets };
}

function moduleOf(metadata: ModuleMetadata): Type<unknown> {
  @Module(metadata)
  class AppModule {}
  return AppModule;
}

/** An application whose providers can inject what `clients` provides. */
function withClients(clients: DynamicModule, providers: NonNullable<ModuleMetadata['providers']> = [Talk]) {
  return Test.createTestingModule({ imports: [moduleOf({ imports: [clients], providers })] });
}

async function start(...args: Parameters<typeof withClients>): Promise<INestApplicationContext> {
  return track(await (await withClients(...args).compile()).init());
}

function compile(...imports: Type<unknown>[]) {
  return Test.createTestingModule({ imports }).compile();
}

function get<T>(app: INestApplicationContext, token: symbol | Type<T>): T {
  return app.get<T>(token, { strict: false });
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    (value) => Promise.reject(new Error(`succeeded with ${JSON.stringify(value)}`)),
    (error: ConnectError) => error,
  );
}

/** @returns The message of the error with which an application does not start. */
async function refusalOf(boot: () => Promise<unknown>): Promise<string> {
  const error = await boot().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConnectConfigError);
  return (error as ConnectConfigError).message;
}

async function all<T extends { sentence: string }>(stream: Observable<T>): Promise<string[]> {
  return (await firstValueFrom(stream.pipe(toArray()))).map(({ sentence }) => sentence);
}

const FORMS: readonly (readonly [string, (module: Type<unknown>) => Promise<INestApplicationContext>])[] = [
  [
    'createMicroservice',
    async (module) => {
      const strategy = new ConnectServer({ host: HOST, port: 0 });
      const app = await NestFactory.createMicroservice(module, { strategy, ...QUIET });
      await app.listen();
      return app;
    },
  ],
  ['create', async (module) => (await NestFactory.create(module, QUIET)).init()],
  ['createApplicationContext', (module) => NestFactory.createApplicationContext(module, QUIET)],
  [
    'a TestingModule',
    async (module) => (await Test.createTestingModule({ imports: [module] }).compile()).init(),
  ],
];

describe.each(FORMS)('clients under %s', (_form, create) => {
  it('call all four kinds, as promises and as Observables, until the application ends', async () => {
    const { url, sockets } = await serve(ElizaEcho);
    const clients = ConnectClientsModule.register([{ url, services: [ElizaService] }]);
    const app = track(await create(moduleOf({ imports: [clients], providers: [Talk] })));
    const { eliza, rx } = get(app, Talk);
    const words = [{ sentence: 'a' }, { sentence: 'b' }];

    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi' });
    expect(await all(eliza.introduce({ name: 'Ada' }))).toEqual(['Ada 1', 'Ada 2', 'Ada 3']);
    expect(await eliza.reflect(words)).toMatchObject({ sentence: 'a b' });
    expect(await all(eliza.converse(of(...words)))).toEqual(['a', 'b']);
    expect(await all(rx.say({ sentence: 'hi' }))).toEqual(['hi']);
    expect(await all(rx.introduce({ name: 'Ada' }))).toEqual(['Ada 1', 'Ada 2', 'Ada 3']);
    expect(await all(rx.reflect(words))).toEqual(['a b']);
    expect(await all(rx.converse(of(...words)))).toEqual(['a', 'b']);

    expect(sockets.size).toBe(1);
    await app.close();
    await eventually(() => sockets.size === 0);
    expect((await errorOf(eliza.say({}))).code).toBe(Code.Unavailable);
    expect((await errorOf(firstValueFrom(rx.say({})))).code).toBe(Code.Unavailable);
  });
});

describe('ConnectClientsModule', () => {
  it('makes one channel of each entry, for all of its services', async () => {
    const { url } = await serve(FirstCaller, SecondCaller);
    const entry = { url, services: [First, Second] };
    const clients = ConnectClientsModule.register([entry, { ...entry, name: 'other' }]);
    const app = await start(clients, []);
    const portOf = (token: symbol) => get<Eliza>(app, token).say({});
    const port = await portOf(getConnectClientToken(First));
    expect(await portOf(getConnectClientToken(Second))).toEqual(port);
    const other = await portOf(getConnectClientToken(First, 'other'));
    expect(other).not.toEqual(port);
    expect(await portOf(getConnectClientToken(Second, 'other'))).toEqual(other);
  });

  it.each<[Partial<ConnectClientOptions>, string, string]>([
    [{}, 'connect', '2'],
    [{ httpVersion: '1.1' }, 'connect', '1.1'],
    [{ protocol: 'grpc' }, 'grpc', '2'],
    [{ protocol: 'grpc-web', codec: 'json' }, 'grpc-web', '2'],
  ])('calls as the options of the entry say: %j', async (options, protocol, httpVersion) => {
    const { url } = await serve(ElizaEcho);
    const clients = ConnectClientsModule.register([{ url, services: [ElizaService], ...options }]);
    const told: (string | undefined)[] = [];
    await get(await start(clients), Talk).eliza.say(
      {},
      {
        onHeaders: (headers) => told.push(headers.get('x-protocol')),
        onTrailers: (trailers) => told.push(trailers.get('x-http')),
      },
    );
    expect(told).toEqual([protocol, httpVersion]);
  });

  it('connects to nothing before the first call', async () => {
    const peers = track(new Peers());
    const url = await peers.tcp(() => {});
    const clients = ConnectClientsModule.register([{ url, services: [ElizaService] }]);
    const { eliza } = get(await start(clients), Talk);
    // A server takes connections in their order: one of the start would be there with this one.
    connect(Number(new URL(url).port)).on('error', () => {});
    await eventually(() => peers.connections > 0);
    expect(peers.connections).toBe(1);
    const call = errorOf(eliza.say({}, { timeoutMs: 4_000 }));
    await eventually(() => peers.connections === 2);
    peers.cutConnections();
    expect((await call).message).toContain(url);
  });

  it('gives the same client to everybody, request-scoped providers too', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      constructor(@InjectConnectClient(ElizaService) readonly eliza: Eliza) {}
    }
    const clients = ConnectClientsModule.register([{ url: 'http://nowhere', services: [ElizaService] }]);
    const app = await start(clients, [Talk, PerRequest]);
    const resolved = await Promise.all(
      [1, 2].map(() => app.resolve(PerRequest, undefined, { strict: false })),
    );
    expect(resolved[0]).not.toBe(resolved[1]);
    expect(resolved.map(({ eliza }) => eliza)).toEqual([get(app, Talk).eliza, get(app, Talk).eliza]);
  });

  it.each([
    ['register', (url: string) => ConnectClientsModule.register(globally({ url }))],
    [
      'registerAsync',
      (url: string) => ConnectClientsModule.registerAsync(globally({ useFactory: () => ({ url }) })),
    ],
  ])('is global where asked for: %s', async (_method, register) => {
    const { url } = await serve(ElizaEcho);
    const talking = moduleOf({ providers: [Talk] });
    const module = await Test.createTestingModule({ imports: [register(url), talking] }).compile();
    const { eliza } = get(track(module), Talk);
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi' });
  });

  it('is visible where it is imported only, and Nest names the client that is missing', async () => {
    const clients = ConnectClientsModule.register([{ url: 'http://nowhere', services: [ElizaService] }]);
    const module = Test.createTestingModule({ imports: [clients, moduleOf({ providers: [Talk] })] });
    await expect(module.compile()).rejects.toThrow('ConnectClient<connectrpc.eliza.v1.ElizaService>');
  });
});

function globally<E extends object>(entry: E) {
  return { clients: [{ services: [ElizaService], ...entry }], isGlobal: true };
}

describe('ConnectClientsModule.registerAsync', () => {
  @Injectable()
  class Config {
    static instances = 0;
    urls: readonly [string, string] = ['', ''];

    constructor() {
      Config.instances++;
    }
  }

  @Module({ providers: [Config], exports: [Config] })
  class ConfigModule {}

  it('takes options from other providers, entry by entry', async () => {
    const servers = [await serve(ElizaEcho), await serve(Held)] as const;
    Config.instances = 0;
    const backup: ConnectClientAsyncEntry = {
      name: 'backup',
      services: [ElizaService],
      imports: [ConfigModule],
      inject: [Config],
      useFactory: ({ urls }: Config) => ({ url: urls[1] }),
    };
    const clients = ConnectClientsModule.registerAsync([
      {
        services: [ElizaService],
        imports: [ConfigModule],
        inject: [Config],
        useFactory: async ({ urls }: Config) => Promise.resolve({ url: urls[0], protocol: 'grpc' }),
      },
      backup,
    ]);
    const config = { urls: servers.map(({ url }) => url) };
    const builder = withClients(clients).overrideProvider(Config).useValue(config);
    const app = track(await builder.compile());
    const protocols: (string | undefined)[] = [];
    const onHeaders = (headers: RpcHeaders) => void protocols.push(headers.get('x-protocol'));
    await get(app, Talk).eliza.say({}, { onHeaders });
    await get<Eliza>(app, getConnectClientToken(ElizaService, 'backup')).say({}, { onHeaders });
    expect(protocols).toEqual(['grpc', undefined]);
  });

  it('makes what only its factory needs, for example an interceptor', async () => {
    const { url } = await serve(ElizaEcho);
    const seen: string[] = [];
    @Injectable()
    class Recorder implements ClientInterceptor {
      constructor(@Inject(Config) private readonly config: Config) {}

      intercept(call: InterceptedCall, next: NextCall) {
        seen.push(`${this.config.urls.length} ${call.method.name}`);
        return next(call);
      }
    }
    const clients = ConnectClientsModule.registerAsync([
      {
        services: [ElizaService],
        imports: [ConfigModule],
        extraProviders: [Recorder],
        inject: [Recorder],
        useFactory: (recorder: Recorder) => ({ url, interceptors: [recorder] }),
      },
    ]);
    const { eliza, rx } = get(await start(clients), Talk);
    await eliza.say({});
    await all(rx.introduce({}));
    expect(seen).toEqual(['2 Say', '2 Introduce']);
  });

  it('needs neither imports nor dependencies', async () => {
    const { url } = await serve(ElizaEcho);
    const clients = ConnectClientsModule.registerAsync([
      { services: [ElizaService], useFactory: () => ({ url }) },
    ]);
    expect(await get(await start(clients), Talk).eliza.say({ sentence: 'a' })).toMatchObject({
      sentence: 'a',
    });
  });

  it('passes on the error of a factory', async () => {
    const clients = ConnectClientsModule.registerAsync([
      {
        services: [ElizaService],
        useFactory: () => Promise.reject(new Error('ELIZA_URL is not set')),
      },
    ]);
    await expect(start(clients)).rejects.toThrow(/^ELIZA_URL is not set$/);
  });

  it('refuses a factory with something request-scoped, whose channels would outlive their requests', async () => {
    const clients = ConnectClientsModule.registerAsync([
      { services: [First], useFactory: () => ({ url: 'http://a' }) },
      { services: [ElizaService], inject: [REQUEST], useFactory: () => ({ url: 'http://a' }) },
    ]);
    expect(await refusalOf(() => start(clients))).toMatch(
      /^the client of connectrpc\.eliza\.v1\.ElizaService takes options from a request-scoped provider/,
    );
  });
});

describe('wrong options', () => {
  const WRONG: readonly (readonly [string, object, string])[] = [
    ['no URL', {}, 'the URL of a server is of type undefined'],
    ['a URL that is none', { url: 'eliza:8080' }, '"eliza:8080" is not the URL of a server'],
    ['an unknown protocol', { url: 'http://a', protocol: 'soap' }, 'protocol is "soap": expected one of'],
    ['HTTP/1.1 for gRPC', { url: 'http://a', protocol: 'grpc', httpVersion: '1.1' }, 'but grpc needs "2"'],
    ['TLS in clear text', { url: 'http://a', tls: { ca: '' } }, 'which is clear text'],
    [
      'a negative time',
      { url: 'http://a', closeTimeoutMs: -1 },
      'closeTimeoutMs is -1: expected milliseconds',
    ],
    ['a time that is no number', { url: 'http://a', closeTimeoutMs: '5' }, 'closeTimeoutMs is 5: expected'],
  ];
  const named = { name: 'backup', services: [First, Second] };
  const OWNER = 'the client "backup" of test.v1.First, test.v1.Second has wrong options: ';

  it.each(WRONG)('fail at boot and name the entry: %s', async (_what, options, text) => {
    const entries = [
      { url: 'http://a', services: [First] },
      { ...named, ...(options as ConnectClientOptions) },
    ];
    const message = await refusalOf(() => start(ConnectClientsModule.register(entries), []));
    expect([message.slice(0, OWNER.length), message]).toEqual([OWNER, expect.stringContaining(text)]);

    const useFactory = () => options as ConnectClientOptions;
    const clients = ConnectClientsModule.registerAsync([{ ...named, useFactory }]);
    expect(await refusalOf(() => start(clients, []))).toBe(message);
  });

  it('are also none at all', async () => {
    const clients = ConnectClientsModule.registerAsync([
      { ...named, useFactory: () => undefined as unknown as ConnectClientOptions },
    ]);
    expect(await refusalOf(() => start(clients, []))).toBe(
      `${OWNER}expected an object with a url, but got undefined`,
    );
  });

  it.each<[string, unknown, string]>([
    ['missing', undefined, 'clients[1] of ConnectClientsModule has no services'],
    ['none', [], 'clients[1] of ConnectClientsModule has no services'],
    [
      'undefined, as in an import cycle',
      [First, undefined],
      'services[1] of clients[1] of ConnectClientsModule is undefined',
    ],
    [
      'a handler class',
      [ElizaEcho],
      'services[0] of clients[1] of ConnectClientsModule is the class or function ElizaEcho',
    ],
    ['a name', ['test.v1.First'], 'services[0] of clients[1] of ConnectClientsModule is test.v1.First'],
  ])('are services that are %s', async (_what, services, text) => {
    const entries = [{ services: [First] }, { services }] as ConnectClientEntry[];
    expect(await refusalOf(async () => ConnectClientsModule.register(entries))).toContain(text);
    const asyncEntries = entries as unknown as ConnectClientAsyncEntry[];
    expect(await refusalOf(async () => ConnectClientsModule.registerAsync(asyncEntries))).toContain(text);
  });
});

describe('a client that is registered twice', () => {
  const url = 'http://nowhere';
  const entryOf = (name?: string, ...services: ConnectClientEntry['services']) => ({ url, name, services });

  @Module({ imports: [ConnectClientsModule.register([entryOf(undefined, First), entryOf('b', Second)])] })
  class UsersModule {}

  @Module({
    imports: [
      ConnectClientsModule.registerAsync([
        { services: [Second], useFactory: () => ({ url }) },
        { name: 'b', services: [First, Second], useFactory: () => ({ url }) },
      ]),
    ],
  })
  class OrdersModule {}

  const sameModule = ConnectClientsModule.register([entryOf(undefined, First)]);

  @Module({ imports: [sameModule] })
  class OneModule {}

  @Module({ imports: [sameModule] })
  class OtherModule {}

  it('in two modules fails at boot, and both are named', async () => {
    const message = await refusalOf(() => compile(UsersModule, OrdersModule));
    expect(message).toBe(
      'the client "b" of test.v1.Second is registered twice: by clients[1] of ConnectClientsModule in UsersModule, ' +
        'and by clients[1] of ConnectClientsModule in OrdersModule. Give one of them a name of its own, ' +
        '{ name: "other", services: [Second], … } and @InjectConnectClient(Second, "other"); or register it in one module, ' +
        'and import that.',
    );
  });

  it.each([
    [
      'in two entries',
      [entryOf(undefined, First), entryOf(undefined, Second, First)],
      'clients[0]',
      'clients[1]',
    ],
    ['in one entry', [entryOf('a', First), entryOf(undefined, First, First)], 'clients[1]', 'clients[1]'],
  ])('%s fails at boot, and both are named', async (_where, entries, first, second) => {
    const message = await refusalOf(() => start(ConnectClientsModule.register(entries), []));
    expect(message).toMatch(/^the client of test\.v1\.First is registered twice: /);
    expect(message).toContain(
      `by ${first} of ConnectClientsModule in AppModule, and by ${second} of ConnectClientsModule`,
    );
  });

  it('is counted where it is global, and across the application', async () => {
    const everywhere = ConnectClientsModule.register({
      clients: [entryOf(undefined, First)],
      isGlobal: true,
    });
    const global = moduleOf({ imports: [everywhere] });
    expect(await refusalOf(() => compile(UsersModule, global))).toContain(
      'by clients[0] of ConnectClientsModule in UsersModule, and by clients[0] of ConnectClientsModule, global. Give',
    );
  });

  it('is counted whichever copy of the descriptor it is registered by', async () => {
    const entries = [entryOf(undefined, First), entryOf(undefined, elizaNamed('First'))];
    expect(await refusalOf(() => start(ConnectClientsModule.register(entries), []))).toContain(
      'registered twice',
    );
  });

  it('is not one that two modules import', async () => {
    const app = track(await compile(OneModule, OtherModule));
    expect(get(app, getConnectClientToken(First))).toBeDefined();
  });

  it('is not one with another name, or of another package', async () => {
    const entries = [
      entryOf(undefined, First),
      entryOf('a', First),
      entryOf(undefined, elizaNamed('First', 'other.v1')),
    ];
    const app = await start(ConnectClientsModule.register(entries), []);
    const clients = [
      getConnectClientToken(First),
      getConnectClientToken(First, 'a'),
      getConnectClientToken(elizaNamed('First', 'other.v1')),
      getRxConnectClientToken(First),
    ].map((token) => get(app, token));
    expect(new Set(clients).size).toBe(4);
  });
});

describe('tokens', () => {
  it.each([
    ['getConnectClientToken', getConnectClientToken, 'ConnectClient'],
    ['getRxConnectClientToken', getRxConnectClientToken, 'RxConnectClient'],
  ])('%s is the same in every copy of the package, and of the generated code', (_name, getToken, type) => {
    expect(getToken(elizaNamed('First'))).toBe(getToken(First));
    expect(getToken(First, 'a')).toBe(getToken(elizaNamed('First'), 'a'));
    expect(Symbol.keyFor(getToken(First))).toBe(`nestjs-connect:${type}<test.v1.First>`);
    expect(Symbol.keyFor(getToken(First, 'a'))).toBe(`nestjs-connect:${type}<test.v1.First, "a">`);
  });
});

describe('clients of tests', () => {
  it('are replaced by their tokens', async () => {
    const clients = ConnectClientsModule.register([{ url: 'http://nowhere', services: [ElizaService] }]);
    const module = await withClients(clients)
      .overrideProvider(getConnectClientToken(ElizaService))
      .useValue({ say: async () => ({ sentence: 'fake' }) })
      .overrideProvider(getRxConnectClientToken(ElizaService))
      .useFactory({ factory: () => ({ say: () => of({ sentence: 'Rx fake' }) }) })
      .compile();
    const { eliza, rx } = get(track(module), Talk);
    expect(await eliza.say({})).toEqual({ sentence: 'fake' });
    expect(await all(rx.say({}))).toEqual(['Rx fake']);
  });

  it('need no module when there is one only', async () => {
    const { url } = await serve(ElizaEcho);
    const channel = createChannel({ url });
    track(channel);
    const provider = {
      provide: getConnectClientToken(ElizaService),
      useFactory: () => createClient(ElizaService, channel),
    };
    @Injectable()
    class Say {
      @InjectConnectClient(ElizaService)
      readonly eliza!: Eliza;
    }
    const module = track(await Test.createTestingModule({ providers: [Say, provider] }).compile());
    expect(await module.get(Say).eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi' });
  });
});

/** Waits until the channel takes no calls any more. */
async function refuses(eliza: Eliza): Promise<void> {
  let code: Code | undefined;
  while (code === undefined) {
    code = await eliza.say({ sentence: 'still there?' }).then(
      () => undefined,
      (error: ConnectError) => error.code,
    );
  }
  expect(code).toBe(Code.Unavailable);
}

describe('the end of an application with clients', () => {
  let server: Awaited<ReturnType<typeof serve>>;

  beforeEach(async () => {
    server = await serve(Held);
  });

  function clientsOf(options: Partial<ConnectClientOptions> = {}): DynamicModule {
    return ConnectClientsModule.register([{ url: server.url, services: [ElizaService], ...options }]);
  }

  const TRANSPORTS: readonly (readonly [string, Partial<ConnectClientOptions>])[] = [
    ['Connect over HTTP/2', {}],
    ['Connect over HTTP/1.1', { httpVersion: '1.1' }],
    ['gRPC', { protocol: 'grpc', closeTimeoutMs: Infinity }],
  ];

  it.each(TRANSPORTS)('waits for calls under way: %s', async (_name, options) => {
    const app = await start(clientsOf(options));
    const { eliza } = get(app, Talk);
    const call = eliza.say({ sentence: 'hold' });
    await eventually(() => Held.held.length === 1);
    const closing = new Closing(app);
    await refuses(eliza);
    expect(closing.isDone).toBe(false);
    Held.letGo();
    expect(await call).toMatchObject({ sentence: 'hold' });
    await closing.done;
    await eventually(() => server.sockets.size === 0);
  });

  it.each(TRANSPORTS)('cuts what is left after closeTimeoutMs: %s', async (_name, options) => {
    const app = await start(clientsOf({ ...options, closeTimeoutMs: 50 }));
    const call = errorOf(get(app, Talk).eliza.say({ sentence: 'hold' }));
    await eventually(() => Held.held.length === 1);
    await app.close();
    expect((await call).code).toBe(Code.Canceled);
    await eventually(() => server.sockets.size === 0);
  });

  it.each<[string, (app: INestApplicationContext) => Promise<unknown>]>([
    ['at once', (app) => Promise.all([app.close(), app.close()])],
    ['one after the other', (app) => app.close().then(() => app.close())],
  ])('may be closed twice, with a call under way: %s', async (_when, close) => {
    const app = await start(clientsOf({ closeTimeoutMs: 10_000 }));
    const call = get(app, Talk).eliza.say({ sentence: 'hold' });
    await eventually(() => Held.held.length === 1);
    const closing = close(app);
    await refuses(get(app, Talk).eliza);
    Held.letGo();
    expect(await call).toMatchObject({ sentence: 'hold' });
    await closing;
  });

  const HOOKS = ['onModuleDestroy', 'beforeApplicationShutdown', 'onApplicationShutdown'] as const;
  const SCOPES = ['imported', 'global'] as const;

  it.each(HOOKS.flatMap((hook) => SCOPES.map((scope) => [hook, scope] as const)))(
    'lets a provider call in its %s: %s',
    async (hook, scope) => {
      const answers: string[] = [];
      @Injectable()
      class SaysGoodbye extends Talk {
        async [hook]() {
          answers.push((await this.eliza.say({ sentence: 'goodbye' })).sentence);
        }
      }
      const isGlobal = scope === 'global';
      const clients = ConnectClientsModule.register({
        clients: [{ url: server.url, services: [ElizaService] }],
        isGlobal,
      });
      // Nest ends modules from the root of the application on.
      const imports = isGlobal ? [] : [clients];
      const deep = moduleOf({ imports: [moduleOf({ imports, providers: [SaysGoodbye] })] });
      const module = await Test.createTestingModule({ imports: [clients, deep] }).compile();
      await (await module.init()).close();
      expect(answers).toEqual(['goodbye']);
    },
  );
});

interface Transport {
  readonly status: Observable<ConnectServerStatus>;
}

/** Says its letter, and lets the other one go on until the word is long enough; the last one waits to be let go. */
function letters(letter: string, own: typeof First, other: typeof First): Type<unknown> {
  @ConnectService(own, { partial: true })
  class Letter {
    constructor(@InjectConnectClient(other) readonly next: Eliza) {}

    @Rpc()
    async say({ sentence }: SayRequest) {
      const word = sentence + letter;
      if (word.length < 6) {
        return this.next.say({ sentence: word });
      }
      await new Promise<void>((resolve) => Held.held.push(resolve));
      return { sentence: word };
    }
  }
  return Letter;
}

async function isDraining(app: INestApplicationContext): Promise<void> {
  // Nest's list of what serves an application.
  const transports = app.get(ModulesContainer).getRpcTargetRegistry<Transport>();
  const transport = await firstValueFrom(transports);
  await firstValueFrom(transport.status.pipe(filter((status) => status === 'draining')));
}

describe('two applications that call each other', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestjs-connect-clients-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const FORMS_OF_SERVERS = {
    async 'stand-alone'(path: string, metadata: ModuleMetadata) {
      const strategy = new ConnectServer({ path });
      const app = await NestFactory.createMicroservice(moduleOf(metadata), { strategy, ...QUIET });
      await app.listen();
      return app;
    },
    async mounted(path: string, { imports = [], ...metadata }: ModuleMetadata) {
      const module = moduleOf({ imports: [ConnectModule.forRoot(), ...imports], ...metadata });
      const app = await NestFactory.create(module, QUIET);
      await app.listen(path);
      return app;
    },
  } as const satisfies Record<
    string,
    (path: string, metadata: ModuleMetadata) => Promise<INestApplicationContext>
  >;

  it.each([
    ['stand-alone', 'connect'],
    ['stand-alone', 'grpc'],
    ['mounted', 'connect'],
    ['mounted', 'grpc'],
  ] as const)('answer, and end together with a call under way: %s, %s', async (form, protocol) => {
    const paths = { a: join(folder, `a-${form}-${protocol}`), b: join(folder, `b-${form}-${protocol}`) };
    const listen = async (path: string, controller: Type<unknown>, peer: string, service: typeof First) => {
      const clients = ConnectClientsModule.register([{ url: `unix:${peer}`, protocol, services: [service] }]);
      return track(await FORMS_OF_SERVERS[form](path, { imports: [clients], controllers: [controller] }));
    };
    const a = await listen(paths.a, letters('A', First, Second), paths.b, Second);
    const b = await listen(paths.b, letters('B', Second, First), paths.a, First);
    const channel = track(createChannel({ url: `unix:${paths.a}`, protocol }));
    const call = createClient(First, channel).say({});
    await eventually(() => Held.held.length === 1);

    const draining = Promise.all([a, b].map(isDraining));
    const ends = [new Closing(a), new Closing(b)];
    await draining;
    expect(ends.map(({ isDone }) => isDone)).toEqual([false, false]);
    Held.letGo();
    expect(await call).toMatchObject({ sentence: 'ABABAB' });
    await Promise.all(ends.map(({ done }) => done));
  });
});
