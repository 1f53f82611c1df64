/**
 * A client whose server ends, refuses, is silent or breaks the rules: no call is lost that was safe to send again, none hangs
 * past its deadline, every failure is an error of the right side, and nothing is left behind.
 */
import { once } from 'node:events';
import {
  constants,
  createServer as createHttp2,
  type Http2Server,
  type ServerHttp2Session,
} from 'node:http2';
import { type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Channel,
  type ChannelOptions,
  Code,
  ConnectError,
  createChannel,
  createClient,
  type TlsOptions,
} from 'nestjs-connect/client';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { codeToName } from '../../lib/rpc/code.js';
import { Peers, type ServeStream } from '../client/peers.js';
import { createCertificates, type TestCertificates } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import {
  answer,
  answerAfter,
  everyMs,
  refuseEverySecond,
  REPLY,
  resetStream,
  SilentRoad,
} from './support/bad-servers.js';
import { RestartingServer } from './support/restarting-server.js';
import {
  ACK,
  dataFrame,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  headersFrame,
  literal,
  PREFACE,
  settings,
  splitFrames,
} from './support/http2-frames.js';
import { codeOf, countOutcomes, outcomeOf } from './support/outcomes.js';
import { serveScript } from './support/scripted-server.js';

const CALLS = 1_000;
const PARALLEL = 10;
const MIB = 1_048_576;
const BAD_HPACK = Buffer.alloc(5, 0xff);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let peers: Peers;
let channels: Channel[];

beforeEach(() => {
  peers = new Peers();
  channels = [];
});

afterEach(async () => {
  channels.forEach((channel) => channel.destroy());
  await peers.close();
});

failOnUnhandled();

function clientOf(url: string, options: Omit<ChannelOptions, 'url'> = {}) {
  const channel = createChannel({ url, ...options });
  channels.push(channel);
  return createClient(ElizaService, channel);
}

type Client = ReturnType<typeof clientOf>;

/** @returns How the call ended: its reply, or the name of its code. */
function replyOf(call: Promise<{ sentence: string }>): Promise<string> {
  return outcomeOf(call, ({ sentence }) => sentence);
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ConnectError) {
      return error;
    }
    throw error;
  }
  throw new Error('the call did not fail');
}

/** Calls from ten sides at a time. @returns Outcomes and how often there was each. */
function callInParallel(client: Client, calls = CALLS): Promise<Record<string, number>> {
  return countOutcomes(() => replyOf(client.say({ sentence: 'hi' })), { calls, parallel: PARALLEL });
}

describe('0 of 1,000 calls, 10 at a time, are lost', () => {
  const ENDINGS: readonly (readonly [name: string, end: (session: ServerHttp2Session) => void])[] = [
    ['GOAWAY', (session) => session.goaway(constants.NGHTTP2_NO_ERROR)],
    ['GOAWAY, and the end when what runs has ended', (session) => session.close()],
  ];
  const PROTOCOLS = ['connect', 'grpc'];

  it.each(ENDINGS.flatMap(([name, end]) => PROTOCOLS.map((protocol) => [name, protocol, end] as const)))(
    'while the server sends %s every 40 ms (%s)',
    async (_, protocol, end) => {
      const url = await peers.http2(answerAfter(4));
      const stop = everyMs(peers, 40, end);
      const outcomes = await callInParallel(clientOf(url, { protocol }));
      stop();
      expect(outcomes).toEqual({ x: CALLS });
      expect(peers.connections).toBeGreaterThan(5);
    },
  );

  it.each(PROTOCOLS)('while the server refuses every second stream (%s)', async (protocol) => {
    let streams = 0;
    const refusing = refuseEverySecond(answer);
    const url = await peers.http2((stream, headers) => {
      streams++;
      refusing(stream, headers);
    });
    // Without a deadline a call has ten tries, and one in 1,024 would lose all of them.
    const client = clientOf(url, { protocol, timeoutMs: 20_000 });
    expect(await callInParallel(client)).toEqual({ x: CALLS });
    expect(streams).toBeGreaterThanOrEqual(2 * CALLS - 1);
    expect(peers.connections).toBe(1);
  });

  it('while the server takes two streams at a time, and one connection is allowed', async () => {
    const url = await listen(createHttp2({ settings: { maxConcurrentStreams: 2 } }), answer);
    expect(await callInParallel(clientOf(url, { sessionsPerTarget: 1 }))).toEqual({ x: CALLS });
    expect(peers.connections).toBe(1);
  });

  it('while the server restarts, again and again, after it has answered', async () => {
    const restarts = new RestartingServer();
    const client = clientOf(await restarts.start(), { timeoutMs: 20_000 });
    const calls = callInParallel(client);
    const finished = calls.then((outcomes) => [outcomes]);
    for (let outcomes: unknown[] = []; outcomes.length === 0;) {
      await pause(30);
      await restarts.stop();
      await pause(30);
      await restarts.start();
      outcomes = await Promise.race([finished, Promise.resolve([])]);
    }
    await restarts.stop();
    expect(await calls).toEqual({ x: CALLS });
    expect(restarts.count).toBeGreaterThan(3);
  });
});

async function listen(server: Http2Server, serve: ServeStream): Promise<string> {
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    serve(stream, headers);
  });
  return `http://127.0.0.1:${await peers.listen(server)}`;
}

async function unusedUrl(): Promise<string> {
  const restarts = new RestartingServer();
  const url = await restarts.start();
  await restarts.stop();
  return url;
}

describe('a server that is not there', () => {
  it.each(['1.1', '2'] as const)(
    'fails a call without a deadline in the end, with the reason, over HTTP/%s',
    async (httpVersion) => {
      const url = await unusedUrl();
      const error = await errorOf(clientOf(url, { httpVersion }).say({ sentence: 'hi' }));
      expect(codeToName(error.code)).toBe('unavailable');
      expect(error.rawMessage).toBe(`cannot connect to ${url}: connect ECONNREFUSED ${url.slice(7)}`);
    },
  );

  it('is tried ten times when there is no deadline', async () => {
    const url = await peers.tcp((socket) => socket.destroy());
    expect(await replyOf(clientOf(url).say({ sentence: 'hi' }))).toBe('unavailable');
    expect(peers.connections).toBe(10);
  });

  it.each(['1.1', '2'] as const)(
    'is tried until the deadline over HTTP/%s, whose error names the reason',
    async (httpVersion) => {
      const url = await unusedUrl();
      const error = await errorOf(clientOf(url, { httpVersion }).say({ sentence: 'hi' }, { timeoutMs: 400 }));
      expect(codeToName(error.code)).toBe('deadline_exceeded');
      expect(error.rawMessage).toMatch(/within its timeout of 400 ms: cannot connect to .*ECONNREFUSED/);
    },
  );

  it.each(['1.1', '2'] as const)('is called as soon as it is there, over HTTP/%s', async (httpVersion) => {
    const restarts = new RestartingServer();
    const url = await restarts.start();
    await restarts.stop();
    const call = replyOf(clientOf(url, { httpVersion }).say({ sentence: 'hi' }, { timeoutMs: 20_000 }));
    await pause(100);
    const { port } = new URL(url);
    const server =
      httpVersion === '2'
        ? createHttp2().on('stream', answer)
        : (await import('node:http')).createServer((_, response) => {
            response.writeHead(200, { 'content-type': 'application/proto' }).end(REPLY);
          });
    server.listen(Number(port), '127.0.0.1');
    expect(await call).toBe('x');
    channels.forEach((channel) => channel.destroy());
    server.close();
    await once(server, 'close');
  });
});

const half = (stream: Parameters<ServeStream>[0], headers: Parameters<ServeStream>[1]): Promise<void> =>
  new Promise((resolve) => {
    stream.respond({ ':status': 200, 'content-type': headers['content-type'] });
    stream.write(REPLY.subarray(0, 2), () => setImmediate(resolve));
  });

describe('a server that breaks off', () => {
  it.each<[string, ServeStream, string, RegExp]>([
    [
      'before headers, the stream',
      (stream) => resetStream(stream, constants.NGHTTP2_INTERNAL_ERROR),
      'internal',
      /INTERNAL_ERROR/,
    ],
    [
      'before headers, the connection',
      () => peers.cutConnections(),
      'unavailable',
      /lost before the response/,
    ],
    [
      'in the body, the stream',
      (stream, headers) =>
        void half(stream, headers).then(() => resetStream(stream, constants.NGHTTP2_INTERNAL_ERROR)),
      'internal',
      /INTERNAL_ERROR/,
    ],
    [
      'in the body, the connection',
      (stream, headers) => void half(stream, headers).then(() => peers.cutConnections()),
      'unavailable',
      /lost in the middle of the response/,
    ],
  ])('%s: one try, and the right error; the next call works', async (_, breakOff, code, message) => {
    let streams = 0;
    const url = await peers.http2((stream, headers) => {
      streams++;
      (streams === 1 ? breakOff : answer)(stream, headers);
    });
    const client = clientOf(url);
    const error = await errorOf(client.say({ sentence: 'hi' }));
    expect([codeToName(error.code), streams]).toEqual([code, 1]);
    expect(error.rawMessage).toMatch(message);
    expect(await replyOf(client.say({ sentence: 'hi' }))).toBe('x');
  });

  it('after the trailers: the call has ended well', async () => {
    const url = await peers.http2((stream, headers) => {
      answer(stream, headers);
      stream.on('close', () => peers.cutConnections());
    });
    const client = clientOf(url, { protocol: 'grpc' });
    for (let i = 0; i < 5; i++) {
      expect(await replyOf(client.say({ sentence: 'hi' }))).toBe('x');
      await eventually(() => peers.openConnections === 0);
      await pause(20); // The client hears of it a little later.
    }
  });
});

describe('a server of another kind', () => {
  it('speaks only HTTP/1.1: both calls say so, after one try each', async () => {
    const url = await peers.http1((_, response) => response.end('hello'));
    const client = clientOf(url);
    for (let call = 1; call <= 2; call++) {
      const error = await errorOf(client.say({ sentence: 'hi' }));
      expect(codeToName(error.code)).toBe('unavailable');
      expect(error.rawMessage).toMatch(/does not speak HTTP\/2/);
      expect(peers.connections).toBe(call);
    }
  });

  it('speaks only HTTP/2, and is called over HTTP/1.1', async () => {
    const url = await peers.http2(answer);
    const client = clientOf(url, { httpVersion: '1.1' });
    for (let call = 1; call <= 2; call++) {
      const error = await errorOf(client.say({ sentence: 'hi' }, { timeoutMs: 10_000 }));
      expect(codeToName(error.code)).toBe('unavailable');
      expect(error.rawMessage).toContain(url);
    }
  });
});

describe('a server whose certificate', () => {
  let certificates: TestCertificates;

  beforeAll(async () => {
    certificates = await createCertificates();
  });

  it.each<[string, 'server' | 'expired', (ca: string) => TlsOptions, RegExp]>([
    ['has another name', 'server', (ca) => ({ ca, servername: 'other.test' }), /other\.test/],
    ['has expired', 'expired', (ca) => ({ ca }), /expired/],
    ['nobody trusts', 'server', () => ({}), /certificate/],
  ])('%s: the call fails at once with the reason, and the next one too', async (_, pair, tls, message) => {
    const url = await peers.https2(certificates[pair], answer);
    const client = clientOf(url, { tls: tls(certificates.ca) });
    for (let call = 1; call <= 2; call++) {
      const error = await errorOf(client.say({ sentence: 'hi' }));
      expect(codeToName(error.code)).toBe('unavailable');
      expect(error.rawMessage).toMatch(/^cannot connect to https:\/\/localhost:\d+: /);
      expect(error.rawMessage).toMatch(message);
      expect(peers.connections).toBe(call);
    }
    const trusting = clientOf(url, { tls: { ca: certificates.ca } });
    expect(await replyOf(trusting.say({ sentence: 'hi' }))).toBe(pair === 'server' ? 'x' : 'unavailable');
  });
});

describe('a silent peer', () => {
  it('that never speaks costs the call its deadline, or the time for a connection', async () => {
    const url = await peers.tcp((socket) => void socket.resume());
    const late = await errorOf(clientOf(url).say({ sentence: 'hi' }, { timeoutMs: 100 }));
    expect(codeToName(late.code)).toBe('deadline_exceeded');
    const client = clientOf(url, { connectTimeoutMs: 20 });
    const error = await errorOf(client.say({ sentence: 'hi' }));
    expect(codeToName(error.code)).toBe('unavailable');
    expect(error.rawMessage).toMatch(/cannot connect to .*: it sent no HTTP\/2 SETTINGS within 20 ms/);
  });

  describe('that was there', () => {
    let road: SilentRoad;
    let url: string;

    beforeEach(async () => {
      const far = await peers.http2(answer);
      road = new SilentRoad(Number(new URL(far).port));
      url = await road.open();
    });

    afterEach(() => road.close());

    it('is found out by keepalive under a call, and the next call works', async () => {
      const client = clientOf(url, { keepalive: { intervalMs: 50, timeoutMs: 50 } });
      expect(await replyOf(client.say({ sentence: 'hi' }))).toBe('x');
      road.goSilent();
      const error = await errorOf(client.say({ sentence: 'hi' }));
      expect(codeToName(error.code)).toBe('unavailable');
      expect(error.rawMessage).toMatch(/the peer did not answer a ping within 50 ms/);
      road.restore();
      expect(await replyOf(client.say({ sentence: 'hi' }, { timeoutMs: 10_000 }))).toBe('x');
    });

    it('is found out by keepalive between calls, and no call notices', async () => {
      const client = clientOf(url, { keepalive: { intervalMs: 50, timeoutMs: 50, whenIdle: true } });
      expect(await replyOf(client.say({ sentence: 'hi' }))).toBe('x');
      road.goSilent();
      await eventually(() => road.openConnections === 0);
      road.restore();
      expect(await replyOf(client.say({ sentence: 'hi' }, { timeoutMs: 10_000 }))).toBe('x');
    });

    it('costs a call its deadline without keepalive', async () => {
      const client = clientOf(url, { keepalive: { intervalMs: Infinity } });
      expect(await replyOf(client.say({ sentence: 'hi' }))).toBe('x');
      road.goSilent();
      const begin = performance.now();
      expect(await replyOf(client.say({ sentence: 'hi' }, { timeoutMs: 200 }))).toBe('deadline_exceeded');
      expect(performance.now() - begin).toBeLessThan(5_000);
    });
  });

  it('is no peer that works long and answers pings', async () => {
    const url = await peers.http2(answerAfter(600));
    const client = clientOf(url, { keepalive: { intervalMs: 50, timeoutMs: 100 } });
    expect(await replyOf(client.say({ sentence: 'hi' }))).toBe('x');
    expect(peers.connections).toBe(1);
  });
});

describe('a server that breaks HTTP/2 so that node:http2 reads on no more', () => {
  it.each([
    ['DATA before HEADERS', dataFrame(1, REPLY, END_STREAM)],
    [
      'HEADERS that are no HPACK',
      frame({ type: FRAME.headers, flags: END_HEADERS, stream: 1, payload: BAD_HPACK }),
    ],
  ])('costs the call its deadline, and holds no channel open: %s', async (_name, reply) => {
    const url = await serveScript(peers, '2', (call) => call.raw(reply));
    for (const timeoutMs of [50, 400]) {
      const channel = createChannel({ url });
      channels.push(channel);
      const outcome = codeOf(createClient(ElizaService, channel).say({ sentence: 'hi' }, { timeoutMs }));
      await pause(200); // Once after the deadline, once before it.
      await channel.close();
      expect(await outcome).toBe('deadline_exceeded');
    }
    await eventually(() => peers.openConnections === 0);
  });
});

describe('a channel that ends while its connection begins', () => {
  it.each<[string, (channel: Channel, abort: AbortController) => Promise<void> | void]>([
    ['destroy()', (channel) => channel.destroy()],
    ['destroy() one tick later', (channel) => process.nextTick(() => channel.destroy())],
    [
      'an aborted call, and close()',
      async (channel, abort) => {
        abort.abort();
        await channel.close();
      },
    ],
  ])('ends quietly: %s', async (_name, end) => {
    const url = await peers.http2(answer);
    for (let round = 0; round < 20; round++) {
      const channel = createChannel({ url });
      const abort = new AbortController();
      const client = createClient(ElizaService, channel);
      const outcome = codeOf(client.say({ sentence: 'hi' }, { signal: abort.signal }));
      await end(channel, abort);
      expect(await outcome).toBe('canceled');
    }
    await eventually(() => peers.openConnections === 0);
  });
});

describe('a server that never opens its window', () => {
  it('costs the call its deadline, and leaves nothing', async () => {
    const url = await listen(createHttp2({ settings: { initialWindowSize: 0 } }), () => {});
    const channel = createChannel({ url });
    channels.push(channel);
    const client = createClient(ElizaService, channel);
    const sentence = 'x'.repeat(MIB);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => replyOf(client.say({ sentence }, { timeoutMs: 200 }))),
    );
    expect(new Set(outcomes)).toEqual(new Set(['deadline_exceeded']));
    await channel.close();
    await eventually(() => peers.openConnections === 0);
  });
});

/** Speaks in bytes as soon as a request has come. */
async function speaks(act: (socket: Socket) => void): Promise<string> {
  return peers.tcp((socket) => {
    let [bytes, hasActed] = [Buffer.alloc(0), false];
    socket.write(Buffer.concat([settings(), frame({ type: FRAME.settings, flags: ACK })]));
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const { frames } = splitFrames(bytes.subarray(PREFACE.length));
      if (!hasActed && frames.some(({ type }) => type === FRAME.headers)) {
        hasActed = true;
        act(socket);
      }
    });
  });
}

describe('a server whose frames are wrong', () => {
  const head = Buffer.concat([literal(':status', '200'), literal('content-type', 'application/proto')]);

  it('and its headers have no end', async () => {
    let sent = 0;
    const url = await speaks((socket) => {
      const block = literal('x-more', 'y'.repeat(8_000));
      socket.write(headersFrame(1, head, 0));
      const more = (): void => {
        if (!socket.destroyed && sent < 64 * MIB) {
          sent += block.length;
          const isTaken = socket.write(frame({ type: FRAME.continuation, stream: 1, payload: block }));
          setImmediate(isTaken ? more : () => void socket.once('drain', more));
        }
      };
      more();
    });
    const error = await errorOf(clientOf(url).say({ sentence: 'hi' }, { timeoutMs: 10_000 }));
    expect(error.code).not.toBe(Code.DeadlineExceeded);
    await eventually(() => peers.openConnections === 0);
    expect(sent).toBeLessThan(16 * MIB);
  });

  it.each<[string, Buffer]>([
    ['data', dataFrame(1, REPLY)],
    ['headers', headersFrame(1, head)],
  ])('and %s comes after the end of the reply: the reply counts', async (_, tail) => {
    const url = await speaks((socket) => {
      socket.write(Buffer.concat([headersFrame(1, head), dataFrame(1, REPLY, END_STREAM), tail]));
    });
    expect(await replyOf(clientOf(url).say({ sentence: 'hi' }, { timeoutMs: 10_000 }))).toBe('x');
  });

  // node:http2 has sent GOAWAY by then and waits for the peer to close the connection; this one does not.
  it('and its trailers are garbage: keepalive ends what the peer does not', async () => {
    const url = await speaks((socket) => {
      socket.write(
        Buffer.concat([
          headersFrame(1, head),
          dataFrame(1, REPLY),
          headersFrame(1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]), END_HEADERS | END_STREAM),
        ]),
      );
    });
    const client = clientOf(url, { keepalive: { intervalMs: 50, timeoutMs: 50 } });
    const error = await errorOf(client.say({ sentence: 'hi' }, { timeoutMs: 10_000 }));
    expect(codeToName(error.code)).toBe('unavailable');
  });
});

describe('a client', () => {
  it('leaves no connection and no timer behind after a load of failures', async () => {
    const refusing = refuseEverySecond(answer);
    const url = await peers.http2(refusing);
    const channel = createChannel({ url, timeoutMs: 20_000 });
    channels.push(channel);
    const client = createClient(ElizaService, channel);
    await callInParallel(client, 100);
    const before = timers();
    expect(await callInParallel(client, 3_000)).toEqual({ x: 3_000 });
    await eventually(() => timers() <= before);
    expect(peers.openConnections).toBe(1);
    await channel.close();
    await eventually(() => peers.openConnections === 0);
  });
});

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}
