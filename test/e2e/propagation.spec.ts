/**
 * A gateway between a caller and another service: what its calls are told of the call that they are made for, wherever in
 * the gateway they are made, and what the caller gets when that ends. Over sockets, whose events belong to no call.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type ExecutionContext, Injectable, type LoggerService, Module, UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type Around,
  Code,
  type ConnectClient,
  type ConnectContext,
  type ConnectError,
  ConnectModule,
  ConnectService,
  Rpc,
  type RpcStream,
  type RxConnectClient,
} from 'nestjs-connect';
import {
  type CallOptions,
  type Channel,
  type ChannelOptions,
  createChannel,
  createClient,
  createRxClient,
} from 'nestjs-connect/client';
import { type ConnectTestServer, serveInMemory, serveOnPort } from 'nestjs-connect/testing';
import {
  catchError,
  concatMap,
  endWith,
  ignoreElements,
  lastValueFrom,
  map,
  NEVER,
  type Observable,
  of,
} from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { callUnary } from '../support/connect-calls.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';

const TRACE = { traceparent: '00-trace-span-01', tracestate: 'vendor=1', 'x-other': 'stays' };
const FAR_MS = 60_000;
/** A name or sentence that the service does not answer. */
const HOLD = 'hold';

/** What the service behind the gateway knows of its calls. */
interface Seen {
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly other: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
}

let seen: Seen[] = [];

function record({ requestHeaders, requestTimeoutMs, signal }: ConnectContext): void {
  seen.push({
    traceparent: requestHeaders.get('traceparent'),
    tracestate: requestHeaders.get('tracestate'),
    other: requestHeaders.get('x-other'),
    timeoutMs: requestTimeoutMs,
    signal,
  });
}

@ConnectService(ElizaService)
class Behind {
  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext): Observable<{ sentence: string }> {
    record(context);
    return sentence === HOLD ? NEVER : of({ sentence });
  }

  @Rpc()
  introduce({ name }: IntroduceRequest, context: ConnectContext): Observable<{ sentence: string }> {
    record(context);
    return name === HOLD ? NEVER : of({ sentence: name });
  }

  @Rpc()
  reflect(requests: RpcStream<ReflectRequest>, context: ConnectContext) {
    record(context);
    return requests.pipe(ignoreElements(), endWith({ sentence: 'all' }));
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>, context: ConnectContext) {
    record(context);
    return requests.pipe(map(({ sentence }) => ({ sentence })));
  }
}

interface Outgoing {
  readonly channel: Channel;
  readonly eliza: ConnectClient<typeof ElizaService>;
  readonly rx: RxConnectClient<typeof ElizaService>;
}

/** The gateway's clients, and the call of `say` that each of its methods makes. */
let out: Outgoing;
let options: CallOptions | undefined;

async function ask(sentence: string): Promise<{ sentence: string }> {
  const reply = await out.eliza.say({ sentence }, options);
  return { sentence: reply.sentence };
}

@Injectable()
class AskingGuard {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { sentence } = context.switchToRpc().getData<SayRequest>();
    await ask(sentence);
    return true;
  }
}

@ConnectService(ElizaService)
class Gateway {
  @Rpc()
  say({ sentence }: SayRequest) {
    return ask(sentence);
  }

  @Rpc()
  async *introduce({ name }: IntroduceRequest) {
    yield { sentence: 'first' };
    yield await ask(name);
  }

  @Rpc()
  reflect(requests: RpcStream<ReflectRequest>) {
    return requests.mapEach(({ sentence }) => ask(sentence));
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return requests.pipe(
      concatMap(({ sentence }) => out.rx.say({ sentence }, options)),
      map(({ sentence }) => ({ sentence })),
    );
  }
}

const askingAround: Around = async (_context, next) => {
  await ask('from around');
  return next();
};

@UseGuards(AskingGuard)
@ConnectService(ElizaService, { partial: true })
class GuardedGateway {
  @Rpc()
  say({ sentence }: SayRequest) {
    return { sentence };
  }
}

/** Its one method is what a test says. */
@ConnectService(ElizaService, { partial: true })
class ScriptedGateway {
  static script: (sentence: string, context: ConnectContext) => unknown = () => ({});

  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext) {
    return ScriptedGateway.script(sentence, context) as Promise<{ sentence: string }>;
  }
}

@Module({ controllers: [Behind] })
class BehindModule {}

@Module({ controllers: [Gateway] })
class GatewayModule {}

@Module({ controllers: [GuardedGateway], providers: [AskingGuard] })
class GuardedModule {}

@Module({ controllers: [ScriptedGateway] })
class ScriptedModule {}

@Module({ imports: [GatewayModule, ConnectModule.forRoot()] })
class MountedModule {}

const started: { close(): Promise<void> }[] = [];
/** What the gateway logged as an error. */
let logged: unknown[] = [];
let behindUrl: string;

const logger: LoggerService = {
  log: () => {},
  warn: () => {},
  error: (message: unknown) => logged.push(message),
};

function track<T extends { close(): Promise<void> }>(closable: T): T {
  started.push(closable);
  return closable;
}

async function compile(module: unknown) {
  const testing = await Test.createTestingModule({ imports: [module as typeof GatewayModule] }).compile();
  testing.useLogger(logger);
  return testing;
}

function channelTo(url: string, settings: Partial<ChannelOptions> = {}): Channel {
  return track(createChannel({ url, ...settings }));
}

function useOutgoing(settings: Partial<ChannelOptions> = {}): void {
  const channel = channelTo(behindUrl, settings);
  out = { channel, eliza: createClient(ElizaService, channel), rx: createRxClient(ElizaService, channel) };
}

/** The caller's channel must not be what makes the gateway enter anything. */
const CALLER = { propagate: false } as const;

type Caller = ConnectClient<typeof ElizaService>;

async function startOnPort(module: unknown = GatewayModule, around?: Around): Promise<Caller> {
  const server = await serveOnPort(await compile(module), { logger, ...(around && { around }) });
  return track(server).client(ElizaService, CALLER);
}

async function startInMemory(): Promise<Caller> {
  return track(await serveInMemory(await compile(GatewayModule), { logger })).client(ElizaService, CALLER);
}

async function startMounted(): Promise<Caller> {
  const module = await compile(MountedModule);
  return track(await serveOnPort(module.createNestApplication())).client(ElizaService, CALLER);
}

failOnUnhandled();

beforeEach(async () => {
  seen = [];
  logged = [];
  options = undefined;
  const server: ConnectTestServer = track(await serveOnPort(await compile(BehindModule)));
  behindUrl = server.url as string;
  useOutgoing();
});

afterEach(async () => {
  for (const closable of started.splice(0).toReversed()) {
    await closable.close();
  }
});

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

const KINDS: readonly [
  kind: string,
  (caller: Caller, text: string, given: CallOptions) => Promise<unknown>,
][] = [
  ['unary', (caller, sentence, given) => caller.say({ sentence }, given)],
  ['server streaming', (caller, name, given) => drain(caller.introduce({ name }, given))],
  ['client streaming', (caller, sentence, given) => caller.reflect([{ sentence }], given)],
  ['bidi streaming', (caller, sentence, given) => drain(caller.converse([{ sentence }], given))],
];

function ended(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => error as ConnectError,
  );
}

/** What each call that was seen was told. */
function told(): object[] {
  return seen.map(({ traceparent, tracestate, other, timeoutMs = Infinity }) => ({
    traceparent,
    tracestate,
    other,
    isTimed: timeoutMs > 0 && timeoutMs <= FAR_MS,
  }));
}

function allPassedOn(count: number): object[] {
  const { traceparent, tracestate } = TRACE;
  return Array.from({ length: count }, () => ({ traceparent, tracestate, other: undefined, isTimed: true }));
}

describe.each([
  ['a microservice', startOnPort],
  ['ConnectModule', startMounted],
  ['a server in memory', startInMemory],
])('Deadline, cancellation and trace pass on, %s', (_form, start) => {
  it.each(KINDS)('from a %s call', async (_kind, call) => {
    const caller = await start();
    // The second unary one is called directly, without Nest's pipeline.
    await call(caller, 'hi', { headers: TRACE, timeoutMs: FAR_MS });
    await call(caller, 'hi', { headers: TRACE, timeoutMs: FAR_MS });
    expect(told()).toEqual(allPassedOn(2));

    const controller = new AbortController();
    const canceled = ended(call(caller, HOLD, { signal: controller.signal }));
    await eventually(() => seen.length === 3);
    controller.abort();
    expect(await canceled).toMatchObject({ code: Code.Canceled });
    await eventually(() => seen[2]?.signal.aborted === true);

    // Nothing of it is a mistake of the gateway.
    expect(logged).toEqual([]);
  });

  it('when the time of calls is over, which is what their callers are told', async () => {
    const caller = await start();
    const all = (text: string, given: CallOptions) =>
      Promise.allSettled(KINDS.map(([, call]) => call(caller, text, given)));
    // Connections are there by then: the time of the calls goes to the service behind the gateway.
    await all('hi', {});
    seen = [];
    const ends = await all(HOLD, { timeoutMs: 400 });
    expect(ends).toMatchObject(KINDS.map(() => ({ reason: { code: Code.DeadlineExceeded } })));
    expect(seen).not.toEqual([]);
    await eventually(() => seen.every(({ signal }) => signal.aborted));
    expect(logged).toEqual([]);
  });
});

describe('What passes on', () => {
  it('goes with calls of all kinds', async () => {
    ScriptedGateway.script = async (sentence) => {
      await out.eliza.say({ sentence });
      await out.eliza.reflect([{ sentence }]);
      await drain(out.eliza.introduce({ name: sentence }));
      await lastValueFrom(out.rx.converse([{ sentence }]));
      return { sentence };
    };
    const caller = await startOnPort(ScriptedModule);
    await caller.say({ sentence: 'hi' }, { headers: TRACE, timeoutMs: FAR_MS });
    expect(told()).toEqual(allPassedOn(4));
  });

  it.each(['connect', 'grpc', 'grpc-web'])('goes over %s', async (protocol) => {
    useOutgoing({ protocol });
    const caller = await startOnPort();
    await caller.say({ sentence: 'hi' }, { headers: TRACE, timeoutMs: FAR_MS });
    expect(told()).toEqual(allPassedOn(1));
    expect(await ended(caller.say({ sentence: HOLD }, { timeoutMs: 200 }))).toMatchObject({
      code: Code.DeadlineExceeded,
    });
    expect(logged).toEqual([]);
  });

  it('goes with calls of guards, and of `around`', async () => {
    const caller = await startOnPort(GuardedModule, askingAround);
    await caller.say({ sentence: 'hi' }, { headers: TRACE, timeoutMs: FAR_MS });
    expect(told()).toEqual(allPassedOn(2));
  });

  it('goes with the call that follows a failed one of the same handler, which the caller knows nothing of', async () => {
    ScriptedGateway.script = (sentence) =>
      out.rx.say({ sentence: HOLD }, { timeoutMs: 50 }).pipe(catchError(() => out.rx.say({ sentence })));
    const caller = await startOnPort(ScriptedModule);
    await caller.say({ sentence: 'hi' }, { headers: TRACE, timeoutMs: FAR_MS });
    expect(told()).toEqual(allPassedOn(2));
  });

  it('is nothing for calls of a channel, or a call, with propagate: false', async () => {
    const caller = await startOnPort();
    options = { propagate: false };
    await caller.say({ sentence: 'hi' }, { headers: TRACE, timeoutMs: FAR_MS });
    options = undefined;
    useOutgoing({ propagate: false });
    await caller.say({ sentence: 'hi' }, { headers: TRACE, timeoutMs: FAR_MS });
    const nothing = { traceparent: undefined, tracestate: undefined, other: undefined, isTimed: false };
    expect(told()).toEqual([nothing, nothing]);
  });

  it('keeps apart what belongs to calls at the same time', async () => {
    const caller = await startOnPort();
    const ids = Array.from({ length: 20 }, (_, i) => `00-${i}`);
    await Promise.all(
      ids.flatMap((traceparent) => KINDS.map(([, call]) => call(caller, 'hi', { headers: { traceparent } }))),
    );
    const counts = ids.map((id) => seen.filter(({ traceparent }) => traceparent === id).length);
    expect(counts).toEqual(ids.map(() => KINDS.length));
  });
});

describe('What goes on after the answer', () => {
  it('is not ended by it', async () => {
    const answered = new Latch();
    const background: Promise<unknown>[] = [];
    const goOn = async () => {
      await drain(out.eliza.converse(answered.requests()));
      await ask('later');
    };
    ScriptedGateway.script = (sentence) => {
      background.push(goOn());
      return { sentence };
    };
    const caller = await startOnPort(ScriptedModule);
    await caller.say({ sentence: 'hi' }, { headers: TRACE, timeoutMs: FAR_MS });
    await eventually(() => seen.length === 1);
    answered.open();
    await Promise.all(background);
    const [during, later] = seen;
    expect(seen).toHaveLength(2);
    expect(during?.signal.aborted).toBe(false);
    // It still belongs to the trace, but not to the time in which the answer had to come.
    expect(later).toMatchObject({ traceparent: TRACE.traceparent, timeoutMs: undefined });
  });
});

/** Requests that end when somebody says so. */
class Latch {
  open: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => (this.open = resolve));

  async *requests(): AsyncGenerator<{ sentence: string }> {
    yield { sentence: 'open' };
    await this.#opened;
  }
}

/** How often AsyncLocalStorages were entered while the gateway answered three times. */
async function entered(around?: Around): Promise<number> {
  ScriptedGateway.script = (sentence) => ({ sentence });
  const server = track(await serveOnPort(await compile(ScriptedModule), around && { around }));
  const url = `${server.url}/connectrpc.eliza.v1.ElizaService/Say`;
  const run = jest.spyOn(AsyncLocalStorage.prototype, 'run');
  for (let i = 0; i < 3; i++) {
    await callUnary(url, { sentence: 'hi' });
  }
  const { length } = run.mock.calls;
  run.mockRestore();
  return length;
}

describe('Without a channel that passes something on', () => {
  it('nobody enters an AsyncLocalStorage', async () => {
    const channel = channelTo(behindUrl);
    expect(await entered()).toBe(3);
    await channel.close();
    expect(await entered()).toBe(3);
    await out.channel.close();
    channelTo(behindUrl, { propagate: false });
    expect(await entered()).toBe(0);
    expect(await entered((_context, next) => next())).toBe(0);
    channelTo(behindUrl);
    expect(await entered()).toBe(3);
  });
});
