/**
 * Pages of other origins: preflights and answers on the wire, stand-alone and mounted, with the option and without.
 *
 * What a browser makes of them is in `test/browser`.
 */
import { connect } from 'node:http2';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ConnectModule,
  type ConnectModuleOptions,
  ConnectServer,
  type ConnectServerOptions,
} from 'nestjs-connect';
import { ElizaEcho, FAIL, startService } from '../support/eliza-echo.js';

const PAGE = 'https://app.example.com';
const SAY = '/connectrpc.eliza.v1.ElizaService/Say';
const CONVERSE = '/connectrpc.eliza.v1.ElizaService/Converse';
const PREFLIGHT_VARY = 'origin, access-control-request-method, access-control-request-headers';

@Controller('rest')
class RestController {
  @Get()
  get() {
    return { status: 'up' };
  }
}

const running: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function standAlone(options: ConnectServerOptions): Promise<string> {
  const server = await startService(ElizaEcho, options);
  running.push(server);
  return `http://127.0.0.1:${server.port}`;
}

async function mounted(
  options: ConnectModuleOptions,
  prepare: (app: INestApplication) => void = () => {},
): Promise<string> {
  @Module({ imports: [ConnectModule.forRoot(options)], controllers: [RestController, ElizaEcho] })
  class AppModule {}
  const app: INestApplication = await NestFactory.create(AppModule, { logger: false });
  running.push(app);
  prepare(app);
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

const SERVERS: readonly [string, (options: ConnectModuleOptions) => Promise<string>][] = [
  ['ConnectServer', standAlone],
  ['ConnectModule', (options) => mounted(options)],
];

interface Answer {
  readonly status: number;
  readonly headers: Headers;
}

function call(url: string, init: RequestInit = {}): Promise<Answer> {
  return fetch(url, {
    method: 'POST',
    body: init.method === undefined ? '{}' : null,
    ...init,
    headers: {
      origin: PAGE,
      'content-type': 'application/json',
      ...(init.headers as Record<string, string>),
    },
  });
}

function preflight(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return fetch(url, {
    method: 'OPTIONS',
    headers: { origin: PAGE, 'access-control-request-method': 'POST', ...headers },
  });
}

function allButPage(origin: string): boolean {
  if (origin === PAGE) {
    throw new Error('no database');
  }
  return true;
}

/** Everything in an answer that is about other origins. */
function corsOf({ status, headers }: Answer): Record<string, unknown> {
  const names = [...headers.keys()].filter((name) => name.startsWith('access-control-') || name === 'vary');
  return { status, ...Object.fromEntries(names.map((name) => [name, headers.get(name)])) };
}

describe.each(SERVERS)('%s without cors', (_name, start) => {
  it('sends nothing about it, and answers OPTIONS 405', async () => {
    const url = await start({});
    expect(corsOf(await preflight(url + SAY))).toEqual({ status: 405 });
    expect(corsOf(await call(url + SAY))).toEqual({ status: 200 });
    const off = await start({ cors: false });
    expect(corsOf(await preflight(off + SAY))).toEqual({ status: 405 });
  });
});

describe.each(SERVERS)('%s with cors', (_name, start) => {
  it('answers a preflight, with the headers that browsers keep', async () => {
    const url = await start({
      cors: { origins: [PAGE], allowedHeaders: ['authorization'], maxAgeSeconds: 60 },
    });
    const answer = await preflight(url + SAY, {
      'access-control-request-headers': 'authorization,connect-protocol-version,content-type',
    });
    expect(corsOf(answer)).toEqual({
      status: 204,
      'access-control-allow-origin': PAGE,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': expect.stringMatching(/^content-type, connect-pro.*, authorization$/),
      'access-control-max-age': '60',
      vary: PREFLIGHT_VARY,
    });
    expect(answer.headers.get('content-length')).toBeNull();
  });

  it('says nothing about it to another origin', async () => {
    const url = await start({ cors: { origins: [PAGE] } });
    const origin = 'https://attacker.net';
    expect(corsOf(await preflight(url + SAY, { origin }))).toEqual({ status: 204, vary: PREFLIGHT_VARY });
    expect(corsOf(await call(url + SAY, { headers: { origin } }))).toEqual({ status: 200, vary: 'origin' });
  });

  it('an OPTIONS that is no preflight is a method that is not served', async () => {
    const url = await start({ cors: true });
    expect(corsOf(await call(url + SAY, { method: 'OPTIONS' }))).toMatchObject({
      status: 405,
      'access-control-allow-origin': '*',
    });
  });

  it.each<[string, string, RequestInit, number]>([
    ['Connect', SAY, {}, 200],
    ['a Connect error', SAY, { body: JSON.stringify({ sentence: FAIL }) }, 400],
    ['JSON that is none', SAY, { body: '{' }, 400],
    [
      'a Connect stream',
      CONVERSE,
      { headers: { 'content-type': 'application/connect+json' }, body: '' },
      200,
    ],
    ['gRPC-Web', SAY, { headers: { 'content-type': 'application/grpc-web+proto' }, body: '\0\0\0\0\0' }, 200],
    [
      'gRPC-Web in text',
      SAY,
      { headers: { 'content-type': 'application/grpc-web-text' }, body: 'AAAAAAA=' },
      200,
    ],
    ['gRPC over HTTP/1.1', SAY, { headers: { 'content-type': 'application/grpc' } }, 505],
    ['an unknown method', '/no.Service/No', { headers: { 'content-type': 'application/grpc-web' } }, 200],
    ['PUT', SAY, { method: 'PUT' }, 405],
    ['an unknown content type', SAY, { headers: { 'content-type': 'text/plain' } }, 415],
  ])('%s: %s carries the headers', async (_what, path, init, status) => {
    const url = await start({
      cors: { origins: [PAGE], credentials: true, exposedHeaders: ['x-why'] },
      http1Bidi: true,
    });
    expect(corsOf(await call(url + path, init))).toEqual({
      status,
      'access-control-allow-origin': PAGE,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': expect.stringMatching(/^grpc-status, .*, x-why, trailer-x-why$/),
      vary: 'origin',
    });
  });

  it('a bidirectional stream over HTTP/1.1 is refused readably', async () => {
    const url = await start({ cors: true });
    expect(corsOf(await call(url + CONVERSE))).toMatchObject({
      status: 505,
      'access-control-allow-origin': '*',
    });
  });

  it('too many headers are refused readably', async () => {
    const url = await start({ cors: true, maxHeaderPairs: 20 });
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-${i}`, '1']));
    expect(corsOf(await call(url + SAY, { headers }))).toMatchObject({
      status: 431,
      'access-control-allow-origin': '*',
    });
  });

  it.each<[string, Record<string, string>]>([
    ['with an origin', { origin: PAGE }],
    ['without an origin', {}],
  ])('a GET %s tells caches what it depends on', async (_what, headers) => {
    const url = await start({ cors: { origins: [PAGE] } });
    const answer = await fetch(`${url}${SAY}?connect=v1&encoding=json&message=%7B%7D`, { headers });
    expect(corsOf(answer)).toMatchObject({ status: 200, vary: 'accept-encoding, origin' });
    expect(answer.headers.get('access-control-allow-origin')).toBe(headers['origin'] ?? null);
  });

  it('a request without an origin gets nothing', async () => {
    const url = await start({ cors: true });
    const answer = await fetch(url + SAY, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(corsOf(answer)).toEqual({ status: 200 });
  });

  it('gRPC over HTTP/2 as well, preflights included', async () => {
    const url = await start({ cors: true });
    const session = connect(url);
    const request = async (method: string, headers: Record<string, string>, body: string) => {
      const stream = session.request({ ':method': method, ':path': SAY, origin: PAGE, ...headers });
      stream.end(body);
      const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.resume();
      return head;
    };
    const asked = { 'access-control-request-method': 'POST' };
    expect(await request('OPTIONS', asked, '')).toMatchObject({ ':status': 204, vary: PREFLIGHT_VARY });
    const grpc = { 'content-type': 'application/grpc', te: 'trailers' };
    const answer = await request('POST', grpc, '\0\0\0\0\0');
    expect(answer).toMatchObject({ ':status': 200, 'access-control-allow-origin': '*', vary: 'origin' });
    session.destroy();
  });

  it('a function that throws costs its own request alone', async () => {
    const url = await start({ cors: { origins: allButPage } });
    await expect(call(url + SAY)).rejects.toThrow('fetch failed');
    await expect(preflight(url + SAY)).rejects.toThrow('fetch failed');
    const origin = 'https://b.example.com';
    expect(corsOf(await call(url + SAY, { headers: { origin } }))).toMatchObject({ status: 200 });
  });

  it('refuses at start-up what browsers refuse', async () => {
    await expect(start({ cors: { origins: '*', credentials: true } })).rejects.toThrow(
      'cors.origins is "*" with cors.credentials: browsers refuse that',
    );
  });
});

describe('ConnectServer with cors', () => {
  it('an unknown path is no method that a page may ask for, and readably not found', async () => {
    const url = await standAlone({ cors: true });
    expect(corsOf(await preflight(`${url}/nowhere`))).toMatchObject({
      status: 404,
      'access-control-allow-origin': '*',
    });
    expect(corsOf(await call(`${url}/nowhere`, { method: 'GET' }))).toMatchObject({
      status: 404,
      'access-control-allow-origin': '*',
    });
  });

  it('names its errors before it listens', () => {
    expect(() => new ConnectServer({ cors: { origins: [`${PAGE}/`] } })).toThrow(
      'cors.origins has "https://app.example.com/"',
    );
  });
});

describe('ConnectModule with cors', () => {
  it("leaves the app's other routes alone", async () => {
    const url = await mounted({ cors: true });
    expect(corsOf(await call(`${url}/rest`, { method: 'GET' }))).toEqual({ status: 200 });
    expect(corsOf(await preflight(`${url}/rest`))).toEqual({ status: 404 });
    expect(corsOf(await preflight(`${url}/nowhere`))).toEqual({ status: 404 });
  });

  it('goes beside enableCors, which is for them alone', async () => {
    const url = await mounted({ cors: { origins: [PAGE] } }, (app) =>
      app.enableCors({ origin: 'https://rest.example' }),
    );
    expect(corsOf(await call(`${url}/rest`, { method: 'GET' }))).toMatchObject({
      'access-control-allow-origin': 'https://rest.example',
    });
    expect(corsOf(await call(url + SAY))).toMatchObject({ 'access-control-allow-origin': PAGE });
  });

  it('answers preflights under its prefix', async () => {
    const url = await mounted({ cors: true, prefix: 'rpc' });
    expect(corsOf(await preflight(`${url}/rpc${SAY}`))).toMatchObject({ status: 204 });
    expect(corsOf(await preflight(url + SAY))).toEqual({ status: 404 });
  });

  it('refuses readably while the app closes', async () => {
    let module: ConnectModule | undefined;
    const url = await mounted({ cors: true }, (app) => {
      module = app.get(ConnectModule);
    });
    await module?.beforeApplicationShutdown();
    expect(corsOf(await call(url + SAY))).toMatchObject({ status: 503, 'access-control-allow-origin': '*' });
  });
});
