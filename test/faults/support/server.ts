/**
 * The server under attack, in a process of its own: memory figures are its own, and a crash or an unhandled
 * rejection is an exit that somebody sees. Options come as JSON in the first argument.
 */
import 'reflect-metadata';
import { create, createFileRegistry } from '@bufbuild/protobuf';
import { type GenService } from '@bufbuild/protobuf/codegenv2';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_struct,
  StringValueSchema,
  type Struct,
  StructSchema,
} from '@bufbuild/protobuf/wkt';
import { Code, type ConnectContext, ConnectError, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { type EventEmitter } from 'node:events';
import { type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { defer, finalize, map, NEVER, Observable, of } from 'rxjs';
import { timerWheel } from '../../../lib/rpc/timer-wheel.js';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { answerQuestions, collectGarbage, heapBytes } from '../../support/answering-program.js';
import { CallLedger } from './call-ledger.js';
import { type ServerInit, startServer } from './server-forms.js';
import { type ServerAnswer, type ServerQuestion, type VitalSigns } from './vital-signs.js';

const MESSAGE = { sentence: 'x'.repeat(16_384) };

const ledger = new CallLedger();

/** A handler that ends by its own means is counted by its `finally`. */
async function counted<T>(context: ConnectContext, work: () => Promise<T>): Promise<T> {
  ledger.handlerStarted();
  try {
    return await work();
  } finally {
    ledger.handlerEnded(context);
  }
}

/** A handler that never ends counts as ended when it was told to. */
function untilTold(context: ConnectContext, onTold: () => void = () => {}): void {
  ledger.handlerStarted();
  context.signal.addEventListener('abort', () => {
    ledger.handlerEnded(context);
    onTold();
  });
}

function countedObservable<T>(context: ConnectContext, source: Observable<T>): Observable<T> {
  return defer(() => {
    ledger.handlerStarted();
    return source;
  }).pipe(finalize(() => ledger.handlerEnded(context)));
}

/** What `say` does with its sentence: the verb in front of a colon, and what stands behind it. */
const SAY: Readonly<Record<string, (text: string, context: ConnectContext) => unknown>> = {
  large: (text, context) => counted(context, () => Promise.resolve({ sentence: 'x'.repeat(Number(text)) })),
  fail(text) {
    throw new ConnectError(text, { code: Code.FailedPrecondition, metadata: { 'x-reason': 'asked' } });
  },
  metadata(text, context) {
    context.responseHeaders.set('x-echo', text);
    return { sentence: 'set' };
  },
  'error-metadata'(text) {
    throw new ConnectError('with metadata', { code: Code.Aborted, metadata: { 'x-echo': text } });
  },
  'fail-details'(text) {
    throw failureWithDetails(text);
  },
  'fail-binary'(text) {
    throw failureWithBinary(text);
  },
  trailer(text, context) {
    context.responseTrailers.set('x-echo', text);
    return { sentence: 'set' };
  },
  'never-promise': (_, context) => {
    untilTold(context);
    return new Promise(() => {});
  },
  'never-observable': (_, context) => countedObservable(context, NEVER),
  'late-throw': (_, context) =>
    counted(context, async () => {
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      await turn();
      throw new Error('thrown after the call had ended');
    }),
  'late-reject': (_, context) =>
    new Promise((_resolve, reject) => {
      untilTold(context, () => setTimeout(reject, 5, new Error('rejected after the call had ended')));
    }),
  'late-observable': (_, context) =>
    new Observable((subscriber) => {
      untilTold(context, () => setTimeout(() => subscriber.error(new Error('after the end')), 5));
    }),
  'throw-in-teardown': (_, context) =>
    new Observable(() => {
      untilTold(context);
      return () => {
        throw new Error('thrown by a teardown');
      };
    }),
};

/** Every place of an error that takes any text. */
function failureWithDetails(text: string): ConnectError {
  return new ConnectError('with details', {
    code: Code.FailedPrecondition,
    details: [
      { desc: StringValueSchema, value: { value: text } },
      { type: text, value: Buffer.from(text) },
    ],
  });
}

function failureWithBinary(text: string): ConnectError {
  return new ConnectError('with binary metadata', {
    code: Code.FailedPrecondition,
    metadata: { 'x-echo-bin': Buffer.from(text) },
  });
}

/** Emits a text, and fails. */
function failingBehind(makeError: (text: string) => Error) {
  return async function* (context: ConnectContext, text: string) {
    ledger.handlerStarted();
    try {
      yield { sentence: text };
      throw makeError(text);
    } finally {
      ledger.handlerEnded(context);
    }
  };
}

/** What `introduce` does with its name: as `say`. */
const INTRODUCE: Readonly<Record<string, (context: ConnectContext, text: string) => unknown>> = {
  generator: endless,
  count: countingTo,
  fail: failingBehind((text) => new ConnectError(text, { code: Code.FailedPrecondition })),
  'fail-details': failingBehind(failureWithDetails),
  'fail-binary': failingBehind(failureWithBinary),
  'error-metadata': failingBehind(
    (text) => new ConnectError('with metadata', { code: Code.Aborted, metadata: { 'x-echo': text } }),
  ),
  push: (context) =>
    countedObservable(
      context,
      new Observable((subscriber) => {
        const pushing = setInterval(() => subscriber.next(MESSAGE), 1);
        return () => clearInterval(pushing);
      }),
    ),
  'never-generator': neverYielding,
  'never-observable': (context) => countedObservable(context, NEVER),
  'throw-in-finally': throwingAtItsEnd,
  'late-generator': throwingWhenTold,
};

async function* endless(context: ConnectContext) {
  ledger.handlerStarted();
  try {
    for (;;) {
      yield MESSAGE;
      await turn();
    }
  } finally {
    ledger.handlerEnded(context);
  }
}

function* countingTo(context: ConnectContext, text: string) {
  ledger.handlerStarted();
  try {
    for (let i = 1; i <= Number(text); i++) {
      yield { sentence: String(i) };
    }
  } finally {
    ledger.handlerEnded(context);
  }
}

async function* neverYielding(context: ConnectContext) {
  untilTold(context);
  await new Promise(() => {});
  yield MESSAGE;
}

async function* throwingAtItsEnd(context: ConnectContext) {
  ledger.handlerStarted();
  try {
    for (;;) {
      yield { sentence: 'small' };
      await turn();
    }
  } finally {
    ledger.handlerEnded(context);
    // oxlint-disable-next-line no-unsafe-finally -- the fault under test
    throw new Error('thrown by a finally block');
  }
}

async function* throwingWhenTold(context: ConnectContext) {
  ledger.handlerStarted();
  yield { sentence: 'first' };
  await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
  ledger.handlerEnded(context);
  await turn();
  throw new Error('thrown after the call had ended');
}

function splitVerb(text: string): [verb: string, rest: string] {
  const colon = text.indexOf(':');
  return colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
}

@ConnectService(ElizaService)
class Target {
  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext): Promise<{ sentence: string }> {
    const [verb, text] = splitVerb(sentence);
    // What SAY returns fits; one signature for promises, Observables and throwers would hide that.
    return (Object.hasOwn(SAY, verb) ? SAY[verb]?.(text, context) : { sentence }) as never;
  }

  @Rpc()
  introduce({ name }: IntroduceRequest, context: ConnectContext): AsyncIterable<{ sentence: string }> {
    const [verb, text] = splitVerb(name);
    return (INTRODUCE[verb] ?? endless)(context, text) as never; // As in `say`.
  }

  @Rpc()
  reflect(requests: RpcStream<ReflectRequest>, context: ConnectContext) {
    return counted(context, async () => {
      let messages = 0;
      for await (const { sentence } of requests) {
        messages++;
        if (sentence === 'never') {
          await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
        }
        if (sentence.startsWith('large:')) {
          return { sentence: 'x'.repeat(Number(sentence.slice('large:'.length))) };
        }
      }
      return { sentence: String(messages) };
    });
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>, context: ConnectContext) {
    return countedObservable(
      context,
      requests.mapEach(({ sentence }) => of(sentence)).pipe(map((sentence) => ({ sentence }))),
    );
  }
}

/** `faults.v1.TreeService/Grow` takes a google.protobuf.Struct, which may be nested, and gives it back. */
type TreeServiceDesc = GenService<{
  grow: { methodKind: 'unary'; input: typeof StructSchema; output: typeof StructSchema };
}>;

function describeTreeService(): TreeServiceDesc {
  const struct = `.${StructSchema.typeName}`;
  const file = create(FileDescriptorProtoSchema, {
    name: 'faults/v1/tree.proto',
    package: 'faults.v1',
    syntax: 'proto3',
    dependency: ['google/protobuf/struct.proto'],
    service: [{ name: 'TreeService', method: [{ name: 'Grow', inputType: struct, outputType: struct }] }],
  });
  const service = createFileRegistry(file, (path) =>
    path === 'google/protobuf/struct.proto' ? file_google_protobuf_struct : undefined,
  ).getService('faults.v1.TreeService');
  if (service === undefined) {
    throw new Error('the descriptor of the tree service has no service');
  }
  return service as TreeServiceDesc; // As it stands above.
}

@ConnectService(describeTreeService())
class Tree {
  @Rpc()
  grow(tree: Struct): Struct {
    const isPolluted = 'polluted' in {} || 'polluted' in [];
    return isPolluted ? ({ polluted: { kind: { case: 'boolValue', value: true } } } as never) : tree;
  }
}

const SAMPLE_MS = 5;

async function main(): Promise<void> {
  const init = JSON.parse(process.argv[2] ?? '') as ServerInit;
  const { server, engine, port } = await startServer(init, [Target, Tree]);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  const warnings: string[] = [];
  process.on('warning', ({ name }) => warnings.push(name));
  let peakRssBytes = 0;
  let peakHeapBytes = 0;
  const sample = (): void => {
    peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
    peakHeapBytes = Math.max(peakHeapBytes, heapBytes());
  };
  setInterval(sample, SAMPLE_MS).unref();

  const takeSigns = (): VitalSigns => {
    sample();
    return {
      rssBytes: process.memoryUsage.rss(),
      peakRssBytes,
      heapBytes: heapBytes(),
      peakHeapBytes,
      startedHandlers: ledger.startedHandlers,
      endedHandlers: ledger.endedHandlers,
      activeCalls: engine.activeCalls,
      wheelTimers: timerWheel.size,
      openSockets: sockets.size,
      listeners: [process, server, ...sockets].reduce((sum, emitter) => sum + countListeners(emitter), 0),
      resources: countByName(process.getActiveResourcesInfo()),
      warnings,
    };
  };
  answerQuestions<ServerQuestion, ServerAnswer>(port, async (question) => {
    if (question.kind === 'calls') {
      return { kind: 'calls', calls: ledger.takeCalls() };
    }
    if (question.collect) {
      await collectGarbage();
      peakRssBytes = 0;
      peakHeapBytes = 0;
    }
    return { kind: 'signs', signs: takeSigns() };
  });
}

function countListeners(emitter: EventEmitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

function countByName(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) {
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

await main();
