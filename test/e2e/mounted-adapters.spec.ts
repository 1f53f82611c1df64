/**
 * `ConnectModule` on every server that Nest's adapters have: RPCs in all protocols, and the app as it was beside them.
 */
import dns from 'node:dns';
import { once } from 'node:events';
import { get as getHttp, type IncomingMessage, Server } from 'node:http';
import {
  connect,
  type ClientHttp2Session,
  createServer as createHttp2Server,
  type SecureClientSessionOptions,
} from 'node:http2';
import { request as requestHttps } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { connect as connectTls, Server as TlsServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  type INestApplication,
  Module,
  Post,
  type Type,
} from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ConnectModule, type ConnectModuleOptions } from 'nestjs-connect';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { createCertificates, type KeyPair, type TestCertificates } from '../support/certificates.js';
import { callUnary } from '../support/connect-calls.js';
import { ElizaEcho } from '../support/eliza-echo.js';
import { eventually } from '../support/eventually.js';

const SLOW_MS = 150;

@Controller('rest')
class RestController {
  static readonly started: string[] = [];

  @Get('health')
  health() {
    return { status: 'up' };
  }

  @Post('echo')
  @HttpCode(202)
  echo(@Body() body: unknown) {
    return body;
  }

  @Get('slow')
  async slow() {
    RestController.started.push('slow');
    await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    return { status: 'slow' };
  }
}

/** Nothing for Nest's default, Express. */
type Adapter = AbstractHttpAdapter | undefined;

interface Mounted {
  readonly app: INestApplication;
  readonly url: string;
}

const apps: INestApplication[] = [];
const closeables: { destroy(): void }[] = [];

afterEach(async () => {
  closeables.splice(0).forEach((closeable) => closeable.destroy());
  await Promise.all(apps.splice(0).map((app) => app.close()));
  jest.restoreAllMocks();
});

async function mount(
  adapter: Adapter,
  {
    options = {},
    host = '127.0.0.1',
    httpsOptions,
    prepare = () => {},
  }: {
    options?: ConnectModuleOptions;
    host?: string | undefined;
    /** Of Nest, for Express. */
    httpsOptions?: KeyPair | undefined;
    prepare?: (app: INestApplication) => void;
  } = {},
): Promise<Mounted> {
  @Module({
    imports: [ConnectModule.forRoot(options)],
    controllers: [RestController, ElizaEcho] as Type<unknown>[],
  })
  class AppModule {}
  const settings = { logger: false, ...(httpsOptions === undefined ? {} : { httpsOptions }) } as const;
  const app: INestApplication = await (adapter === undefined
    ? NestFactory.create(AppModule, settings)
    : NestFactory.create(AppModule, adapter, settings));
  apps.push(app);
  prepare(app);
  await (host === '' ? app.listen(0) : app.listen(0, host));
  const { port } = (app.getHttpServer() as Server).address() as { port: number };
  const scheme = app.getHttpServer() instanceof TlsServer ? 'https' : 'http';
  return { app, url: `${scheme}://127.0.0.1:${port}` };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

type Fetch = (url: string, request?: { method: string; body: string }) => Promise<Answer>;

const overHttp1: Fetch = async (url, request) => {
  const response = await fetch(url, {
    // Fastify on its own does not close for 72 seconds after a request was under way on a kept connection.
    headers: {
      connection: 'close',
      ...(request === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...request,
  });
  return { status: response.status, body: await response.json() };
};

function openSession(url: string, options: SecureClientSessionOptions = {}): ClientHttp2Session {
  const session = connect(url, options);
  session.on('error', () => {});
  closeables.push(session);
  return session;
}

async function requestHttp2(
  session: ClientHttp2Session,
  path: string,
  request?: { method: string; body: string },
): Promise<Answer> {
  const stream = session.request({
    ':path': path,
    ':method': request?.method ?? 'GET',
    ...(request === undefined ? {} : { 'content-type': 'application/json' }),
  });
  const answered = once(stream, 'response') as Promise<[{ ':status': number }]>;
  stream.end(request?.body);
  const [headers] = await answered;
  stream.setEncoding('utf8');
  let text = '';
  for await (const chunk of stream) {
    text += chunk as string;
  }
  return { status: headers[':status'], body: JSON.parse(text) as unknown };
}

const overHttp2: Fetch = (url, request) => {
  const { origin, pathname } = new URL(url);
  return requestHttp2(openSession(origin), pathname, request);
};

const SAY = '/connectrpc.eliza.v1.ElizaService/Say';

const SERVERS: [string, () => Adapter][] = [
  ['Express', () => undefined],
  ['Fastify', () => new FastifyAdapter()],
  ['Fastify with http2', () => new FastifyAdapter({ http2: true })],
];

/** Of a client over TLS. */
interface Trust {
  readonly ca?: string;
}

const TRANSPORTS: [string, (baseUrl: string, nodeOptions?: Trust) => Transport][] = [
  [
    'Connect over HTTP/1.1',
    (baseUrl, nodeOptions = {}) => createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions }),
  ],
  [
    'Connect over HTTP/2',
    (baseUrl, nodeOptions = {}) => createConnectTransport({ baseUrl, httpVersion: '2', nodeOptions }),
  ],
  [
    'gRPC-Web over HTTP/1.1',
    (baseUrl, nodeOptions = {}) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions }),
  ],
  [
    'gRPC-Web over HTTP/2',
    (baseUrl, nodeOptions = {}) => createGrpcWebTransport({ baseUrl, httpVersion: '2', nodeOptions }),
  ],
  ['gRPC', (baseUrl, nodeOptions = {}) => createGrpcTransport({ baseUrl, nodeOptions })],
];

const REST: [string, string, Fetch][] = [
  ['Express', 'HTTP/1.1', overHttp1],
  ['Fastify', 'HTTP/1.1', overHttp1],
  ['Fastify with http2', 'HTTP/1.1', overHttp1],
  ['Fastify with http2', 'HTTP/2', overHttp2],
];

function adapterOf(name: string): Adapter {
  return SERVERS.find(([known]) => known === name)?.[1]();
}

describe.each(SERVERS)('ConnectModule on %s', (_, createAdapter) => {
  it('serves Connect in JSON', async () => {
    const { url } = await mount(createAdapter());
    expect(await callUnary(url + SAY, { sentence: 'hi' })).toEqual({ status: 200, body: { sentence: 'hi' } });
    expect(await overHttp2(url + SAY, { method: 'POST', body: '{"sentence":"hi"}' })).toEqual({
      status: 200,
      body: { sentence: 'hi' },
    });
  });

  it.each(TRANSPORTS)('serves unary calls and streams: %s', async (_name, createTransport) => {
    const { url } = await mount(createAdapter());
    expect(await callBoth(createTransport(url))).toEqual(BOTH);
  });

  it('serves bidi streams over gRPC, message by message', async () => {
    const { url } = await mount(createAdapter());
    const client = createClient(ElizaService, createGrpcTransport({ baseUrl: url }));
    const answers: string[] = [];
    for await (const { sentence } of client.converse(pingPong(answers))) {
      answers.push(sentence);
    }
    expect(answers).toEqual(['1 after 0', '2 after 1', '3 after 2']);
  });

  it('ends HTTP/2 connections when the app closes', async () => {
    const { app, url } = await mount(createAdapter());
    const session = openSession(url);
    await once(session, 'remoteSettings');
    const closed = once(session, 'close');
    await app.close();
    await closed;
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  it('closes although HTTP/1.1 connections are idle', async () => {
    const { app, url } = await mount(createAdapter());
    await fetch(`${url}/rest/health`);
    await callUnary(url + SAY, { sentence: 'hi' });
    const startedAt = performance.now();
    await app.close();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

/** @returns The sentences that a unary call and a stream answer with. */
async function callBoth(transport: Transport): Promise<string[]> {
  const client = createClient(ElizaService, transport);
  const sentences = [(await client.say({ sentence: 'hi' })).sentence];
  for await (const { sentence } of client.introduce({ name: 'A' })) {
    sentences.push(sentence);
  }
  return sentences;
}

const BOTH = ['hi', 'A 1', 'A 2', 'A 3'];

async function* pingPong(answers: readonly string[]) {
  for (const number of [1, 2, 3]) {
    await eventually(() => answers.length === number - 1);
    yield { sentence: `${number} after ${answers.length}` };
  }
}

describe.each(REST)('routes beside ConnectModule on %s, over %s', (name, _version, call) => {
  it('are as they were', async () => {
    const { url } = await mount(adapterOf(name));
    expect(await call(`${url}/rest/health`)).toEqual({ status: 200, body: { status: 'up' } });
  });

  it('parse bodies', async () => {
    const { url } = await mount(adapterOf(name));
    expect(await call(`${url}/rest/echo`, { method: 'POST', body: '{"a":1}' })).toEqual({
      status: 202,
      body: { a: 1 },
    });
  });

  it("get the adapter's own 404", async () => {
    const { url } = await mount(adapterOf(name));
    expect(await call(`${url}/nowhere`, { method: 'POST', body: '{}' })).toMatchObject({
      status: 404,
      body: { message: 'Cannot POST /nowhere' },
    });
  });

  it('finish while the app closes', async () => {
    const { app, url } = await mount(adapterOf(name));
    RestController.started.length = 0;
    const answer = call(`${url}/rest/slow`);
    await eventually(() => RestController.started.length === 1);
    await app.close();
    expect(await answer).toEqual({ status: 200, body: { status: 'slow' } });
  });
});

describe('ConnectModule on Fastify with http2', () => {
  it('serves REST and RPCs on one connection, and keeps it while a route is under way', async () => {
    const options = { timeouts: { http2IdleMs: 40 } };
    const { url } = await mount(new FastifyAdapter({ http2: true }), { options });
    const session = openSession(url);
    const slow = requestHttp2(session, '/rest/slow');
    const say = requestHttp2(session, SAY, { method: 'POST', body: '{"sentence":"hi"}' });
    expect(await say).toMatchObject({ body: { sentence: 'hi' } });
    expect(await slow).toMatchObject({ body: { status: 'slow' } });
    expect(session.closed).toBe(false);
  });

  it('does not make requests of the compatibility API for RPCs', async () => {
    const { app, url } = await mount(new FastifyAdapter({ http2: true }));
    const seen: string[] = [];
    const server = app.getHttpServer() as ReturnType<typeof createHttp2Server>;
    server.on('request', ({ url: path }) => seen.push(`request ${path}`));
    server.on('stream', (_stream, headers) => seen.push(`stream ${headers[':path']}`));
    await overHttp2(url + SAY, { method: 'POST', body: '{"sentence":"hi"}' });
    await overHttp2(`${url}/rest/health`);
    expect(seen).toEqual(['request /rest/health', 'stream /rest/health']);
  });
});

function accept(server: Server, path: string): void {
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    if (request.url === path) {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
      socket.pipe(socket);
    }
  });
}

/** @returns What is answered: the head at least. */
async function requestUpgrade(socket: Socket, path: string): Promise<string> {
  let text = '';
  const onData = (chunk: string): void => void (text += chunk);
  socket.setEncoding('utf8').on('data', onData);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
  await eventually(() => text.includes('\r\n\r\n'));
  socket.off('data', onData);
  return text;
}

async function upgrade(socket: Socket, path: string): Promise<void> {
  expect(await requestUpgrade(socket, path)).toContain('101 Switching Protocols');
  const echoed = once(socket, 'data');
  socket.write('echo');
  expect(await echoed).toEqual(['echo']);
  socket.destroy();
}

/** Over HTTP/1.1, on a socket after its handshake. */
async function requestSecure(socket: TLSSocket, path: string, body?: string): Promise<Answer> {
  const outgoing = requestHttps({
    createConnection: () => socket,
    path,
    method: body === undefined ? 'GET' : 'POST',
    headers: { host: 'localhost', connection: 'close', 'content-type': 'application/json' },
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  outgoing.end(body);
  const [response] = await answered;
  return { status: response.statusCode ?? 0, body: JSON.parse(await readText(response)) as unknown };
}

type SecureServer = (pair: KeyPair) => { adapter: Adapter; httpsOptions?: KeyPair };

const SECURE_SERVERS: [string, SecureServer][] = [
  ['Express', (httpsOptions) => ({ adapter: undefined, httpsOptions })],
  ['Fastify', (https) => ({ adapter: new FastifyAdapter({ https }) })],
  ['Fastify with http2', (https) => ({ adapter: new FastifyAdapter({ http2: true, https }) })],
  [
    'Fastify with http2 and allowHTTP1',
    (https) => ({ adapter: new FastifyAdapter({ http2: true, https: { ...https, allowHTTP1: true } }) }),
  ],
];

describe.each(SECURE_SERVERS)('ConnectModule over TLS on %s', (name, secure) => {
  let certificates: TestCertificates;
  let trust: { ca: string };

  beforeAll(async () => {
    certificates = await createCertificates();
    trust = { ca: certificates.ca };
  });

  function mountSecure(): Promise<Mounted> {
    const { adapter, httpsOptions } = secure(certificates.server);
    return mount(adapter, { httpsOptions });
  }

  /** @param protocols What the client offers; `undefined` for a client that knows no ALPN. */
  async function negotiate(url: string, protocols: string[] | undefined): Promise<TLSSocket> {
    const { hostname: host, port } = new URL(url);
    const offer = protocols === undefined ? {} : { ALPNProtocols: protocols };
    const socket = connectTls({ host, port: Number(port), ...trust, ...offer });
    closeables.push(socket);
    await once(socket, 'secureConnect');
    return socket;
  }

  it.each(TRANSPORTS)('serves unary calls and streams: %s', async (_name, createTransport) => {
    const { url } = await mountSecure();
    expect(await callBoth(createTransport(url, trust))).toEqual(BOTH);
  });

  it.each([
    [['http/1.1'], 'http/1.1'],
    [['h2'], 'h2'],
    [['http/1.1', 'h2'], 'h2'],
    [undefined, false],
  ])('of %j takes %j', async (protocols, chosen) => {
    const { url } = await mountSecure();
    expect((await negotiate(url, protocols)).alpnProtocol).toBe(chosen);
  });

  it.each([[['http/1.1']], [undefined]])(
    'leaves routes as they were over HTTP/1.1, with ALPN %j',
    async (protocols) => {
      const { url } = await mountSecure();
      const call = async (path: string, body?: string) =>
        requestSecure(await negotiate(url, protocols), path, body);
      expect(await call('/rest/health')).toEqual({ status: 200, body: { status: 'up' } });
      expect(await call('/rest/echo', '{"a":1}')).toEqual({ status: 202, body: { a: 1 } });
      expect(await call('/nowhere')).toMatchObject({ status: 404, body: { message: 'Cannot GET /nowhere' } });
      expect(await call(SAY, '{"sentence":"hi"}')).toEqual({ status: 200, body: { sentence: 'hi' } });
    },
  );

  it('serves routes over HTTP/2', async () => {
    const { url } = await mountSecure();
    expect(await requestHttp2(openSession(url, trust), '/rest/health')).toEqual({
      status: 200,
      body: { status: 'up' },
    });
  });

  it('leaves upgrades to a server that has HTTP/1.1 of its own, and none to others', async () => {
    const { app, url } = await mountSecure();
    accept(app.getHttpServer() as Server, '/socket');
    const answer = await requestUpgrade(await negotiate(url, ['http/1.1']), '/socket');
    expect(answer).toMatch(name === 'Fastify with http2' ? /^HTTP\/1\.1 404 / : /^HTTP\/1\.1 101 /);
  });

  it('ends the connections of both versions when the app closes', async () => {
    const { app, url } = await mountSecure();
    const session = openSession(url, trust);
    await once(session, 'remoteSettings');
    const idle = await negotiate(url, ['http/1.1']);
    idle.write('GET /rest/health HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(idle, 'data');
    const closed = [once(session, 'close'), once(idle, 'close')];
    await app.close();
    await Promise.all(closed);
    expect([session.destroyed, idle.destroyed]).toEqual([true, true]);
  });
});

/** `dns.lookup` where localhost has two addresses: all of them for Fastify, one for `server.listen` of Node 20. */
function lookUpTwoLocalhosts(host: string, ...rest: unknown[]): void {
  const found = (host === 'localhost' ? ['127.0.0.1', '127.0.0.2'] : [host]).map((address) => ({
    address,
    family: 4,
  }));
  const answer = rest.pop() as (...values: unknown[]) => void;
  const wantsAll = (rest[0] as { all?: boolean } | undefined)?.all === true;
  process.nextTick(answer, null, ...(wantsAll ? [found] : [found[0]?.address, 4]));
}

describe('ConnectModule on Fastify without a host', () => {
  it('serves on every address of localhost', async () => {
    const mock = jest.spyOn(dns, 'lookup').mockImplementation(lookUpTwoLocalhosts);
    const { url } = await mount(new FastifyAdapter(), { host: '' });
    mock.mockRestore();
    const further = url.replace('127.0.0.1', '127.0.0.2');
    expect(await overHttp1(`${further}/rest/health`)).toMatchObject({ status: 200 });
    expect(await callUnary(further + SAY, { sentence: 'hi' })).toMatchObject({ status: 200 });
    expect(await overHttp2(further + SAY, { method: 'POST', body: '{"sentence":"hi"}' })).toMatchObject({
      status: 200,
    });
  });
});

describe.each(SERVERS.slice(0, 2))('upgrades beside ConnectModule on %s', (_, createAdapter) => {
  it('reach listeners that were added before and after mounting', async () => {
    const { app, url } = await mount(createAdapter(), {
      prepare: (unmounted) => accept(unmounted.getHttpServer() as Server, '/before'),
    });
    accept(app.getHttpServer() as Server, '/after');
    const connectClear = (): Socket => {
      const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
      closeables.push(socket);
      return socket;
    };
    await upgrade(connectClear(), '/before');
    await upgrade(connectClear(), '/after');
    expect(await callUnary(url + SAY, { sentence: 'hi' })).toMatchObject({ status: 200 });
  });
});

it('what instruments http.Server.prototype.emit sees RPCs over HTTP/1.1 once', async () => {
  const emit = jest.spyOn(Server.prototype, 'emit');
  const { url } = await mount(undefined);
  await callUnary(url + SAY, { sentence: 'hi' });
  await new Promise((resolve) =>
    getHttp(`${url}/rest/health`, (response) => response.resume().on('end', resolve)),
  );
  const paths = (emit.mock.calls as unknown as [string, IncomingMessage][])
    .filter(([event]) => event === 'request')
    .map(([, { url: path }]) => path);
  expect(paths).toEqual([SAY, '/rest/health']);
});
