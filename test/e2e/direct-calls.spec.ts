/**
 * Unary handlers that are called without Nest's pipeline: what a caller sees must not tell, and whatever stands around
 * a handler must keep its pipeline.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  BadRequestException,
  Catch,
  createParamDecorator,
  Inject,
  Injectable,
  type INestApplicationContext,
  type INestMicroservice,
  Module,
  type ModuleMetadata,
  Scope,
  type Type,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, NestFactory } from '@nestjs/core';
import { Payload, RpcException } from '@nestjs/microservices';
import { EMPTY, NEVER, of, throwError } from 'rxjs';
import {
  Code,
  type ConnectContext,
  ConnectError,
  ConnectModule,
  ConnectServer,
  ConnectService,
  Rpc,
} from 'nestjs-connect';
import { ElizaService, type SayRequest } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callUnary, type UnaryAnswer } from '../support/connect-calls.js';

const CALLS = 3;

/** Who called the handler: Nest's pipeline stands on the stack, or it does not. */
function callerOnStack(): string {
  return new Error().stack?.includes('rpc-context-creator') === true ? 'pipeline' : 'direct';
}

const apps: INestApplicationContext[] = [];

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

function server(directCalls = true): ConnectServer {
  return new ConnectServer({ host: '127.0.0.1', port: 0, directCalls });
}

function sayUrl(address: unknown): string {
  return `http://127.0.0.1:${(address as { port: number }).port}/connectrpc.eliza.v1.ElizaService/Say`;
}

async function startMicroservice(
  metadata: ModuleMetadata,
  { directCalls = true, prepare }: { directCalls?: boolean; prepare?: (app: INestMicroservice) => void } = {},
): Promise<string> {
  const app = await NestFactory.createMicroservice(moduleOf(metadata), {
    strategy: server(directCalls),
    logger: false,
  });
  apps.push(app);
  prepare?.(app);
  return sayUrl(await app.listen());
}

async function startMounted(metadata: ModuleMetadata, directCalls = true): Promise<string> {
  const imports = [ConnectModule.forRoot({ directCalls })];
  const app = await NestFactory.create(moduleOf({ ...metadata, imports }), { logger: false });
  apps.push(app);
  await app.listen(0, '127.0.0.1');
  return sayUrl((app.getHttpServer() as { address(): unknown }).address());
}

function moduleOf(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class TestModule {}
  return TestModule;
}

async function sayRepeatedly(url: string, sentence: string): Promise<UnaryAnswer[]> {
  const answers: UnaryAnswer[] = [];
  for (let i = 0; i < CALLS; i++) {
    answers.push(await callUnary(url, { sentence }, { 'connect-timeout-ms': '300' }));
  }
  return answers;
}

/** What a handler may do, by the sentence that asks for it. */
const BEHAVIORS: Readonly<Record<string, (context: ConnectContext) => unknown>> = {
  'return a value': () => ({ sentence: 'value' }),
  'return a promise': () => Promise.resolve({ sentence: 'promise' }),
  'return an Observable': () => of({ sentence: 'observable' }),
  'return a promise of an Observable': () => Promise.resolve(of({ sentence: 'promised' })),
  'return an Observable of two values': () => of({ sentence: 'first' }, { sentence: 'second' }),
  'return an empty Observable': () => EMPTY,
  'return an Observable that fails': () =>
    throwError(() => new ConnectError('gone', { code: Code.NotFound })),
  'return an Observable that never ends': () => NEVER,
  'return nothing': () => undefined,
  'return null': () => null,
  'return a number': () => 7,
  'return a wrong field': () => ({ sentence: { no: 'string' } }),
  'return an array': () => [{ sentence: 'array' }],
  'throw an Error': () => {
    throw new Error('the password is 1234');
  },
  'throw a ConnectError': () => {
    throw new ConnectError('later', { code: Code.Unavailable, metadata: { 'x-why': 'busy' } });
  },
  'throw an HttpException': () => {
    throw new BadRequestException('no');
  },
  'throw an RpcException': () => {
    throw new RpcException({ code: 'aborted', message: 'again' });
  },
  'throw a string': () => {
    // eslint-disable-next-line no-throw-literal -- what users do
    throw 'text';
  },
  'reject with an Error': () => Promise.reject(new Error('secret')),
  'reject with a ConnectError': () =>
    Promise.reject(new ConnectError('mine', { code: Code.PermissionDenied })),
  'set headers': (context) => {
    context.responseHeaders.set('x-seen', context.requestHeaders.get('content-type') ?? '');
    return { sentence: String(context.timeoutMs() !== undefined) };
  },
};

describe('a direct call', () => {
  @ConnectService(ElizaService, { partial: true })
  class Behaving {
    private readonly name = 'Behaving';

    @Rpc()
    say({ sentence }: SayRequest, context: ConnectContext) {
      const behave = BEHAVIORS[sentence];
      // The instance is the handler's `this` in both ways.
      return (behave === undefined ? { sentence: `${callerOnStack()} ${this.name}` } : behave(context)) as {
        sentence: string;
      };
    }
  }

  const controllers = [Behaving];

  it.each([
    ['createMicroservice', () => startMicroservice({ controllers })],
    ['ConnectModule', () => startMounted({ controllers })],
  ])('is made from the second call on (%s)', async (_mode, start) => {
    const answers = await sayRepeatedly(await start(), 'who calls?');
    expect(answers.map(({ body }) => body)).toEqual([
      { sentence: 'pipeline Behaving' },
      { sentence: 'direct Behaving' },
      { sentence: 'direct Behaving' },
    ]);
  });

  it.each([
    ['createMicroservice', () => startMicroservice({ controllers }, { directCalls: false })],
    ['ConnectModule', () => startMounted({ controllers }, false)],
  ])('is not made when directCalls is off (%s)', async (_mode, start) => {
    const answers = await sayRepeatedly(await start(), 'who calls?');
    expect(new Set(answers.map(({ body }) => (body as { sentence: string }).sentence))).toEqual(
      new Set(['pipeline Behaving']),
    );
  });

  it('is not made for a microservice of an app that may have a configuration of its own', async () => {
    const app = await NestFactory.create(moduleOf({ controllers }), { logger: false });
    apps.push(app);
    const strategy = server();
    app.connectMicroservice({ strategy });
    await app.startAllMicroservices();
    const url = sayUrl(strategy.unwrap<{ address(): unknown }>().address());
    const answers = await sayRepeatedly(url, 'who calls?');
    expect(new Set(answers.map(({ body }) => (body as { sentence: string }).sentence))).toEqual(
      new Set(['pipeline Behaving']),
    );
  });

  it.each(Object.keys(BEHAVIORS))('answers as the pipeline does: handlers that %s', async (behavior) => {
    const [direct, piped] = await Promise.all(
      [true, false].map(async (directCalls) =>
        sayRepeatedly(await startMicroservice({ controllers }, { directCalls }), behavior),
      ),
    );
    expect(direct).toEqual(piped);
    expect(direct?.[1]).toEqual(direct?.[0]);
  });

  it('keeps apart two applications in one process that share a class', async () => {
    const guarded = await startMicroservice({
      controllers,
      providers: [{ provide: APP_GUARD, useValue: { canActivate: () => false } }],
    });
    const open = await startMicroservice({ controllers });
    const [fromOpen, fromGuarded] = [await sayRepeatedly(open, 'x'), await sayRepeatedly(guarded, 'x')];
    expect(fromOpen.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(fromGuarded.map(({ status }) => status)).toEqual([403, 403, 403]);
  });

  it('leaves no property on the instances of a service', async () => {
    const app = await NestFactory.createMicroservice(moduleOf({ controllers }), {
      strategy: server(),
      logger: false,
    });
    apps.push(app);
    await app.listen();
    expect(Reflect.ownKeys(app.get(Behaving))).toEqual(['name']);
  });
});

/** How often the enhancer under test ran. */
const ran = jest.fn();

@Injectable()
class Guard {
  canActivate(): boolean {
    ran();
    return true;
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedGuard extends Guard {}

@Injectable()
class Pipe {
  transform(value: unknown, { type }: { type: string }): unknown {
    if (type === 'body') {
      ran();
    }
    return value;
  }
}

@Injectable()
class Interceptor {
  intercept(_context: unknown, next: { handle(): never }): never {
    ran();
    return next.handle();
  }
}

@Catch()
class Filter {
  catch(error: unknown) {
    ran();
    return throwError(() => error);
  }
}

const Param = createParamDecorator(() => {
  ran();
  return 'param';
});

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  constructor() {
    ran();
  }
}

@Injectable({ scope: Scope.REQUEST, durable: true })
class PerTenant {
  readonly made = ran();
}

function answer(): { sentence: string } {
  return { sentence: callerOnStack() };
}

@ConnectService(ElizaService, { partial: true })
class Plain {
  @Rpc()
  say() {
    return answer();
  }
}

@ConnectService(ElizaService, { partial: true })
class Failing {
  @Rpc()
  say() {
    if (callerOnStack() === 'pipeline') {
      throw new ConnectError('pipeline', { code: Code.Aborted });
    }
    return { sentence: 'direct' };
  }
}

@UseGuards(Guard)
@ConnectService(ElizaService, { partial: true })
class GuardedClass {
  @Rpc()
  say() {
    return answer();
  }
}

@ConnectService(ElizaService, { partial: true })
@UseGuards(Guard)
class GuardedBelow {
  @Rpc()
  say() {
    return answer();
  }
}

@UseGuards(Guard)
class GuardedBase {}

@ConnectService(ElizaService, { partial: true })
class InheritsClassGuard extends GuardedBase {
  @Rpc()
  say() {
    return answer();
  }
}

class BaseWithGuardedMethod {
  @UseGuards(Guard)
  @Rpc()
  say() {
    return answer();
  }
}

@ConnectService(ElizaService, { partial: true })
class InheritsMethodGuard extends BaseWithGuardedMethod {}

@ConnectService(ElizaService, { partial: true })
class GuardedMethod {
  @Rpc()
  @UseGuards(Guard)
  say() {
    return answer();
  }
}

@ConnectService(ElizaService, { partial: true })
class InterceptedMethod {
  @UseInterceptors(Interceptor)
  @Rpc()
  say() {
    return answer();
  }
}

@ConnectService(ElizaService, { partial: true })
class PipedMethod {
  @UsePipes(Pipe)
  @Rpc()
  say(_request: SayRequest) {
    return answer();
  }
}

@ConnectService(ElizaService, { partial: true })
class PipedParameter {
  @Rpc()
  say(@Payload(Pipe) _request: SayRequest) {
    return answer();
  }
}

@ConnectService(ElizaService, { partial: true })
class CustomParameter {
  @Rpc()
  say(@Payload() _request: SayRequest, @Param() _param: string) {
    return answer();
  }
}

@ConnectService(ElizaService, { partial: true })
class FilteredMethod extends Failing {
  @UseFilters(Filter)
  @Rpc()
  override say() {
    return super.say();
  }
}

@ConnectService(ElizaService, { partial: true })
class NeedsRequest {
  constructor(readonly dependency: PerRequest) {}

  @Rpc()
  say() {
    return answer();
  }
}

@ConnectService(ElizaService, { partial: true })
class NeedsTenant {
  constructor(@Inject(PerTenant) readonly dependency: PerTenant) {}

  @Rpc()
  say() {
    return answer();
  }
}

interface Enhanced extends ModuleMetadata {
  readonly prepare?: (app: INestMicroservice) => void;
}

const ENHANCED: Readonly<Record<string, Enhanced>> = {
  'a guard of the class': { controllers: [GuardedClass] },
  'a guard of the class, below @ConnectService': { controllers: [GuardedBelow] },
  'a guard of the base class': { controllers: [InheritsClassGuard] },
  'a guard of an inherited method': { controllers: [InheritsMethodGuard] },
  'a guard of the method': { controllers: [GuardedMethod] },
  'an interceptor': { controllers: [InterceptedMethod] },
  'a pipe of the method': { controllers: [PipedMethod] },
  'a pipe of the parameter': { controllers: [PipedParameter] },
  'a parameter decorator': { controllers: [CustomParameter] },
  'a filter': { controllers: [FilteredMethod] },
  'a dependency per request': { controllers: [NeedsRequest], providers: [PerRequest] },
  'a durable dependency': { controllers: [NeedsTenant], providers: [PerTenant] },
  APP_GUARD: { controllers: [Plain], providers: [{ provide: APP_GUARD, useClass: Guard }] },
  'APP_GUARD per request': {
    controllers: [Plain],
    providers: [{ provide: APP_GUARD, useClass: ScopedGuard }],
  },
  APP_PIPE: { controllers: [Plain], providers: [{ provide: APP_PIPE, useClass: Pipe }] },
  APP_INTERCEPTOR: { controllers: [Plain], providers: [{ provide: APP_INTERCEPTOR, useClass: Interceptor }] },
  APP_FILTER: { controllers: [Failing], providers: [{ provide: APP_FILTER, useClass: Filter }] },
  useGlobalGuards: { controllers: [Plain], prepare: (app) => app.useGlobalGuards(new Guard()) },
  useGlobalPipes: { controllers: [Plain], prepare: (app) => app.useGlobalPipes(new Pipe()) },
  useGlobalInterceptors: {
    controllers: [Plain],
    prepare: (app) => app.useGlobalInterceptors(new Interceptor()),
  },
  useGlobalFilters: { controllers: [Failing], prepare: (app) => app.useGlobalFilters(new Filter()) },
  registerPreRequestHook: {
    controllers: [Plain],
    prepare: (app) =>
      app.registerPreRequestHook((_context, next) => {
        ran();
        return next();
      }),
  },
};

describe('the pipeline is kept for', () => {
  it.each(Object.entries(ENHANCED))('%s', async (_name, { prepare, ...metadata }) => {
    ran.mockClear();
    const url = await startMicroservice(metadata, { ...(prepare && { prepare }) });
    const answers = await sayRepeatedly(url, 'x');
    const callers = answers.map(({ body }) => Object.values(body as object).at(-1) as string);
    expect(callers).toEqual(Array(CALLS).fill('pipeline'));
    expect(ran).toHaveBeenCalledTimes(CALLS);
  });

  it('the global guards that only one microservice of a hybrid app has', async () => {
    ran.mockClear();
    const app = await NestFactory.create(moduleOf({ controllers: [Plain] }), { logger: false });
    apps.push(app);
    const strategy = server();
    const options = { inheritAppConfig: false, deferInitialization: true };
    const microservice = app.connectMicroservice({ strategy }, options);
    microservice.useGlobalGuards(new Guard());
    await microservice.init();
    await app.startAllMicroservices();
    await sayRepeatedly(sayUrl(strategy.unwrap<{ address(): unknown }>().address()), 'x');
    expect(ran).toHaveBeenCalledTimes(CALLS);
  });
});
