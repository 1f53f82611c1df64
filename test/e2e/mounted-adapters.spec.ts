/**
 * `ConnectModule` on every server that Nest's adapters have: RPCs in all protocols, and the app as it was beside them.
 */
import dns from 'node:dns';
import { once } from 'node:events';
import { get as getHttp, type IncomingMessage, Server } from 'node:http';
import { connect, type ClientHttp2Session, createServer as createHttp2Server } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
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
    prepare = () => {},
  }: {
    options?: ConnectModuleOptions;
    host?: string | undefined;
    prepare?: (app: INestApplication) => void;
  } = {},
): Promise<Mounted> {
  @Module({
    imports: [ConnectModule.forRoot(options)],
    controllers: [RestController, ElizaEcho] as Type<unknown>[],
  })
  class AppModule {}
  const settings = { logger: false } as const;
  const app: INestApplication = await (adapter === undefined
    ? NestFactory.create(AppModule, settings)
    : NestFactory.create(AppModule, adapter, settings));
  apps.push(app);
  prepare(app);
  await (host === '' ? app.listen(0) : app.listen(0, host));
  const { port } = (app.getHttpServer() as Server).address() as { port: number };
  return { app, url: `http://127.0.0.1:${port}` };
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

function openSession(url: string): ClientHttp2Session {
  const session = connect(url);
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

const TRANSPORTS: [string, (baseUrl: string) => Transport][] = [
  ['Connect over HTTP/1.1', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
  ['Connect over HTTP/2', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' })],
  ['gRPC-Web over HTTP/1.1', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
  ['gRPC-Web over HTTP/2', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '2' })],
  ['gRPC', (baseUrl) => createGrpcTransport({ baseUrl })],
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
    const client = createClient(ElizaService, createTransport(url));
    expect(await client.say({ sentence: 'hi' })).toMatchObject({ sentence: 'hi' });
    const sentences: string[] = [];
    for await (const { sentence } of client.introduce({ name: 'A' })) {
      sentences.push(sentence);
    }
    expect(sentences).toEqual(['A 1', 'A 2', 'A 3']);
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

describe('ConnectModule on Express and HTTP/2 requests for other paths', () => {
  it('answers that the route needs HTTP/1.1', async () => {
    const { url } = await mount(undefined);
    const stream = openSession(url).request({ ':path': '/rest/health' });
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
    expect(headers[':status']).toBe(404);
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

describe('ConnectModule on Fastify without a host', () => {
  it('serves on every address of localhost', async () => {
    const found = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    const lookup = (host: string, ...rest: unknown[]): void => {
      // One address for `server.listen`, which asks without options or for one; all of them for Fastify.
      const answer = rest.pop() as (...values: unknown[]) => void;
      const wantsAll = (rest[0] as { all?: boolean } | undefined)?.all === true;
      process.nextTick(
        answer,
        null,
        ...(wantsAll ? [found] : [host === 'localhost' ? '127.0.0.1' : host, 4]),
      );
    };
    const mock = jest.spyOn(dns, 'lookup').mockImplementation(lookup);
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

function accept(server: Server, path: string): void {
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    if (request.url === path) {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
      socket.pipe(socket);
    }
  });
}

async function upgrade(url: string, path: string): Promise<string> {
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
  closeables.push(socket);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
  await eventually(() => text.endsWith('\r\n\r\n'));
  socket.write('echo');
  await eventually(() => text.endsWith('echo'));
  socket.destroy();
  return text;
}

describe.each(SERVERS.slice(0, 2))('upgrades beside ConnectModule on %s', (_, createAdapter) => {
  it('reach listeners that were added before and after mounting', async () => {
    const { app, url } = await mount(createAdapter(), {
      prepare: (unmounted) => accept(unmounted.getHttpServer() as Server, '/before'),
    });
    accept(app.getHttpServer() as Server, '/after');
    expect(await upgrade(url, '/before')).toContain('101 Switching Protocols');
    expect(await upgrade(url, '/after')).toContain('101 Switching Protocols');
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
