/**
 * `@ConnectService` classes under `providers`, and what `ConnectModule` tells at boot.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CanActivate,
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
import { ConnectModule, ConnectServer, ConnectService, Rpc } from 'nestjs-connect';
import { ElizaService, type SayRequest } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callUnary } from '../support/connect-calls.js';
import { ElizaEcho } from '../support/eliza-echo.js';

const SAY = '/connectrpc.eliza.v1.ElizaService/Say';
const REFLECT = '/connectrpc.eliza.v1.ElizaService/Reflect';

@Injectable()
class DenyGuard implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException('not you');
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedGuard extends DenyGuard {}

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
@UseGuards(DenyGuard)
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

const apps: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  jest.restoreAllMocks();
});

function create(metadata: ModuleMetadata): Promise<INestApplication> {
  @Module({ imports: [ConnectModule.forRoot()], ...metadata })
  class AppModule {}
  return NestFactory.create(AppModule, { logger: false, abortOnError: false });
}

async function start(
  metadata: ModuleMetadata,
  prepare = (_app: INestApplication): void => {},
): Promise<string> {
  const app = await create(metadata);
  apps.push(app);
  prepare(app);
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

describe('a @ConnectService class under "providers"', () => {
  it('is served like a controller, one instance for all calls, its hooks called once', async () => {
    Greeter.hooks.length = 0;
    const url = await start({ providers: [Greeter] });
    for (const call of [1, 2, 3]) {
      expect(await callUnary(url + SAY, { sentence: 'hi' })).toEqual({
        status: 200,
        body: { sentence: `hi ${call}` },
      });
    }
    expect((await fetch(url + REFLECT, { method: 'POST' })).status).not.toBe(404);
    await apps.pop()?.close();
    expect(Greeter.hooks).toEqual(['init', 'destroy']);
  });

  it('has its guards', async () => {
    const url = await start({ providers: [GuardedGreeter] });
    for (let call = 0; call < 3; call++) {
      expect(await callUnary(url + SAY, { sentence: 'hi' })).toMatchObject({
        status: 403,
        body: { code: 'permission_denied' },
      });
    }
  });

  it('has global guards', async () => {
    const url = await start({ providers: [Greeter, { provide: APP_GUARD, useClass: DenyGuard }] });
    expect(await callUnary(url + SAY, { sentence: 'hi' })).toMatchObject({ status: 403 });
  });

  it('is no second service when it is a controller too', async () => {
    const url = await start({ providers: [ElizaEcho], controllers: [ElizaEcho] });
    expect(await callUnary(url + SAY, { sentence: 'hi' })).toMatchObject({ status: 200 });
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
    await expect(app.init()).rejects.toThrow(
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
    await start({ controllers: [ElizaEcho] }, prepare);
    const lines = log.mock.calls
      .map(([message]) => String(message))
      .filter((line) => line.includes('bypass'));
    expect(lines).toEqual([expect.stringContaining(text)]);
  });
});
