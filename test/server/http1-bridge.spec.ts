/**
 * HTTP/2 requests that reach a server of node:http or node:https as HTTP/1.1: what the application and the client see of each
 * other, up to the last end. Nest's adapters on it: test/e2e/rest-over-http2.spec.ts.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { createServer as createHttpsServer, request as requestHttps } from 'node:https';
import { type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer as readBuffer, text as readText } from 'node:stream/consumers';
import { type TLSSocket } from 'node:tls';
import { Http1Bridge } from '../../lib/server/http1-bridge.js';
import { type Http2Exchange, type IncomingStream } from '../../lib/server/http2-exchange.js';
import { createCertificates } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { stillness } from '../support/stillness.js';
import { delay, EngineHarness, type Http2Result, recordHttp2 } from './engine-harness.js';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;
const MIB = 1_048_576;

let harness: EngineHarness;
let server: Server;
/** Sockets that the application's server was given and that have not closed: in memory, all of them. */
const sockets = new Set<Socket>();

afterEach(async () => {
  await harness.close();
  await new Promise((resolve) => server.close(resolve));
  // Nothing outlives the streams, however they ended.
  await eventually(() => sockets.size === 0);
});

async function attach(app: Server, event = 'connection'): Promise<void> {
  server = app;
  harness = new EngineHarness(undefined, { drainTimeoutMs: 2_000 });
  harness.engine.attach(app);
  app.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  const address = app.address();
  harness.usePort(address === null || typeof address === 'string' ? 0 : address.port);
}

/** Starts an application in clear text. */
function serve(listener: RequestListener, options: ServerOptions = {}): Promise<void> {
  return attach(createServer({ connectionsCheckingInterval: 20, ...options }, listener));
}

interface Request {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  /** Without it, the HEADERS frame ends the stream. */
  readonly body?: string;
}

/** Begins a request; with `endStream: false` its body is still to come. */
function open(
  { method = 'GET', headers = {} }: Request = {},
  options: { endStream?: boolean; waitForTrailers?: boolean } = {},
): ClientHttp2Stream {
  return harness.http2().request({ ':method': method, ':path': '/api?a=b', ...headers }, options);
}

function call(request: Request = {}): Promise<Http2Result> {
  const stream = open(request, { endStream: request.body === undefined });
  if (request.body !== undefined) {
    stream.end(request.body);
  }
  return recordHttp2(stream);
}

const describeRequest: RequestListener = (request, response) => void answerWithRequest(request, response);

async function answerWithRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readText(request);
  const { method, url, httpVersion, headers, trailers } = request;
  response.end(JSON.stringify({ method, url, httpVersion, headers, trailers, body }));
}

/** What {@link describeRequest} told. */
async function seen(result: Promise<Http2Result>): Promise<unknown> {
  return JSON.parse((await result).body);
}

describe('of a request over HTTP/2 the application sees', () => {
  const ALWAYS = { host: expect.stringMatching(/^127\.0\.0\.1:\d+$/), connection: 'close' };

  it.each<[string, Request, object]>([
    ['HTTP/1.1', {}, { httpVersion: '1.1', method: 'GET', url: '/api?a=b', body: '' }],
    ['any method', { method: 'PROPFIND' }, { method: 'PROPFIND' }],
    ['a body', { method: 'POST', body: 'text' }, { body: 'text' }],
    ['an empty body', { method: 'PUT', body: '' }, { body: '' }],
    ['a body where the method has none', { body: 'text' }, { method: 'GET', body: 'text' }],
  ])('%s', async (_, request, expected) => {
    await serve(describeRequest);
    expect(await seen(call(request))).toMatchObject(expected);
  });

  it.each<[string, Request, object]>([
    ['no framing without a body', {}, {}],
    ['an explicit end where the method has content', { method: 'POST' }, { 'content-length': '0' }],
    ['chunks', { method: 'POST', body: 'text' }, { 'transfer-encoding': 'chunked' }],
    [
      'the length that was said',
      { method: 'POST', body: 'text', headers: { 'content-length': '4', trailer: 'x-sum' } },
      { 'content-length': '4' },
    ],
    [
      'the authority in place of a host',
      { headers: { ':authority': 'a.test', host: 'b.test' } },
      { host: 'a.test' },
    ],
    ['cookies in one line', { headers: { cookie: ['a=1', 'b=2'] } }, { cookie: 'a=1; b=2' }],
    ['repeated headers', { headers: { 'x-list': ['a', 'b'] } }, { 'x-list': 'a, b' }],
    ['no hop-by-hop headers', { headers: { te: 'trailers' } }, {}],
  ])('as headers: %s', async (_, request, expected) => {
    await serve(describeRequest);
    expect(await seen(call(request))).toMatchObject({ headers: { ...ALWAYS, ...expected } });
    const { headers } = (await seen(call(request))) as { headers: object };
    expect(Object.keys(headers).toSorted()).toEqual(Object.keys({ ...ALWAYS, ...expected }).toSorted());
  });

  it('trailers', async () => {
    await serve(describeRequest);
    const stream = open({ method: 'POST' }, { endStream: false, waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '4' }));
    stream.end('text');
    expect(await seen(recordHttp2(stream))).toMatchObject({ body: 'text', trailers: { 'x-sum': '4' } });
  });

  it('the head before the body', async () => {
    await serve((request, response) => {
      response.write('head ');
      request.pipe(response);
    });
    const stream = open({ method: 'POST' }, { endStream: false });
    expect(String((await once(stream, 'data'))[0])).toBe('head ');
    stream.end('body');
    expect(await readText(stream)).toBe('body');
  });
});

describe('of a response the client sees', () => {
  it.each<[string, (response: ServerResponse) => void, object]>([
    [
      'status and body',
      (response) => response.writeHead(201, 'As you like').end('made'),
      { status: 201, body: 'made' },
    ],
    ['an error', (response) => response.writeHead(500).end('broken'), { status: 500, body: 'broken' }],
    [
      'a redirect',
      (response) => response.writeHead(302, { location: '/there' }).end(),
      { status: 302, headers: { location: '/there' } },
    ],
    [
      'every cookie by itself',
      (response) => response.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'] }).end(),
      { headers: { 'set-cookie': ['a=1', 'b=2'] } },
    ],
    [
      'repeated headers in one line',
      (response) =>
        response.writeHead(200, ['Vary', 'a', 'Vary', 'b', 'Content-Type', 'x/y', 'Content-Type', 'z']).end(),
      { headers: { vary: 'a, b', 'content-type': 'x/y' } },
    ],
    [
      'headers larger than those of requests may be',
      (response) => response.writeHead(200, { 'x-large': 'x'.repeat(40_000) }).end(),
      { headers: { 'x-large': 'x'.repeat(40_000) } },
    ],
    [
      'no body with 204',
      (response) => response.writeHead(204).end(),
      { status: 204, body: '', events: ['headers', 'end', 'close 0'] },
    ],
    [
      'no body with 304',
      (response) => response.writeHead(304, { etag: '"1"' }).end(),
      { status: 304, headers: { etag: '"1"' }, events: ['headers', 'end', 'close 0'] },
    ],
    [
      'trailers',
      (response) => {
        response.writeHead(200, { trailer: 'x-sum' }).write('text');
        response.addTrailers({ 'x-sum': '4' });
        response.end();
      },
      { body: 'text', trailers: { 'x-sum': '4' } },
    ],
    [
      'a body that ends with the connection',
      ({ socket }) => void socket?.end('HTTP/1.0 200 OK\r\n\r\nuntil the end'),
      { status: 200, body: 'until the end' },
    ],
  ])('%s', async (_, respond, expected) => {
    await serve((__, response) => respond(response));
    expect(await call()).toMatchObject(expected);
  });

  it('the length of what HEAD does not send', async () => {
    await serve((_, response) => response.writeHead(200, { 'content-length': 4 }).end('text'));
    expect(await call({ method: 'HEAD' })).toMatchObject({
      headers: { 'content-length': '4' },
      events: ['headers', 'end', 'close 0'],
    });
  });

  it('no hop-by-hop headers, nor those that are named as such', async () => {
    const hops = { connection: 'close, X-Hop', 'x-hop': '1', 'keep-alive': 'timeout=5', upgrade: 'h2c' };
    await serve((_, response) => response.writeHead(200, { ...hops, 'x-end': '2' }).end());
    const { headers } = await call();
    expect(Object.keys(headers)).toEqual([':status', 'x-end', 'date']);
  });

  it('early hints', async () => {
    await serve((_, response) =>
      response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => response.end('page')),
    );
    const stream = open();
    const hints = once(stream, 'headers');
    expect(await recordHttp2(stream)).toMatchObject({ status: 200, body: 'page' });
    expect((await hints)[0]).toMatchObject({ ':status': 103, link: '</a.css>; rel=preload' });
  });

  it('100 when it waits for that with its body', async () => {
    await serve(describeRequest);
    const stream = open({ method: 'POST', headers: { expect: '100-continue' } }, { endStream: false });
    const result = recordHttp2(stream);
    await once(stream, 'continue');
    stream.end('text');
    expect(JSON.parse((await result).body)).toMatchObject({ body: 'text' });
  });

  it('a refusal in place of 100', async () => {
    await serve(describeRequest);
    server.on('checkContinue', (_request: IncomingMessage, response: ServerResponse) =>
      response.writeHead(413).end(),
    );
    const stream = open({ method: 'POST', headers: { expect: '100-continue' } }, { endStream: false });
    expect(await recordHttp2(stream)).toMatchObject({ status: 413 });
  });

  it.each([
    ['CONNECT', 501],
    ['NO-SUCH-METHOD', 400],
  ])('a refusal of %s', async (method, status) => {
    await serve(describeRequest);
    const path = method === 'CONNECT' ? {} : { ':path': '/' };
    const stream = harness.http2().request({ ':method': method, ':authority': 'a.test:80', ...path });
    stream.end();
    expect(await recordHttp2(stream)).toMatchObject({ status });
  });
});

it('answers 400 to what node:http2 lets pass and node:http does not', async () => {
  await serve(describeRequest);
  const answers: unknown[] = [];
  const exchange = {
    method: 'GET',
    hasBody: false,
    respondAndEnd: (...answer: unknown[]) => answers.push(answer),
  };
  const incoming = { headers: { ':path': '/', 'x-bad': 'a\nb' }, stream: {} };
  // As much of the two as is looked at: no client of Node's can send it.
  new Http1Bridge(() => {}).serve(
    exchange as unknown as Http2Exchange,
    incoming as unknown as IncomingStream,
  );
  expect(answers).toEqual([[400, []]]);
});

describe("the application's server keeps", () => {
  it.each<[string, ServerOptions, Request, number]>([
    ['maxHeaderSize', { maxHeaderSize: 2_000 }, { headers: { 'x-large': 'x'.repeat(2_000) } }, 431],
    ['its own limit without any options', {}, { headers: { 'x-large': 'x'.repeat(20_000) } }, 431],
    ['requestTimeout', { requestTimeout: 60, headersTimeout: 60 }, { method: 'POST', headers: {} }, 408],
  ])('%s', async (_, options, request, status) => {
    await serve(() => {}, options);
    const result = recordHttp2(open(request, { endStream: request.method === undefined }));
    expect(await result).toMatchObject({ status });
  });

  it('the timeout of its sockets, which counts from the last byte', async () => {
    await serve((_, response) => void response.write('some'));
    server.setTimeout(50);
    expect(await call()).toMatchObject({
      status: 200,
      body: 'some',
      events: ['headers', `close ${NGHTTP2_INTERNAL_ERROR}`],
    });
  });

  it('the timeout of one response, which it can answer', async () => {
    await serve((_, response) => void response.setTimeout(20, () => response.writeHead(503).end()));
    expect(await call()).toMatchObject({ status: 503 });
  });
});

/** What the application hears of a request and its response. */
function listen(heard: string[]): RequestListener {
  return (request, response) => {
    request.on('error', ({ message }) => heard.push(`request error ${message}`));
    request.on('close', () => heard.push('request close'));
    response.on('close', () => heard.push(`response close ${response.writableFinished}`));
    request.resume();
  };
}

describe('an end', () => {
  const GONE = ['request close', 'request error aborted', 'response close false'];

  it.each<[string, (stream: ClientHttp2Stream, session: ClientHttp2Session) => void]>([
    // `close` would end the upload first.
    ['resets an upload', (stream) => stream.destroy(new Error('test'))],
    ['closes its connection', (_, session) => session.destroy()],
  ])('by a client that %s reaches the application', async (_, leave) => {
    const heard: string[] = [];
    let isCalled = false;
    await serve((request, response) => {
      isCalled = true;
      listen(heard)(request, response);
    });
    const session = harness.http2();
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false });
    stream.on('error', () => {});
    await eventually(() => isCalled);
    leave(stream, session);
    await eventually(() => heard.length === GONE.length);
    expect(heard.toSorted()).toEqual(GONE);
  });

  it('by a client reaches an application that does not read what has arrived', async () => {
    const heard: string[] = [];
    await serve((request, response) => {
      request.once('readable', () => heard.push('readable'));
      response.on('close', () => heard.push('response close'));
    });
    const stream = open({ method: 'POST' }, { endStream: false });
    stream.on('error', () => {}).write(Buffer.alloc(MIB));
    await eventually(() => heard.includes('readable'));
    stream.destroy(new Error('test'));
    await eventually(() => heard.includes('response close'));
    expect(heard).toEqual(['readable', 'response close']);
  });

  it('by a client that resets a response reaches the application', async () => {
    const heard: string[] = [];
    await serve((request, response) => {
      listen(heard)(request, response);
      response.write('some');
    });
    const stream = open();
    await once(stream, 'data');
    stream.close(NGHTTP2_CANCEL);
    await eventually(() => heard.includes('response close false'));
    expect(heard.toSorted()).toEqual(['request close', 'response close false']);
  });

  it.each<[string, (response: ServerResponse) => void, object]>([
    ['before its response', (response) => response.destroy(), { status: undefined }],
    ['of its socket', ({ socket }) => socket?.destroy(), { status: undefined }],
    [
      'in the middle of its response',
      (response) => response.write('some', () => setTimeout(() => response.destroy(), 20)),
      { status: 200, body: 'some' },
    ],
    [
      'before as many bytes as it said',
      (response) => response.writeHead(200, { 'content-length': 9 }).end('some'),
      { status: 200, body: 'some' },
    ],
  ])('by the application %s is a reset, and no end, for the client', async (_, leave, expected) => {
    await serve((__, response) => leave(response));
    const { events, ...result } = await call();
    expect(result).toMatchObject(expected);
    expect(events).not.toContain('end');
    expect(events.at(-1)).toBe(`close ${NGHTTP2_INTERNAL_ERROR}`);
  });

  it('by an answer before the body arrives, and stops the upload', async () => {
    await serve((_, response) => response.writeHead(413).end('too large'));
    const stream = open({ method: 'POST' }, { endStream: false });
    stream.write(Buffer.alloc(MIB));
    expect(await recordHttp2(stream)).toMatchObject({
      status: 413,
      body: 'too large',
      events: ['headers', 'end', `close ${NGHTTP2_NO_ERROR}`],
    });
  });

  it('is waited for at a drain, and then the server can close', async () => {
    let finish: (() => void) | undefined;
    await serve((_, response) => {
      response.write('some ');
      finish = () => response.end('more');
    });
    const stream = open();
    const result = recordHttp2(stream);
    await once(stream, 'response');
    const drained = harness.engine.drain();
    let isDrained = false;
    void drained.then(() => (isDrained = true));
    // Longer than connections without calls linger.
    await delay(1_200);
    expect(isDrained).toBe(false);
    finish?.();
    await drained;
    expect(await result).toMatchObject({ body: 'some more', events: ['headers', 'end', 'close 0'] });
  });

  it('comes to those that are left when the engine closes', async () => {
    const heard: string[] = [];
    await serve((request, response) => {
      listen(heard)(request, response);
      response.write('some');
    });
    const stream = open();
    const result = recordHttp2(stream);
    await once(stream, 'data');
    await harness.engine.close();
    expect((await result).events.at(-1)).not.toBe('end');
    await eventually(() => heard.includes('response close false'));
  });
});

describe('backpressure', () => {
  const LIMIT = 2 * MIB;

  it('holds the application back while the client does not read', async () => {
    let writtenBytes = 0;
    await serve((_, response) => {
      const write = (): void => {
        do {
          writtenBytes += 16_384;
        } while (response.write(Buffer.alloc(16_384)));
        response.once('drain', write);
      };
      write();
    });
    const stream = open();
    await once(stream, 'response');
    await stillness(() => writtenBytes);
    expect(writtenBytes).toBeLessThan(LIMIT);
    const before = writtenBytes;
    stream.on('error', () => {}).resume();
    await eventually(() => writtenBytes > before + LIMIT);
    stream.close(NGHTTP2_CANCEL);
  });

  it('holds the client back while the application does not read', async () => {
    let incoming: IncomingMessage | undefined;
    await serve((request, response) => {
      incoming = request;
      request.once('end', () => response.end());
    });
    const stream = open({ method: 'POST' }, { endStream: false });
    const result = recordHttp2(stream);
    let sentBytes = 0;
    const chunks = (8 * MIB) / 16_384;
    const send = (left: number): void => {
      stream.write(Buffer.alloc(16_384), () => {
        sentBytes += 16_384;
        if (left > 1) {
          send(left - 1);
        } else {
          stream.end();
        }
      });
    };
    send(chunks);
    await stillness(() => sentBytes);
    expect(sentBytes).toBeLessThan(LIMIT);
    incoming?.resume();
    expect((await result).status).toBe(200);
    expect(sentBytes).toBe(8 * MIB);
  });

  it('loses no byte of 10 MiB in both directions at once', async () => {
    await serve((request, response) => void request.pipe(response));
    const bytes = randomBytes(10 * MIB);
    const stream = open({ method: 'POST' }, { endStream: false });
    Readable.from(piecesOf(bytes)).pipe(stream);
    expect(digest(await readBuffer(stream))).toBe(digest(bytes));
  });
});

/** In one piece it would be more than a session of node:http2 takes. */
function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_000) {
    yield bytes.subarray(at, at + 65_000);
  }
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What applications ask a socket for; ports differ between two connections of one client. */
function factsOf({ socket: anySocket }: IncomingMessage): object {
  // In clear text it has nothing of this.
  const socket = anySocket as Socket & Partial<Omit<TLSSocket, keyof Socket>>;
  const { remoteAddress, remoteFamily, localAddress, localPort, encrypted, authorized, servername } = socket;
  return {
    remote: [remoteAddress, remoteFamily, typeof socket.remotePort],
    local: [localAddress, localPort, socket.address()],
    tls: [encrypted, authorized, servername, socket.getProtocol?.(), socket.getCipher?.().name],
    certificate: socket.getPeerCertificate?.().subject.CN,
    states: [socket.readable, socket.writable, socket.destroyed, socket.connecting],
    counts: [typeof socket.bytesRead, typeof socket.bytesWritten],
    chained: socket.setKeepAlive(true).setNoDelay(true).setTimeout(0).ref().unref() === socket,
  };
}

const tellFacts: RequestListener = (request, response) => {
  response.end(JSON.stringify({ ...factsOf(request), alpn: (request.socket as TLSSocket).alpnProtocol }));
};

describe('the socket of the request', () => {
  it('tells of the connection what a socket in clear text does', async () => {
    await serve(tellFacts);
    const request = requestHttp({ host: '127.0.0.1', port: harness.port, agent: false }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const told = JSON.parse((await call()).body) as object;
    expect(told).toEqual(JSON.parse(await readText(response)));
    expect(told).toMatchObject({
      remote: ['127.0.0.1', 'IPv4', 'number'],
      tls: [null, null, null, null, null],
    });
  });

  it('tells of the connection what a socket over TLS does, certificates included', async () => {
    const { server: pair, client, ca } = await createCertificates();
    await attach(
      createHttpsServer({ ...pair, ca, requestCert: true }, tellFacts) as Server,
      'secureConnection',
    );
    const target = { host: '127.0.0.1', port: harness.port, servername: 'localhost', ca, ...client };
    const request = requestHttps({ ...target, agent: false }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const session = harness.track(connect(`https://127.0.0.1:${harness.port}`, target));
    session.on('error', () => {});
    const { alpn, ...told } = JSON.parse(await readText(session.request({ ':path': '/' }))) as {
      alpn: string;
    };
    const { alpn: alpnOfHttp1, ...toldOverHttp1 } = JSON.parse(await readText(response)) as { alpn: string };
    expect(told).toEqual(toldOverHttp1);
    expect(told).toMatchObject({
      tls: [true, true, 'localhost', 'TLSv1.3', expect.any(String)],
      certificate: 'test-client',
    });
    expect([alpn, alpnOfHttp1]).toEqual(['h2', false]);
  });

  it('still tells when the client has gone', async () => {
    let socket: Socket | undefined;
    await serve((request) => {
      socket = request.socket;
    });
    const stream = open();
    stream.on('error', () => {});
    await eventually(() => socket !== undefined);
    harness.http2();
    stream.session?.destroy();
    await eventually(() => socket?.destroyed === true);
    expect(socket?.remoteAddress).toBe('127.0.0.1');
  });
});

it('serves 200 requests at once on one session, and leaves nothing behind', async () => {
  await serve(describeRequest);
  const session = harness.http2();
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => {
      const stream = session.request({ ':method': 'POST', ':path': `/${i}` }, { endStream: false });
      stream.end(String(i));
      return recordHttp2(stream);
    }),
  );
  const expected = answers.map((_, i) => ({ url: `/${i}`, body: String(i) }));
  expect(answers.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject(expected);
  await eventually(() => sockets.size === 0);
  const connections = await new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
  expect(connections).toBe(1);
});
