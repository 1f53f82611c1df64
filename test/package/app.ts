/**
 * An application as users write it, on the packed package: `tools/test-package.mjs` compiles it as an ES module and as
 * CommonJS, and runs it with Nest 11 and with Nest 12. It calls itself, prints a line for each check, and must then end by
 * itself.
 */
import 'reflect-metadata';
import { strict as assert } from 'node:assert';
import { connect } from 'node:http2';
import { type AddressInfo } from 'node:net';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Inject,
  Injectable,
  Module,
  NotFoundException,
  Scope,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD, NestFactory, REQUEST } from '@nestjs/core';
import { NestMicroservice } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  Code,
  type ConnectClient,
  ConnectClientsModule,
  type ConnectContext,
  ConnectError,
  ConnectModule,
  ConnectServer,
  ConnectService,
  InjectConnectClient,
  Rpc,
  type RpcStream,
} from 'nestjs-connect';
import { createChannel, createClient } from 'nestjs-connect/client';
import { type ConnectTestServer, serveInMemory } from 'nestjs-connect/testing';
import { concat, map, of } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from './gen/eliza_pb.js';

const SERVICE = 'connectrpc.eliza.v1.ElizaService';

@Injectable()
class TokenGuard {
  canActivate(context: ExecutionContext): boolean {
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
class Brain {
  reply(sentence: string): string {
    return `you said ${sentence}`;
  }
}

@ConnectService(ElizaService)
class ElizaRpc {
  // By type alone: decorator metadata must have come through.
  constructor(private readonly brain: Brain) {}

  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext) {
    switch (sentence) {
      case 'missing':
        throw new NotFoundException('no such sentence');
      case 'busy':
        throw new ConnectError('later', { code: Code.Unavailable });
      default:
        return { sentence: `${this.brain.reply(sentence)} over ${context.protocol}` };
    }
  }

  @UseInterceptors(Exclaim)
  @Rpc()
  async *introduce({ name }: IntroduceRequest) {
    yield { sentence: name };
    yield { sentence: 'bye' };
  }

  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>) {
    let count = 0;
    for await (const _ of requests) {
      count++;
    }
    return { sentence: String(count) };
  }

  @UseGuards(TokenGuard)
  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return concat(
      of({ sentence: 'hello' }),
      requests.mapEach(({ sentence }) => of({ sentence })),
    );
  }
}

@Controller('rest')
class RestController {
  @Get()
  get(): object {
    return { rest: true };
  }
}

@Injectable({ scope: Scope.REQUEST })
class Caller {
  constructor(@Inject(REQUEST) readonly request: { getContext(): ConnectContext }) {}
}

@ConnectService(ElizaService, { partial: true })
class ScopedRpc {
  constructor(private readonly caller: Caller) {}

  @Rpc()
  say(_request: SayRequest) {
    return { sentence: this.caller.request.getContext().protocol };
  }
}

@Injectable()
class Talk {
  constructor(@InjectConnectClient(ElizaService) readonly eliza: ConnectClient<typeof ElizaService>) {}
}

@Module({ controllers: [ElizaRpc, RestController], providers: [Brain] })
class ElizaModule {}

@Module({ imports: [ElizaModule], providers: [{ provide: APP_GUARD, useClass: TokenGuard }] })
class GuardedModule {}

@Module({ imports: [ElizaModule, ConnectModule.forRoot()] })
class MountedModule {}

@Module({ controllers: [ScopedRpc], providers: [Caller] })
class ScopedModule {}

@Module({ providers: [Talk] })
class TalkModule {}

interface Closable {
  close(): Promise<unknown>;
}

const QUIET = { logger: ['error', 'warn'] as ('error' | 'warn')[] };

async function standAlone(module: new () => object): Promise<[Closable, number]> {
  const strategy = new ConnectServer({ host: '127.0.0.1', port: 0 });
  const app = await NestFactory.createMicroservice(module, { strategy, ...QUIET });
  const { port } = (await app.listen()) as unknown as AddressInfo;
  return [app, port];
}

async function mounted(): Promise<[Closable, number]> {
  const app: INestApplication = await NestFactory.create(MountedModule, QUIET);
  await app.listen(0, '127.0.0.1');
  return [app, (app.getHttpServer() as { address(): AddressInfo }).address().port];
}

async function hybrid(): Promise<[Closable, number]> {
  const app = await NestFactory.create(GuardedModule, QUIET);
  const strategy = new ConnectServer({ host: '127.0.0.1', port: 0 });
  app.connectMicroservice({ strategy }, { inheritAppConfig: true });
  await app.startAllMicroservices();
  return [app, strategy.unwrap<{ address(): AddressInfo }>().address().port];
}

async function say(
  port: number,
  sentence: string,
  headers: Record<string, string> = {},
): Promise<[number, unknown]> {
  const response = await fetch(`http://127.0.0.1:${port}/${SERVICE}/Say`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close', ...headers },
    body: JSON.stringify({ sentence }),
  });
  return [response.status, await response.json()];
}

/** @returns The status, and the text of the messages that came before it, over gRPC with prior knowledge. */
function grpc(port: number, method: string, ...sentences: string[]): Promise<[string, string]> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.once('error', reject);
    const headers = { 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request({ ':method': 'POST', ':path': `/${SERVICE}/${method}`, ...headers });
    let status = '';
    let text = '';
    const note = (fields: Record<string, string | string[] | number | undefined>): void => {
      status = fields['grpc-status']?.toString() ?? status;
    };
    stream.on('response', note).on('trailers', note);
    stream.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    stream.once('error', reject).once('close', () => {
      session.close();
      resolve([status, text.replaceAll(/[^\x20-\x7e]+/g, ' ').trim()]);
    });
    for (const sentence of sentences) {
      const message = Buffer.concat([Buffer.from([0x0a, sentence.length]), Buffer.from(sentence)]);
      stream.write(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
    }
    stream.end();
  });
}

type Check = [name: string, start: () => Promise<[Closable, number]>, run: (port: number) => Promise<void>];

async function serves(port: number): Promise<void> {
  // More than once: the first call of a method takes another way than those behind it.
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await say(port, 'hi'), [200, { sentence: 'you said hi over connect' }]);
  }
  assert.deepEqual(await say(port, 'missing'), [404, { code: 'not_found', message: 'no such sentence' }]);
  assert.deepEqual(await say(port, 'busy'), [503, { code: 'unavailable', message: 'later' }]);
  assert.match((await grpc(port, 'Say', 'hi')).join(), /^0,.*you said hi over grpc$/);
  assert.match((await grpc(port, 'Introduce', 'Ada')).join(), /^0,.*Ada! .*bye!$/);
  assert.match((await grpc(port, 'Reflect', 'a', 'b', 'c')).join(), /^0,.*3$/);
  assert.match((await grpc(port, 'Converse', 'a', 'b')).join(), /^0,.*hello .*a .*b$/);
}

async function isGuarded(port: number): Promise<void> {
  for (let i = 0; i < 3; i++) {
    assert.equal((await say(port, 'hi', { 'x-token': 'wrong' }))[0], 403);
    assert.equal((await say(port, 'hi'))[0], 200);
  }
}

const PROTOCOLS = ['connect', 'grpc', 'grpc-web'];

async function isCalledByChannels(port: number): Promise<void> {
  for (const protocol of PROTOCOLS) {
    const channel = createChannel({ url: `http://127.0.0.1:${port}`, protocol });
    await answers(createClient(ElizaService, channel), `you said hi over ${protocol}`);
    await channel.close();
  }
}

async function isCalledByInjectedClients(port: number): Promise<void> {
  for (const protocol of PROTOCOLS) {
    const entry = { url: `http://127.0.0.1:${port}`, protocol, services: [ElizaService] };
    const imports = [ConnectClientsModule.register([entry])];
    const app = await NestFactory.createApplicationContext({ module: TalkModule, imports }, QUIET);
    await answers(app.get(Talk).eliza, `you said hi over ${protocol}`);
    await app.close();
  }
}

const CHECKS: readonly Check[] = [
  ['createMicroservice serves all four kinds', () => standAlone(ElizaModule), serves],
  ['createMicroservice runs a global guard', () => standAlone(GuardedModule), isGuarded],
  ['connectMicroservice runs a global guard of the app', hybrid, isGuarded],
  ['ConnectModule serves all four kinds on Express', mounted, serves],
  ['clients without Nest call all four kinds', () => standAlone(ElizaModule), isCalledByChannels],
  ['injected clients call all four kinds', mounted, isCalledByInjectedClients],
  [
    'ConnectModule leaves REST routes alone',
    mounted,
    async (port) => {
      const headers = { connection: 'close' };
      assert.deepEqual(await (await fetch(`http://127.0.0.1:${port}/rest`, { headers })).json(), {
        rest: true,
      });
      assert.equal((await fetch(`http://127.0.0.1:${port}/nothing`, { headers })).status, 404);
    },
  ],
  [
    'request-scoped providers get the call',
    () => standAlone(ScopedModule),
    async (port) => assert.deepEqual(await say(port, ''), [200, { sentence: 'connect' }]),
  ],
];

async function check(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}\n${String((error as Error).stack)}`);
  }
}

/** The testing kit: all kinds of call without a socket, and a provider that the test replaces. */
async function testsInMemory(): Promise<void> {
  const module = await Test.createTestingModule({ imports: [GuardedModule] })
    .overrideProvider(Brain)
    .useValue({ reply: () => 'overridden' })
    .compile();
  await answersInMemory(await serveInMemory(module), 'overridden');
  const mountedModule = await Test.createTestingModule({ imports: [MountedModule] }).compile();
  await answersInMemory(await serveInMemory(mountedModule.createNestApplication()), 'you said hi');
}

async function answersInMemory(server: ConnectTestServer, reply: string): Promise<void> {
  for (const protocol of PROTOCOLS) {
    await answers(server.client(ElizaService, { protocol }), `${reply} over ${protocol}`);
  }
  await server.close();
}

/** All four kinds, and an error. */
async function answers(eliza: ConnectClient<typeof ElizaService>, reply: string): Promise<void> {
  assert.equal((await eliza.say({ sentence: 'hi' })).sentence, reply);
  await assert.rejects(eliza.say({ sentence: 'busy' }), { code: Code.Unavailable });
  assert.equal((await eliza.reflect([{ sentence: 'a' }, { sentence: 'b' }])).sentence, '2');
  assert.deepEqual(await textsOf(eliza.introduce({ name: 'Ada' })), ['Ada!', 'bye!']);
  assert.deepEqual(await textsOf(eliza.converse([{ sentence: 'a' }])), ['hello', 'a']);
}

async function textsOf(replies: RpcStream<{ readonly sentence: string }>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { sentence } of replies) {
    texts.push(sentence);
  }
  return texts;
}

/** As Nest 12 has it: for every call, before guards, as middleware is for HTTP. */
interface WithPreRequestHook {
  registerPreRequestHook(hook: (context: unknown, next: () => unknown) => unknown): void;
}

async function runsPreRequestHooks(): Promise<void> {
  const strategy = new ConnectServer({ host: '127.0.0.1', port: 0 });
  const app = await NestFactory.createMicroservice(ElizaModule, { strategy, ...QUIET });
  let calls = 0;
  (app as unknown as WithPreRequestHook).registerPreRequestHook((_context, next) => {
    calls++;
    return next();
  });
  const { port } = (await app.listen()) as unknown as AddressInfo;
  await serves(port);
  assert.equal(calls, 9);
  await app.close();
}

async function main(): Promise<void> {
  for (const [name, start, run] of CHECKS) {
    const [app, port] = await start();
    await check(name, () => run(port));
    await app.close();
  }
  await check('the testing kit calls services in memory', testsInMemory);
  if ('registerPreRequestHook' in NestMicroservice.prototype) {
    await check('registerPreRequestHook sees every call', runsPreRequestHooks);
  } else {
    console.log('# left out: registerPreRequestHook, which came with Nest 12');
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
