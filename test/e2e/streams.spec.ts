/**
 * Streams over real sockets: who is held back, and who is told of an end.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Code, type ConnectContext, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { concat, defer, finalize, ignoreElements, map, NEVER, Observable, of, range, tap } from 'rxjs';
import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { encodeEnvelope } from '../../lib/wire/envelope.js';
import { type RunningServer, startService } from '../support/eliza-echo.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { stillness } from '../support/stillness.js';

const KILOBYTE = 'x'.repeat(1024);

/** What happened inside the handlers, for all tests of this file. */
let log: string[] = [];
/** The same by turns of the event loop. */
let turns: string[][] = [];
let isTurnOver = true;
let produced = 0;

function note(event: string): void {
  log.push(event);
  if (isTurnOver) {
    turns.push([]);
    isTurnOver = false;
    setImmediate(() => (isTurnOver = true));
  }
  turns.at(-1)?.push(event);
}

function nameOf(error: unknown): string {
  return Code[(error as { code: Code }).code] ?? 'no code';
}

function track<T>(name: string): (source: Observable<T>) => Observable<T> {
  return (source) =>
    defer(() => {
      note(`${name} subscribed`);
      return source;
    }).pipe(finalize(() => note(`${name} torn down`)));
}

@Injectable()
class PassThrough {
  intercept(_context: ExecutionContext, next: CallHandler<unknown>) {
    return next.handle().pipe(map((value) => value));
  }
}

@ConnectService(ElizaService)
class Endless {
  @Rpc()
  say({ sentence }: SayRequest, { signal }: ConnectContext) {
    signal.addEventListener('abort', () => note(`signal ${nameOf(signal.reason)}`));
    return sentence === 'promise' ? new Promise<{ sentence: string }>(() => {}) : NEVER.pipe(track('unary'));
  }

  /** A generator for "generator", otherwise a push Observable. */
  @UseInterceptors(PassThrough)
  @Rpc()
  introduce({
    name,
  }: IntroduceRequest): AsyncIterable<{ sentence: string }> | Observable<{ sentence: string }> {
    return name === 'generator'
      ? generate()
      : concat(range(0, Number(name)), NEVER).pipe(
          map(() => ({ sentence: KILOBYTE })),
          track('push'),
        );
  }

  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>) {
    try {
      for await (const { sentence } of requests) {
        note(sentence.slice(0, 5));
        if (sentence.startsWith('stop')) {
          await new Promise(() => {});
        }
      }
      note('complete');
    } catch (error) {
      note(`requests ${nameOf(error)}`);
    }
    return {};
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return requests
      .mapEach(() => of({ sentence: KILOBYTE }))
      .pipe(tap({ error: (error) => note(`requests ${nameOf(error)}`) }), track('bidi'));
  }
}

async function* generate() {
  note('generator started');
  try {
    for (;;) {
      produced++;
      yield { sentence: KILOBYTE };
      await Promise.resolve();
    }
  } finally {
    note('generator returned');
  }
}

/** An iterator whose next value never comes. */
function waiting(): AsyncIterable<{ sentence: string }> {
  return {
    [Symbol.asyncIterator]: () => ({
      next() {
        note('iterator asked');
        return new Promise(() => {});
      },
      return() {
        note('iterator returned');
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
}

/** Reads until the client has gone. */
async function* read(requests: RpcStream<{ sentence: string }>) {
  try {
    for await (const { sentence } of requests) {
      note('request');
      yield { sentence };
    }
  } catch (error) {
    note(`requests ${nameOf(error)}`);
  } finally {
    note('generator returned');
  }
}

/** Never answers, in the shape that the call asks for. */
@ConnectService(ElizaService)
class Waiting {
  @Rpc()
  say(_request: SayRequest, context: ConnectContext) {
    return shapeOf(context) === 'promise'
      ? new Promise<{ sentence: string }>(() => {})
      : NEVER.pipe(track('it'));
  }

  @Rpc()
  introduce(_request: IntroduceRequest, context: ConnectContext) {
    const shape = shapeOf(context);
    if (shape === 'generator') {
      return generate();
    }
    return shape === 'iterator' ? waiting() : NEVER.pipe(track('it'));
  }

  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>, context: ConnectContext) {
    if (shapeOf(context) === 'Observable') {
      return requests.pipe(track('it'), ignoreElements());
    }
    const sentences: string[] = [];
    for await (const { sentence } of read(requests)) {
      sentences.push(sentence);
    }
    return { sentence: sentences.join(' ') };
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>, context: ConnectContext) {
    const shape = shapeOf(context);
    if (shape === 'generator') {
      return read(requests);
    }
    return shape === 'iterator' ? waiting() : requests.mapEach(() => NEVER).pipe(track('it'));
  }
}

function shapeOf({ requestHeaders, signal }: ConnectContext): string | undefined {
  signal.addEventListener('abort', () => note(`signal ${nameOf(signal.reason)}`));
  note('called');
  return requestHeaders.get('x-shape');
}

let server: RunningServer;
let session: ClientHttp2Session;

async function start(service: Type<unknown> = Endless): Promise<void> {
  log = [];
  turns = [];
  produced = 0;
  server = await startService(service);
  // Node's client resets a stream for which it holds more than 10 MB.
  session = connect(`http://127.0.0.1:${server.port}`, { maxSessionMemory: 100 });
}

afterEach(async () => {
  session.destroy();
  await server.close();
});

failOnUnhandled();

const CONTENT_TYPES = {
  connect: 'application/connect+json',
  grpc: 'application/grpc+json',
  'grpc-web': 'application/grpc-web+json',
} as const;

function open(method: string, headers: Record<string, string>): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/connectrpc.eliza.v1.ElizaService/${method}`,
    ...headers,
  });
  stream.on('error', () => {});
  return stream;
}

/** Not `close`, which ends the stream before it resets it: the server would see a request that is complete. */
function cancel(stream: ClientHttp2Stream): void {
  stream.destroy(new DOMException('canceled by the test', 'AbortError'));
}

function message(value: object): Uint8Array {
  return encodeEnvelope(0, Buffer.from(JSON.stringify(value)));
}

describe.each(Object.entries(CONTENT_TYPES))('%s', (protocol, contentType) => {
  const unaryType = protocol === 'connect' ? 'application/json' : contentType;
  const unaryBody = (value: object) =>
    protocol === 'connect' ? Buffer.from(JSON.stringify(value)) : message(value);

  describe('when the client cancels, the handler is told in all of its forms, in one turn of the event loop', () => {
    it.each([
      ['Say', 'promise', 'called', []],
      ['Say', 'Observable', 'it subscribed', ['it torn down']],
      ['Introduce', 'Observable', 'it subscribed', ['it torn down']],
      ['Introduce', 'generator', 'generator started', ['generator returned']],
      ['Introduce', 'iterator', 'iterator asked', ['iterator returned']],
      ['Reflect', 'for await', 'request', ['requests Canceled', 'generator returned']],
      ['Reflect', 'Observable', 'it subscribed', ['it torn down']],
      ['Converse', 'Observable', 'it subscribed', ['it torn down']],
      ['Converse', 'generator', 'request', ['requests Canceled', 'generator returned']],
      ['Converse', 'iterator', 'iterator asked', ['iterator returned']],
    ])('%s, %s', async (method, shape, underWay, told) => {
      await start(Waiting);
      const isUnary = method === 'Say';
      const stream = open(method, { 'content-type': isUnary ? unaryType : contentType, 'x-shape': shape });
      stream.write(isUnary ? unaryBody({}) : message({}));
      if (isUnary || method === 'Introduce') {
        stream.end();
      }
      await eventually(() => log.includes(underWay));
      turns = [];
      isTurnOver = true;
      cancel(stream);
      await eventually(() => turns.flat().length > told.length);
      expect(turns.map((turn) => turn.toSorted())).toEqual([['signal Canceled', ...told].toSorted()]);
    });
  });

  describe('when the deadline passes', () => {
    const timeout: Record<string, string> =
      protocol === 'connect' ? { 'connect-timeout-ms': '80' } : { 'grpc-timeout': '80m' };

    it.each([
      ['an Observable that never emits', 'Say', unaryType, unaryBody({ sentence: 'observable' }), true],
      ['a promise that never settles', 'Say', unaryType, unaryBody({ sentence: 'promise' }), true],
      ['a body that never ends', 'Say', unaryType, unaryBody({}).subarray(0, 1), false],
      ['requests that never end', 'Reflect', contentType, message({ sentence: 'a' }), false],
      ['requests that nobody reads', 'Reflect', contentType, message({ sentence: 'stop' }), false],
      ['responses that never end', 'Introduce', contentType, message({ name: '1' }), true],
      ['a conversation that never ends', 'Converse', contentType, message({}), false],
    ])('answers deadline_exceeded for %s', async (_what, method, type, body, ends) => {
      await start();
      const stream = open(method, { 'content-type': type, ...timeout });
      stream.write(body);
      if (ends) {
        stream.end();
      }
      expect(await outcomeOf(stream)).toBe('deadline_exceeded');
    });

    it('frees a call whose client does not read, window zero', async () => {
      await start();
      session.settings({ initialWindowSize: 0 });
      await once(session, 'localSettings');
      const stream = open('Introduce', { 'content-type': contentType, ...timeout });
      stream.end(message({ name: '5' }));
      await once(stream, 'close');
      expect(log).toEqual(['push subscribed', 'push torn down']);
    });
  });
});

describe('when the client does not read', () => {
  it('a generator stops, through an interceptor too', async () => {
    await start();
    const stream = open('Introduce', { 'content-type': CONTENT_TYPES.grpc });
    stream.pause();
    stream.end(message({ name: 'generator' }));
    await eventually(() => produced > 10);
    // What the windows take is produced, and not one message more.
    await stillness(() => produced);
    expect(produced).toBeLessThan(2_000);
    cancel(stream);
    await eventually(() => log.includes('generator returned'));
  });

  it('a push Observable fails with resource_exhausted when its queue is full, and says what helps', async () => {
    await start();
    const stream = open('Introduce', { 'content-type': CONTENT_TYPES['grpc-web'] });
    stream.end(message({ name: '20000' }));
    const outcome = await outcomeOf(stream);
    expect(outcome).toBe('resource_exhausted');
    expect(log).toEqual(['push subscribed', 'push torn down']);
  });

  it('mapEach stops taking requests', async () => {
    await start();
    const stream = open('Converse', { 'content-type': CONTENT_TYPES.grpc });
    stream.pause();
    const chunk = Buffer.concat(Array.from({ length: 1_000 }, () => message({ sentence: KILOBYTE })));
    for (let i = 0; i < 20; i++) {
      stream.write(chunk);
    }
    await eventually(() => log.length > 0);
    await stillness(() => stream.writableLength);
    // The client still holds most of its 20 MB: the server has stopped reading.
    expect(stream.writableLength).toBeGreaterThan(10_000_000);
  });
});

/** @returns The code's name on the Connect wire, however the protocol carries it. */
async function outcomeOf(stream: ClientHttp2Stream): Promise<string> {
  let grpcStatus: unknown;
  stream.on('response', (headers) => (grpcStatus = headers['grpc-status']));
  stream.on('trailers', (trailers) => (grpcStatus ??= trailers['grpc-status']));
  let tail = '';
  stream.setEncoding('latin1');
  stream.on('data', (text: string) => (tail = (tail + text).slice(-2_000)));
  await once(stream, 'close');
  const status = grpcStatus ?? /grpc-status: (?<status>\d+)/.exec(tail)?.groups?.['status'];
  const code =
    status === undefined ? /"code":"(?<code>\w+)"/.exec(tail)?.groups?.['code'] : Code[Number(status)];
  return (code ?? 'none').replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
}
