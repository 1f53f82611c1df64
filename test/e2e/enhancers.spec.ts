/**
 * Nest's promises for a `@ConnectService` class, in every way of starting an app.
 */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  Catch,
  createParamDecorator,
  type ExceptionFilter,
  type ExecutionContext,
  ForbiddenException,
  type INestApplication,
  type INestApplicationContext,
  Inject,
  Injectable,
  Module,
  NotFoundException,
  type PipeTransform,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD, NestFactory, REQUEST } from '@nestjs/core';
import { Ctx, Payload, type RequestContext, RpcException } from '@nestjs/microservices';
import { type Observable, map, of, throwError } from 'rxjs';
import {
  BadRequestSchema,
  ConnectContext,
  ConnectModule,
  ConnectServer,
  ConnectService,
  Rpc,
  type RpcStream,
} from 'nestjs-connect';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callUnary, callStream } from '../support/connect-calls.js';

/** Runs for every call; `x-deny` says how it refuses. */
@Injectable()
class HeaderGuard {
  canActivate(context: ExecutionContext): boolean {
    const deny = context.switchToRpc().getContext<ConnectContext>().requestHeaders.get('x-deny');
    if (deny === 'exception') {
      throw new ForbiddenException('not you');
    }
    return deny === undefined;
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
    return { ...request, sentence: request.sentence.trim() };
  }
}

@Catch(RangeError)
class RangeFilter implements ExceptionFilter<RangeError> {
  catch(error: RangeError, _host: ArgumentsHost): Observable<never> {
    return throwError(() => new RpcException({ code: 'out_of_range', message: error.message }).getError());
  }
}

const Language = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  context.switchToRpc().getContext<ConnectContext>().requestHeaders.get('x-language'),
);

@Injectable({ scope: Scope.REQUEST })
class Caller {
  constructor(@Inject(REQUEST) private readonly request: RequestContext<SayRequest, ConnectContext>) {}

  describe(): string {
    return `${this.request.getData().sentence} over ${this.request.getContext().protocol}`;
  }
}

abstract class Base {
  @Rpc()
  reflect(requests: RpcStream<ReflectRequest>) {
    return requests.mapEach(({ sentence }) => of(sentence)).pipe(map((sentence) => ({ sentence })));
  }
}

@UseFilters(RangeFilter)
@ConnectService(ElizaService)
class Eliza extends Base {
  @UseInterceptors(Exclaim)
  @Rpc()
  say(
    @Payload(Trim) { sentence }: SayRequest,
    @Language() language: string | undefined,
    @Ctx() context: ConnectContext,
  ) {
    switch (sentence) {
      case 'range':
        throw new RangeError('too far');
      case 'missing':
        throw new NotFoundException('no such sentence');
      case 'invalid':
        // As ValidationPipe does.
        throw new BadRequestException(['sentence must be longer than or equal to 9 characters']);
      case 'secret':
        throw new Error('the password is 1234');
      case 'nothing':
        return of<{ sentence: string }>();
      default:
        return of({ sentence: `${sentence} (${language ?? context.httpMethod})` });
    }
  }

  @UseInterceptors(Exclaim)
  @Rpc()
  async *introduce({ name }: IntroduceRequest) {
    yield { sentence: name };
    yield { sentence: 'bye' };
  }

  @UseGuards(HeaderGuard)
  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return requests.mapEach(({ sentence }) => of({ sentence }));
  }
}

@Module({
  controllers: [Eliza],
  providers: [{ provide: APP_GUARD, useClass: HeaderGuard }],
})
class ElizaModule {}

@Module({ imports: [ElizaModule, ConnectModule.forRoot()] })
class MountedModule {}

interface Started {
  readonly app: INestApplicationContext;
  readonly baseUrl: string;
}

const MODES: Readonly<Record<string, () => Promise<Started>>> = {
  async createMicroservice() {
    const app = await NestFactory.createMicroservice(ElizaModule, { strategy: server(), logger: false });
    return { app, baseUrl: urlOf(await app.listen()) };
  },
  async 'connectMicroservice with inheritAppConfig'() {
    const app = await NestFactory.create(ElizaModule, { logger: false });
    const strategy = server();
    app.connectMicroservice({ strategy }, { inheritAppConfig: true });
    await app.startAllMicroservices();
    return { app, baseUrl: urlOf(strategy.unwrap<{ address(): unknown }>().address()) };
  },
  async 'ConnectModule on Express'() {
    const app: INestApplication = await NestFactory.create(MountedModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    const address: unknown = (app.getHttpServer() as { address(): unknown }).address();
    return { app, baseUrl: urlOf(address) };
  },
};

function server(): ConnectServer {
  return new ConnectServer({ host: '127.0.0.1', port: 0 });
}

function urlOf(address: unknown): string {
  return `http://127.0.0.1:${(address as { port: number }).port}/connectrpc.eliza.v1.ElizaService`;
}

describe.each(Object.entries(MODES))('%s', (_name, start) => {
  let started: Started;

  beforeAll(async () => {
    started = await start();
  });

  afterAll(async () => {
    await started.app.close();
  });

  function say(sentence: string, headers: Record<string, string> = {}) {
    return callUnary(`${started.baseUrl}/Say`, { sentence }, headers);
  }

  it('runs pipe, parameter decorators and interceptor around a unary handler', async () => {
    expect(await say('  hi ', { 'x-language': 'de' })).toEqual({
      status: 200,
      body: { sentence: 'hi (de)!' },
    });
    expect(await say('hi')).toMatchObject({ body: { sentence: 'hi (POST)!' } });
  });

  it.each([
    ['a guard that returns false', 'false', 'Forbidden resource'],
    ['a guard that throws', 'exception', 'not you'],
  ])('answers permission_denied for %s', async (_guard, deny, message) => {
    expect(await say('hi', { 'x-deny': deny })).toEqual({
      status: 403,
      body: { code: 'permission_denied', message },
    });
  });

  it.each([
    ['a filter of the class', 'range', 400, { code: 'out_of_range', message: 'too far' }],
    ['the table of HTTP exceptions', 'missing', 404, { code: 'not_found', message: 'no such sentence' }],
    ['masking', 'secret', 500, { code: 'internal', message: 'internal error' }],
  ])('answers an exception by %s', async (_how, sentence, status, body) => {
    expect(await say(sentence)).toEqual({ status, body });
  });

  it('says which fields failed validation', async () => {
    const { status, body } = await say('invalid');
    const { code, message, details } = body as {
      code: string;
      message: string;
      details: { type: string; value: string }[];
    };
    const text = 'sentence must be longer than or equal to 9 characters';
    expect({ status, code, message }).toEqual({ status: 400, code: 'invalid_argument', message: text });
    expect(
      details.map(({ type, value }) => ({
        type,
        ...fromBinary(BadRequestSchema, Buffer.from(value, 'base64')),
      })),
    ).toMatchObject([
      { type: 'google.rpc.BadRequest', fieldViolations: [{ field: 'sentence', description: text }] },
    ]);
  });

  it('answers internal at once for an Observable without a value', async () => {
    expect(await say('nothing')).toMatchObject({ status: 500, body: { code: 'internal' } });
  });

  it('passes a generator through an interceptor, message by message', async () => {
    expect(await callStream(`${started.baseUrl}/Introduce`, [{ name: 'Ada' }])).toEqual([
      { sentence: 'Ada!' },
      { sentence: 'bye!' },
      {},
    ]);
  });

  it('gives an inherited handler its request stream', async () => {
    expect(await callStream(`${started.baseUrl}/Reflect`, [{ sentence: 'a' }, { sentence: 'b' }])).toEqual([
      { sentence: 'a' },
      {},
    ]);
  });
});

@ConnectService(ElizaService, { partial: true })
class Scoped {
  constructor(private readonly caller: Caller) {}

  @Rpc()
  say(_request: SayRequest) {
    return { sentence: this.caller.describe() };
  }
}

@Module({ controllers: [Scoped], providers: [Caller] })
class ScopedModule {}

@Module({ controllers: [Eliza, Scoped], providers: [Caller] })
class DuplicateModule {}

describe('ConnectServer', () => {
  it('serves request-scoped providers with request and context', async () => {
    const app = await NestFactory.createMicroservice(ScopedModule, { strategy: server(), logger: false });
    const baseUrl = urlOf(await app.listen());
    expect(await callUnary(`${baseUrl}/Say`, { sentence: 'hi' })).toMatchObject({
      body: { sentence: 'hi over connect' },
    });
    await app.close();
  });

  it('answers unimplemented for a method that a partial service leaves out', async () => {
    const app = await NestFactory.createMicroservice(ScopedModule, { strategy: server(), logger: false });
    const baseUrl = urlOf(await app.listen());
    expect(await callStream(`${baseUrl}/Introduce`, [{ name: 'Ada' }])).toEqual([
      {
        error: {
          code: 'unimplemented',
          message: '/connectrpc.eliza.v1.ElizaService/Introduce is not implemented',
        },
      },
    ]);
    await app.close();
  });

  it('logs where every method goes at start-up', async () => {
    const log = jest.fn();
    const app = await NestFactory.createMicroservice(ScopedModule, {
      strategy: server(),
      logger: { log, error: () => {}, warn: () => {} },
    });
    await app.listen();
    await app.close();
    const lines = log.mock.calls.filter(([, context]) => context === 'ConnectServer').map(([line]) => line);
    expect(lines).toEqual([
      'Mapped {/connectrpc.eliza.v1.ElizaService/Say, unary} to Scoped.say',
      ...['Introduce, server streaming', 'Reflect, client streaming', 'Converse, bidi streaming'].map(
        (method) =>
          `Mapped {/connectrpc.eliza.v1.ElizaService/${method}} to nobody: it answers unimplemented`,
      ),
    ]);
  });

  it('refuses two classes for one method at start-up, and names both', async () => {
    const strategy = server();
    const app = await NestFactory.createMicroservice(DuplicateModule, {
      strategy,
      logger: false,
      abortOnError: false,
    });
    await expect(app.listen()).rejects.toThrow(
      /Scoped\.say and Eliza\.say both handle \/connectrpc\.eliza\.v1\.ElizaService\/Say\. List only one/,
    );
    await strategy.close();
  });

  it('rejects listen() when the port is taken', async () => {
    const first = await NestFactory.createMicroservice(ElizaModule, { strategy: server(), logger: false });
    const { port } = (await first.listen()) as unknown as { port: number };
    const second = await NestFactory.createMicroservice(ElizaModule, {
      strategy: new ConnectServer({ host: '127.0.0.1', port }),
      logger: false,
    });
    await expect(second.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await Promise.all([first.close(), second.close()]);
  });

  it('names class, method and option when a setting of @Rpc() is wrong', async () => {
    @ConnectService(ElizaService, { partial: true })
    class Misconfigured {
      @Rpc({ bufferBytes: -1 })
      say() {
        return {};
      }
    }
    @Module({ controllers: [Misconfigured] })
    class MisconfiguredModule {}
    const app = await NestFactory.createMicroservice(MisconfiguredModule, {
      strategy: server(),
      logger: false,
      abortOnError: false,
    });
    await expect(app.listen()).rejects.toThrow(
      '@Rpc() of Misconfigured.say: bufferBytes is -1: expected a number from 0',
    );
  });

  it('runs the processing hooks around a call, once each', async () => {
    const strategy = server();
    const events: string[] = [];
    strategy.setOnProcessingStartHook((_id, context, done) => {
      events.push(`start ${(context as ConnectContext).method.name}`);
      void done();
    });
    let ended: () => void;
    const isOver = new Promise<void>((resolve) => (ended = resolve));
    strategy.setOnProcessingEndHook((_id, context) => {
      events.push(`end ${(context as ConnectContext).method.name}`);
      ended();
    });
    const app = await NestFactory.createMicroservice(ElizaModule, { strategy, logger: false });
    const baseUrl = urlOf(await app.listen());
    await callStream(`${baseUrl}/Introduce`, [{ name: 'Ada' }]);
    await isOver;
    await app.close();
    expect(events).toEqual(['start Introduce', 'end Introduce']);
  });

  it('tells its status, and closes twice without harm', async () => {
    const strategy = server();
    const statuses: string[] = [];
    strategy.status.subscribe((status) => statuses.push(status));
    let isListening = false;
    strategy.on('listening', () => (isListening = true));
    const app = await NestFactory.createMicroservice(ElizaModule, { strategy, logger: false });
    await app.listen();
    await Promise.all([app.close(), strategy.close()]);
    expect(isListening).toBe(true);
    expect(statuses).toEqual(['listening', 'draining', 'closed']);
  });
});
