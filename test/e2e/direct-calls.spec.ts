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
  type INestApplication,
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
import { Test, type TestingModule } from '@nestjs/testing';
import { EMPTY, NEVER, of, throwError } from 'rxjs';
import {
  Code,
  type ConnectContext,
  ConnectError,
  ConnectModule,
  type ConnectModuleOptions,
  ConnectServer,
  ConnectService,
  Rpc,
  type RpcHeaders,
} from 'nestjs-connect';
import { type ConnectTestServer, type InMemoryModuleOptions, serveInMemory } from 'nestjs-connect/testing';
import { ElizaService, type SayRequest } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callUnary } from '../support/connect-calls.js';

const CALLS = 3;
/** Long enough for every handler that answers, and the server's own: what times out is what it says, not the client. */
const maxTimeoutMs = 300;

/** Who called the handler: Nest's pipeline stands on the stack, or it does not. */
function callerOnStack(): string {
  return new Error().stack?.includes('rpc-context-creator') === true ? 'pipeline' : 'direct';
}

/** What a caller sees of a call. */
type Outcome = Readonly<Record<string, unknown>>;
type Say = (sentence: string) => Promise<Outcome>;

/** Everything that a test started. */
const started: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.close()));
});

function moduleOf(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class TestModule {}
  return TestModule;
}

function withModule(metadata: ModuleMetadata, options: ConnectModuleOptions): ModuleMetadata {
  return { ...metadata, imports: [ConnectModule.forRoot(options)] };
}

function sayOverHttp(address: unknown): Say {
  const { port } = address as { port: number };
  const url = `http://127.0.0.1:${port}/connectrpc.eliza.v1.ElizaService/Say`;
  return async (sentence) => (await callUnary(url, { sentence })).body as Outcome;
}

/** By Nest's own doors, on a socket. */
async function startMicroservice(metadata: ModuleMetadata, options: ConnectModuleOptions = {}): Promise<Say> {
  const strategy = onLoopback(options);
  const app = await NestFactory.createMicroservice(moduleOf(metadata), { strategy, logger: false });
  started.push(app);
  return sayOverHttp(await app.listen());
}

async function startMounted(metadata: ModuleMetadata, options: ConnectModuleOptions = {}): Promise<Say> {
  const app = await NestFactory.create(moduleOf(withModule(metadata, options)), { logger: false });
  started.push(app);
  await app.listen(0, '127.0.0.1');
  return sayOverHttp((app.getHttpServer() as { address(): unknown }).address());
}

interface Hybrid {
  readonly inheritAppConfig?: boolean;
  readonly prepare?: (app: INestApplication, microservice: INestMicroservice) => void;
}

async function startHybrid(
  metadata: ModuleMetadata,
  options: ConnectModuleOptions = {},
  { inheritAppConfig = false, prepare }: Hybrid = {},
): Promise<Say> {
  const app = await NestFactory.create(moduleOf(metadata), { logger: false });
  started.push(app);
  const strategy = onLoopback(options);
  const deferInitialization = prepare !== undefined;
  const microservice = app.connectMicroservice({ strategy }, { inheritAppConfig, deferInitialization });
  if (prepare !== undefined) {
    prepare(app, microservice);
    await microservice.init();
  }
  await app.startAllMicroservices();
  return sayOverHttp(strategy.unwrap<{ address(): unknown }>().address());
}

function onLoopback(options: ConnectModuleOptions): ConnectServer {
  return new ConnectServer({ host: '127.0.0.1', port: 0, ...options });
}

async function compile(metadata: ModuleMetadata): Promise<TestingModule> {
  const module = await Test.createTestingModule(metadata).compile();
  module.useLogger(false);
  return module;
}

async function serveModule(
  metadata: ModuleMetadata,
  options?: InMemoryModuleOptions,
): Promise<ConnectTestServer<INestMicroservice>> {
  const server = await serveInMemory(await compile(metadata), { maxTimeoutMs, ...options });
  started.push(server);
  return server;
}

async function startModule(metadata: ModuleMetadata, options?: InMemoryModuleOptions): Promise<Say> {
  return sayTo(await serveModule(metadata, options));
}

async function startApplication(
  metadata: ModuleMetadata,
  options: ConnectModuleOptions = {},
  configure: (app: INestApplication) => void = () => {},
): Promise<Say> {
  const app = (await compile(withModule(metadata, options))).createNestApplication();
  configure(app);
  const server = await serveInMemory(app);
  started.push(server);
  return sayTo(server);
}

/** @returns A caller that looks at everything: answer or error, headers and trailers. */
function sayTo(server: ConnectTestServer): Say {
  const eliza = server.client(ElizaService, { timeoutMs: 60_000 });
  return async (request) => {
    const metadata: Record<string, [string, string][]> = {};
    const note = (name: string) => (headers: RpcHeaders) => void (metadata[name] = [...headers]);
    const options = { onHeaders: note('headers'), onTrailers: note('trailers') };
    try {
      const { sentence } = await eliza.say({ sentence: request }, options);
      return { sentence, ...metadata };
    } catch (error) {
      return { ...plain(error), ...metadata };
    }
  };
}

function plain(error: unknown): Outcome {
  if (!ConnectError.is(error)) {
    throw error;
  }
  const { code, rawMessage: message, details, metadata } = error;
  return { code, message, details, metadata: [...metadata] };
}

async function sayRepeatedly(say: Say, sentence: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let i = 0; i < CALLS; i++) {
    outcomes.push(await say(sentence));
  }
  return outcomes;
}

/** @returns What handlers here say of who called them: in their answer, or in what they throw. */
function callers(outcomes: readonly Outcome[]): unknown[] {
  return outcomes.map(({ sentence, message }) => sentence ?? message);
}

const ALWAYS_PIPELINE = Array<string>(CALLS).fill('pipeline');

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

  describe.each<[string, (metadata: ModuleMetadata, options?: ConnectModuleOptions) => Promise<Say>]>([
    ['createMicroservice', startMicroservice],
    ['connectMicroservice', startHybrid],
    ['ConnectModule', startMounted],
    ['a TestingModule', startModule],
    ['a TestingModule with ConnectModule', startApplication],
  ])('under %s', (_mode, start) => {
    it('is made from the second call on', async () => {
      const outcomes = await sayRepeatedly(await start({ controllers }), 'who calls?');
      expect(callers(outcomes)).toEqual(['pipeline Behaving', 'direct Behaving', 'direct Behaving']);
    });

    it('is not made when directCalls is off', async () => {
      const say = await start({ controllers }, { directCalls: false });
      const outcomes = await sayRepeatedly(say, 'who calls?');
      expect(new Set(callers(outcomes))).toEqual(new Set(['pipeline Behaving']));
    });
  });

  it('is made where a microservice does not inherit the guards of its application', async () => {
    const guarded: Hybrid = {
      prepare: (app) => app.useGlobalGuards({ canActivate: () => false }),
    };
    const outcomes = await sayRepeatedly(await startHybrid({ controllers }, {}, guarded), 'who calls?');
    expect(callers(outcomes)).toEqual(['pipeline Behaving', 'direct Behaving', 'direct Behaving']);
  });

  it.each(Object.keys(BEHAVIORS))('answers as the pipeline does: handlers that %s', async (behavior) => {
    const [direct, piped] = await Promise.all(
      [true, false].map(async (directCalls) =>
        sayRepeatedly(await startModule({ controllers }, { directCalls }), behavior),
      ),
    );
    expect(direct).toEqual(piped);
    expect(direct?.[1]).toEqual(direct?.[0]);
  });

  it('keeps apart two applications in one process that share a class', async () => {
    // It lets calls pass: behind one that does not, no handler would be known.
    const guard = { provide: APP_GUARD, useValue: { canActivate: () => true } };
    const guarded = await startModule({ controllers, providers: [guard] });
    const open = await startModule({ controllers });
    const [fromOpen, fromGuarded] = [await sayRepeatedly(open, 'x'), await sayRepeatedly(guarded, 'x')];
    expect(callers(fromOpen)).toEqual(['pipeline Behaving', 'direct Behaving', 'direct Behaving']);
    expect(callers(fromGuarded)).toEqual(Array(CALLS).fill('pipeline Behaving'));
  });

  it('leaves no property on the instances of a service', async () => {
    const { app } = await serveModule({ controllers });
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

type Configure = (app: INestMicroservice | INestApplication) => void;

interface Enhanced extends ModuleMetadata {
  readonly configure?: Configure;
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
  useGlobalGuards: { controllers: [Plain], configure: (app) => app.useGlobalGuards(new Guard()) },
  useGlobalPipes: { controllers: [Plain], configure: (app) => app.useGlobalPipes(new Pipe()) },
  useGlobalInterceptors: {
    controllers: [Plain],
    configure: (app) => app.useGlobalInterceptors(new Interceptor()),
  },
  useGlobalFilters: { controllers: [Failing], configure: (app) => app.useGlobalFilters(new Filter()) },
};

describe.each<[string, (metadata: ModuleMetadata, configure?: Configure) => Promise<Say>]>([
  ['a microservice', (metadata, configure) => startModule(metadata, configure && { configure })],
  ['ConnectModule', (metadata, configure) => startApplication(metadata, {}, configure)],
])('the pipeline is kept under %s for', (_mode, start) => {
  it.each(Object.entries(ENHANCED))('%s', async (_name, { configure, ...metadata }) => {
    ran.mockClear();
    expect(callers(await sayRepeatedly(await start(metadata, configure), 'x'))).toEqual(ALWAYS_PIPELINE);
    expect(ran).toHaveBeenCalledTimes(CALLS);
  });
});

describe('the pipeline is kept for', () => {
  it('registerPreRequestHook', async () => {
    ran.mockClear();
    const configure = (app: INestMicroservice) =>
      void app.registerPreRequestHook((_context, next) => {
        ran();
        return next();
      });
    const say = await startModule({ controllers: [Plain] }, { configure });
    expect(callers(await sayRepeatedly(say, 'x'))).toEqual(ALWAYS_PIPELINE);
    expect(ran).toHaveBeenCalledTimes(CALLS);
  });

  it.each<[string, Hybrid]>([
    [
      'that only one microservice of a hybrid app has',
      { prepare: (_app, microservice) => microservice.useGlobalGuards(new Guard()) },
    ],
    [
      'that a microservice inherits from its application',
      { inheritAppConfig: true, prepare: (app) => app.useGlobalGuards(new Guard()) },
    ],
  ])('the global guards %s', async (_whose, hybrid) => {
    ran.mockClear();
    const say = await startHybrid({ controllers: [Plain] }, {}, hybrid);
    expect(callers(await sayRepeatedly(say, 'x'))).toEqual(ALWAYS_PIPELINE);
    expect(ran).toHaveBeenCalledTimes(CALLS);
  });
});
