/**
 * `@ConnectService` classes under `providers`, and what `ConnectModule` tells at boot.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Inject,
  Injectable,
  type INestApplication,
  Logger,
  Module,
  type ModuleMetadata,
  type OnModuleDestroy,
  type OnModuleInit,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, NestFactory, REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { Code, ConnectModule, ConnectServer, ConnectService, Rpc } from 'nestjs-connect';
import { type ConnectClient, serveInMemory } from 'nestjs-connect/testing';
import { ElizaService, type SayRequest } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { ElizaEcho } from '../support/eliza-echo.js';

/** Lets the polite pass: a guard that is left out from the second call on must be seen. */
@Injectable()
class PoliteGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (context.switchToRpc().getData<SayRequest>().sentence !== 'please') {
      throw new ForbiddenException('not you');
    }
    return true;
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedGuard extends PoliteGuard {}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  constructor(@Inject(REQUEST) readonly request: unknown) {}
}

@ConnectService(ElizaService, { partial: true })
class Greeter implements OnModuleInit, OnModuleDestroy {
  static readonly hooks: string[] = [];
  calls = 0;

  onModuleInit() {
    Greeter.hooks.push('init');
  }

  onModuleDestroy() {
    Greeter.hooks.push('destroy');
  }

  @Rpc()
  say({ sentence }: SayRequest) {
    return { sentence: `${sentence} ${++this.calls}` };
  }
}

@ConnectService(ElizaService, { partial: true })
@UseGuards(PoliteGuard)
class GuardedGreeter {
  @Rpc()
  say({ sentence }: SayRequest) {
    return { sentence };
  }
}

@ConnectService(ElizaService, { partial: true })
class ScopedGreeter {
  constructor(@Inject(PerRequest) readonly perRequest: PerRequest) {}

  @Rpc()
  say({ sentence }: SayRequest) {
    return { sentence };
  }
}

/** How {@link PoliteGuard} ends a call. */
const NOT_YOU = { code: Code.PermissionDenied, rawMessage: 'not you' };

/** Everything that a test started. */
const started: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.close()));
  jest.restoreAllMocks();
});

async function create(metadata: ModuleMetadata): Promise<INestApplication> {
  const imports = [ConnectModule.forRoot()];
  const module = await Test.createTestingModule({ imports, ...metadata }).compile();
  module.useLogger(false);
  return module.createNestApplication();
}

async function serve(metadata: ModuleMetadata): Promise<ConnectClient<typeof ElizaService>> {
  const server = await serveInMemory(await create(metadata));
  started.push(server);
  return server.client(ElizaService);
}

describe('a @ConnectService class under "providers"', () => {
  it('is served like a controller, one instance for all calls, its hooks called once', async () => {
    Greeter.hooks.length = 0;
    const eliza = await serve({ providers: [Greeter] });
    for (const call of [1, 2, 3]) {
      expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: `hi ${call}` });
    }
    await expect(eliza.reflect([])).rejects.toMatchObject({
      code: Code.Unimplemented,
      rawMessage: '/connectrpc.eliza.v1.ElizaService/Reflect is not implemented',
    });
    await started.pop()?.close();
    expect(Greeter.hooks).toEqual(['init', 'destroy']);
  });

  it.each<[string, ModuleMetadata]>([
    ['its guards', { providers: [GuardedGreeter] }],
    ['global guards', { providers: [Greeter, { provide: APP_GUARD, useClass: PoliteGuard }] }],
  ])('has %s', async (_which, metadata) => {
    const eliza = await serve(metadata);
    await eliza.say({ sentence: 'please' });
    await expect(eliza.say({ sentence: 'hi' })).rejects.toMatchObject(NOT_YOU);
  });

  it('is no second service when it is a controller too, which keeps its hooks', async () => {
    Greeter.hooks.length = 0;
    const eliza = await serve({ providers: [Greeter], controllers: [Greeter] });
    expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi 1' });
    expect(Greeter.hooks).toEqual(['init', 'init']);
  });

  it.each<[string, string, ModuleMetadata]>([
    ['request-scoped', 'ScopedGreeter', { providers: [ScopedGreeter, PerRequest] }],
    [
      'beside request-scoped global guards',
      'Greeter',
      { providers: [Greeter, { provide: APP_GUARD, useClass: ScopedGuard }] },
    ],
    ['made by a factory', 'Greeter', { providers: [{ provide: Greeter, useFactory: () => new Greeter() }] }],
    ['a value', 'Greeter', { providers: [{ provide: Greeter, useValue: new Greeter() }] }],
    [
      'under another token',
      'GuardedGreeter',
      { providers: [{ provide: 'greeter', useClass: GuardedGreeter }] },
    ],
  ])('fails at boot when it is %s', async (_, className, metadata) => {
    const app = await create(metadata);
    await expect(serveInMemory(app)).rejects.toThrow(
      new RegExp(
        `^${className} is a @ConnectService under "providers".*List ${className} under "controllers"`,
      ),
    );
  });

  it('fails at boot under createMicroservice with ConnectModule', async () => {
    @Module({ imports: [ConnectModule.forRoot()], providers: [Greeter] })
    class AppModule {}
    const app = await NestFactory.createMicroservice(AppModule, {
      strategy: new ConnectServer({ host: '127.0.0.1', port: 0 }),
      logger: false,
      abortOnError: false,
    });
    await expect(app.listen()).rejects.toThrow('List Greeter under "controllers"');
  });
});

describe('what RPCs bypass', () => {
  it.each<[string, 'log' | 'debug', string, (app: INestApplication) => void]>([
    ['a global prefix', 'log', 'global prefix "api"', (app) => app.setGlobalPrefix('api')],
    ['versioning', 'log', 'versioning', (app) => app.enableVersioning()],
    ['nothing that is known', 'debug', 'middleware, enableCors', () => {}],
  ])('is told in one line: %s', async (_, level, text, prepare) => {
    const log = jest.spyOn(Logger.prototype, level);
    const app = await create({ controllers: [ElizaEcho] });
    started.push(app);
    prepare(app);
    await app.init();
    const lines = log.mock.calls
      .map(([message]) => String(message))
      .filter((line) => line.includes('bypass'));
    expect(lines).toEqual([expect.stringContaining(text)]);
  });
});
