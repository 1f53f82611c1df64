/**
 * What a stand-alone `ConnectServer` finds out when it starts: global enhancers of the app that its RPCs would lack, and
 * services that it would not serve.
 */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CanActivate,
  ForbiddenException,
  Inject,
  Injectable,
  type INestApplication,
  type INestApplicationContext,
  type INestMicroservice,
  Logger,
  Module,
  type ModuleMetadata,
  Scope,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, NestFactory, REQUEST } from '@nestjs/core';
import { of } from 'rxjs';
import { ConnectConfigError, ConnectModule, ConnectServer, ConnectService, Rpc } from 'nestjs-connect';
import { ElizaService, type SayRequest } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callUnary } from '../support/connect-calls.js';
import { ElizaEcho } from '../support/eliza-echo.js';

const SAY = '/connectrpc.eliza.v1.ElizaService/Say';

@ConnectService(ElizaService, { partial: true })
class Greeter {
  @Rpc()
  say({ sentence }: SayRequest) {
    return { sentence };
  }
}

@ConnectService(ElizaService, { partial: true })
class ScopedGreeter {
  constructor(@Inject(REQUEST) readonly request: unknown) {}

  @Rpc()
  say({ sentence }: SayRequest) {
    return { sentence };
  }
}

@Injectable()
class DenyGuard implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException('not you');
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedGuard extends DenyGuard {}

const guard = { canActivate: () => true };
const pipe = { transform: (value: unknown) => value };
const interceptor = { intercept: (_context: unknown, next: { handle(): never }) => next.handle() };
const filter = { catch: () => of() };

const apps: INestApplicationContext[] = [];
let warnings: string[];

beforeEach(() => {
  warnings = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((message) => void warnings.push(String(message)));
});

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  jest.restoreAllMocks();
});

function moduleOf(metadata: ModuleMetadata) {
  @Module(metadata)
  class AppModule {}
  return AppModule;
}

function createStrategy(): ConnectServer {
  return new ConnectServer({ host: '127.0.0.1', port: 0 });
}

function urlOf(strategy: ConnectServer): string {
  const { port } = strategy.unwrap<{ address(): { port: number } }>().address();
  return `http://127.0.0.1:${port}`;
}

async function createApp(metadata: ModuleMetadata): Promise<INestApplication> {
  const app: INestApplication = await NestFactory.create(moduleOf(metadata), { logger: false });
  apps.push(app);
  return app;
}

async function createMicroservice(metadata: ModuleMetadata): Promise<INestMicroservice> {
  const app = await NestFactory.createMicroservice(moduleOf(metadata), {
    strategy: createStrategy(),
    logger: false,
  });
  apps.push(app);
  return app;
}

/** Connects a microservice, and what else an app's author does before it starts. */
type Prepare = (app: INestApplication, strategy: ConnectServer) => unknown;

const connect: Prepare = (app, strategy) => app.connectMicroservice({ strategy });
const connectInheriting: Prepare = (app, strategy) =>
  app.connectMicroservice({ strategy }, { inheritAppConfig: true });

async function startHybrid(metadata: ModuleMetadata, prepare: Prepare = connect): Promise<string> {
  const app = await createApp(metadata);
  const strategy = createStrategy();
  await prepare(app, strategy);
  await app.startAllMicroservices();
  return urlOf(strategy);
}

describe('a microservice without the global enhancers of its app', () => {
  it.each<[string, string, ModuleMetadata, Prepare]>([
    [
      'useGlobal…',
      '2 guards, 1 pipe',
      {},
      (app, strategy) => {
        app.useGlobalGuards(guard, guard).useGlobalPipes(pipe);
        connect(app, strategy);
      },
    ],
    [
      'useGlobal… after connectMicroservice',
      '1 interceptor, 2 filters',
      {},
      (app, strategy) => {
        connect(app, strategy);
        app.useGlobalInterceptors(interceptor).useGlobalFilters(filter, filter);
      },
    ],
    [
      'APP_* providers',
      '1 guard, 1 pipe, 1 interceptor, 1 filter',
      {
        providers: [
          { provide: APP_GUARD, useClass: DenyGuard },
          { provide: APP_PIPE, useValue: pipe },
          { provide: APP_INTERCEPTOR, useValue: interceptor },
          { provide: APP_FILTER, useValue: filter },
        ],
      },
      connect,
    ],
    [
      'request-scoped ones beside others',
      '2 guards',
      {
        providers: [
          { provide: APP_GUARD, useClass: ScopedGuard },
          { provide: APP_GUARD, useClass: DenyGuard },
        ],
      },
      connect,
    ],
    [
      'a strategy that is made by a factory',
      '1 guard',
      {},
      (app, strategy) => {
        app.useGlobalGuards(guard);
        app.connectMicroservice({ inject: [], useFactory: () => ({ strategy }) });
      },
    ],
    [
      'services that are request-scoped',
      '1 guard',
      { controllers: [ScopedGreeter] },
      (app, strategy) => {
        app.useGlobalGuards(guard);
        connect(app, strategy);
      },
    ],
    [
      'a microservice that has other kinds of its own',
      '1 pipe',
      {},
      async (app, strategy) => {
        app.useGlobalGuards(guard).useGlobalPipes(pipe);
        const microservice = app.connectMicroservice({ strategy }, { deferInitialization: true });
        await microservice.useGlobalGuards(guard).init();
      },
    ],
  ])('is told of once, with the kinds and the fix: %s', async (_, kinds, metadata, prepare) => {
    await startHybrid({ controllers: [Greeter], ...metadata }, prepare);
    expect(warnings).toEqual([
      `RPCs run without the application's global enhancers (${kinds}): a connected microservice has none of them by ` +
        'default. Let it inherit them: connectMicroservice({ strategy }, { inheritAppConfig: true }).',
    ]);
  });

  it('is told of for each of several', async () => {
    await startHybrid({ controllers: [Greeter] }, (app, strategy) => {
      app.useGlobalGuards(guard);
      connect(app, createStrategy());
      connectInheriting(app, createStrategy());
      connect(app, strategy);
    });
    expect(warnings).toHaveLength(2);
  });

  it.each<[string, Prepare, number, number]>([
    ['really runs without them', connect, 200, 1],
    ['has them, and nothing is said, when it inherits them', connectInheriting, 403, 0],
  ])('%s', async (_, prepare, status, warned) => {
    const providers = [{ provide: APP_GUARD, useClass: DenyGuard }];
    const url = await startHybrid({ controllers: [Greeter], providers }, prepare);
    expect(await callUnary(url + SAY, { sentence: 'hi' })).toMatchObject({ status });
    expect(warnings).toHaveLength(warned);
  });
});

describe('global enhancers that come after connectMicroservice', () => {
  it('are told of, as the handlers that inherit the others do not have them', async () => {
    const url = await startHybrid({ controllers: [Greeter] }, (app, strategy) => {
      app.useGlobalGuards(guard).useGlobalPipes(pipe);
      connectInheriting(app, strategy);
      app.useGlobalGuards(new DenyGuard());
    });
    expect(await callUnary(url + SAY, { sentence: 'hi' })).toMatchObject({ status: 200 });
    expect(warnings).toEqual([
      'RPCs of singletons run without global enhancers that were registered after connectMicroservice() (1 guard): it ' +
        'binds their handlers. Register global enhancers before it.',
    ]);
  });
});

describe('nothing is said of global enhancers', () => {
  it('when there are none', async () => {
    await startHybrid({ controllers: [Greeter] });
    expect(warnings).toEqual([]);
  });

  it('when only the microservice has some', async () => {
    await startHybrid({ controllers: [Greeter] }, async (app, strategy) => {
      const microservice = app.connectMicroservice({ strategy }, { deferInitialization: true });
      await microservice.useGlobalGuards(guard).useGlobalPipes(pipe).init();
    });
    expect(warnings).toEqual([]);
  });

  it('under createMicroservice', async () => {
    const app = await createMicroservice({
      controllers: [Greeter],
      providers: [{ provide: APP_PIPE, useValue: pipe }],
    });
    await app.useGlobalGuards(guard).listen();
    expect(warnings).toEqual([]);
  });

  it('of a mounted server', async () => {
    const app = await createApp({ imports: [ConnectModule.forRoot()], controllers: [Greeter] });
    await app.useGlobalGuards(guard).listen(0, '127.0.0.1');
    expect(warnings).toEqual([]);
  });
});

describe('a @ConnectService class under "providers" that nobody serves', () => {
  const refusal = expect.objectContaining({
    name: ConnectConfigError.name,
    message: expect.stringMatching(
      /^(Scoped)?Greeter is a @ConnectService under "providers", and a microservice serves controllers only\. List/,
    ),
  });

  const MISPLACED: [string, ModuleMetadata][] = [
    ['no service is a controller', { providers: [Greeter] }],
    ['another service is a controller', { providers: [Greeter], controllers: [ElizaEcho] }],
    ['it is in an imported module', { imports: [moduleOf({ providers: [Greeter] })] }],
    ['it is request-scoped', { providers: [ScopedGreeter] }],
    ['it is made by a factory', { providers: [{ provide: Greeter, useFactory: () => new Greeter() }] }],
    ['it is a value', { providers: [{ provide: Greeter, useValue: new Greeter() }] }],
    ['it has another token', { providers: [{ provide: 'greeter', useClass: Greeter }] }],
  ];

  it.each(MISPLACED)('fails createMicroservice at boot when %s', async (_, metadata) => {
    const app = await createMicroservice(metadata);
    await expect(app.listen()).rejects.toEqual(refusal);
  });

  it.each(MISPLACED)('fails connectMicroservice at boot when %s', async (_, metadata) => {
    await expect(startHybrid(metadata)).rejects.toEqual(refusal);
  });

  it('leaves an app that can be closed', async () => {
    const app = await createMicroservice({ providers: [Greeter] });
    await expect(app.listen()).rejects.toThrow(ConnectConfigError);
    await expect(app.close()).resolves.toBeUndefined();
  });
});

describe('a @ConnectService class under "providers" that ConnectModule serves', () => {
  it('is told of by name when a microservice of the app does not serve it', async () => {
    const app = await createApp({ imports: [ConnectModule.forRoot()], providers: [Greeter] });
    const strategy = createStrategy();
    app.connectMicroservice({ strategy });
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    expect(warnings).toEqual([
      'Greeter: a @ConnectService under "providers" is served by ConnectModule, and not by ConnectServer. ' +
        'To serve it on both ports, list it under "controllers" of its module.',
    ]);
    expect(await callUnary((await app.getUrl()) + SAY, { sentence: 'hi' })).toMatchObject({ status: 200 });
    expect((await fetch(urlOf(strategy) + SAY, { method: 'POST' })).status).toBe(404);
  });

  it('is not told of when it is a controller too, or in another app of the process', async () => {
    const other = await createApp({ imports: [ConnectModule.forRoot()], providers: [Greeter] });
    await other.listen(0, '127.0.0.1');
    const url = await startHybrid({
      imports: [ConnectModule.forRoot()],
      controllers: [Greeter],
      providers: [Greeter],
    });
    expect(await callUnary(url + SAY, { sentence: 'hi' })).toMatchObject({ status: 200 });
    expect(warnings).toEqual([]);
  });
});
