/**
 * Streams over real sockets: who is held back, and who is told of an end.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Code, type ConnectContext, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { concat, defer, finalize, map, NEVER, Observable, of, range, tap } from 'rxjs';
import { type CallHandler, type ExecutionContext, Injectable, UseInterceptors } from '@nestjs/common';
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

const KILOBYTE = 'x'.repeat(1024);

/** What happened inside the handlers, for all tests of this file. */
let log: string[] = [];
let produced = 0;

function track<T>(name: string): (source: Observable<T>) => Observable<T> {
  return (source) =>
    defer(() => {
      log.push(`${name} subscribed`);
      return source;
    }).pipe(finalize(() => log.push(`${name} torn down`)));
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
    signal.addEventListener('abort', () =>
      log.push(`signal ${Code[(signal.reason as { code: Code }).code]}`),
    );
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
        log.push(sentence.slice(0, 5));
        if (sentence.startsWith('stop')) {
          await new Promise(() => {});
        }
      }
      log.push('complete');
    } catch (error) {
      log.push(`requests ${Code[(error as { code: Code }).code]}`);
    }
    return {};
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return requests
      .mapEach(() => of({ sentence: KILOBYTE }))
      .pipe(
        tap({ error: (error: { code: Code }) => log.push(`requests ${Code[error.code]}`) }),
        track('bidi'),
      );
  }
}

async function* generate() {
  try {
    for (;;) {
      produced++;
      yield { sentence: KILOBYTE };
      await Promise.resolve();
    }
  } finally {
    log.push('generator returned');
  }
}

let server: RunningServer;
let session: ClientHttp2Session;

async function start(): Promise<void> {
  log = [];
  produced = 0;
  server = await startService(Endless);
  // Node's client resets a stream for which it holds more than 10 MB.
  session = connect(`http://127.0.0.1:${server.port}`, { maxSessionMemory: 100 });
}

afterEach(async () => {
  session.destroy();
  await server.close();
});

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

  describe('when the client cancels', () => {
    it.each([
      [
        'Say',
        unaryType,
        unaryBody({ sentence: 'observable' }),
        ['unary subscribed'],
        ['signal Canceled', 'unary torn down'],
      ],
      ['Introduce', contentType, message({ name: '1' }), ['push subscribed'], ['push torn down']],
      ['Converse', contentType, message({}), ['bidi subscribed'], ['requests Canceled', 'bidi torn down']],
    ])('%s: the handler is told in all of its forms', async (method, type, body, before, after) => {
      await start();
      const stream = open(method, { 'content-type': type });
      stream.write(body);
      if (method !== 'Converse') {
        stream.end();
      }
      await eventually(() => log.length >= before.length);
      expect(log).toEqual(before);
      cancel(stream);
      await eventually(() => log.length >= before.length + after.length);
      expect(log.slice(before.length).toSorted()).toEqual(after.toSorted());
    });

    it('a request stream ends with an error, never as complete', async () => {
      await start();
      const stream = open('Reflect', { 'content-type': contentType });
      stream.write(message({ sentence: 'first' }));
      await eventually(() => log.length === 1);
      cancel(stream);
      await eventually(() => log.length === 2);
      expect(log).toEqual(['first', 'requests Canceled']);
    });

    it('a generator is returned', async () => {
      await start();
      const stream = open('Introduce', { 'content-type': contentType });
      stream.end(message({ name: 'generator' }));
      await eventually(() => produced > 0);
      cancel(stream);
      await eventually(() => log.includes('generator returned'));
      expect(log).toEqual(['generator returned']);
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

/** Resolves when the value has been the same for a while. */
async function stillness(value: () => number): Promise<void> {
  let last = Number.NaN;
  let times = 0;
  await eventually(() => {
    times = value() === last ? times + 1 : 0;
    last = value();
    return times === 20;
  });
}

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
