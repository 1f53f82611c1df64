/**
 * REST routes beside `ConnectModule` over HTTP/2, on adapters that speak HTTP/1.1: whoever negotiates HTTP/2 gets from the
 * app what it gives over HTTP/1.1, on the connection that also carries RPCs. Ends and limits in detail:
 * test/server/http1-bridge.spec.ts.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  type IncomingMessage,
  request as requestHttp,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';
import { buffer as readBuffer, text as readText } from 'node:stream/consumers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import {
  Body,
  Controller,
  Delete,
  ForbiddenException,
  Get,
  Header,
  Headers,
  HttpCode,
  type INestApplication,
  type MessageEvent,
  Module,
  Post,
  Query,
  Redirect,
  Req,
  Sse,
  StreamableFile,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ConnectModule } from 'nestjs-connect';
import { interval, map, type Observable, startWith } from 'rxjs';
import { finalize } from 'rxjs/operators';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { CURL, describeWith, run } from '../interop/support/programs.js';
import { createCertificates, type KeyPair, type TestCertificates } from '../support/certificates.js';
import { ElizaEcho } from '../support/eliza-echo.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { stillness } from '../support/stillness.js';

const MIB = 1_048_576;
const PIECE_BYTES = 65_536;

/** What the app hears, in order. */
const heard: string[] = [];

/** What both adapters have in common. */
interface AdapterRequest {
  readonly ip: string;
  readonly protocol: string;
  readonly hostname: string;
}

@Controller('rest')
class RestController {
  @Get('health')
  health(@Query('of') of: string | undefined) {
    return { status: 'up', of };
  }

  @Post('echo')
  @HttpCode(202)
  echo(@Body() body: unknown) {
    return body;
  }

  @Get('me')
  me(@Req() { ip, protocol, hostname }: AdapterRequest) {
    return { ip, protocol, hostname };
  }

  @Get('cookie')
  @Header('Set-Cookie', 'a=1; Path=/')
  cookie(@Headers('cookie') cookie: string) {
    return { cookie };
  }

  @Delete('item')
  @HttpCode(204)
  remove() {}

  @Get('cached')
  @HttpCode(304)
  @Header('ETag', '"1"')
  cached() {}

  @Get('moved')
  @Redirect('/rest/health', 301)
  moved() {}

  @Get('broken')
  broken() {
    throw new Error('no');
  }

  @Get('forbidden')
  forbidden() {
    throw new ForbiddenException();
  }

  @Get('file')
  file() {
    return new StreamableFile(Readable.from(pieces()));
  }

  @Sse('events')
  events(): Observable<MessageEvent> {
    return interval(10).pipe(
      startWith(-1),
      map((number) => ({ data: `tick ${number}` })),
      finalize(() => heard.push('events torn down')),
    );
  }
}

const FILE = randomBytes(10 * MIB);
let readPieces = 0;

function* pieces(): Generator<Buffer> {
  readPieces = 0;
  for (let at = 0; at < FILE.length; at += PIECE_BYTES) {
    readPieces++;
    yield FILE.subarray(at, at + PIECE_BYTES);
  }
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Responses that the app leaves to the test. */
const pending: ServerResponse[] = [];

/** Below the adapter's routes, which take no streams: a middleware, the same for both. */
function raw(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/digest') {
    void readBuffer(request).then((body) => response.end(digest(body)));
    return;
  }
  request.resume();
  response.on('close', () => heard.push(`response closed, finished: ${response.writableFinished}`));
  response.write('some ');
  pending.push(response);
}

interface Form {
  readonly name: string;
  readonly scheme: 'http' | 'https';
  /** Express, or Fastify. */
  readonly isFastify: boolean;
}

const FORMS: readonly Form[] = [
  { name: 'Express over TLS', scheme: 'https', isFastify: false },
  { name: 'Express in clear text', scheme: 'http', isFastify: false },
  { name: 'Fastify over TLS', scheme: 'https', isFastify: true },
  { name: 'Fastify in clear text', scheme: 'http', isFastify: true },
];

let certificates: TestCertificates;
let app: INestApplication;
let url: string;
const sessions: ClientHttp2Session[] = [];

@Module({ imports: [ConnectModule.forRoot()], controllers: [RestController, ElizaEcho] as Type<unknown>[] })
class AppModule {}

async function createApp({ scheme, isFastify }: Form, pair: KeyPair): Promise<INestApplication> {
  if (isFastify) {
    const https = scheme === 'https' ? { https: pair } : {};
    return NestFactory.create(AppModule, new FastifyAdapter({ trustProxy: true, ...https }), {
      logger: false,
    });
  }
  const httpsOptions = scheme === 'https' ? { httpsOptions: pair } : {};
  const express = await NestFactory.create(AppModule, { logger: false, ...httpsOptions });
  (express.getHttpAdapter().getInstance() as { set(name: string, value: unknown): void }).set(
    'trust proxy',
    true,
  );
  return express;
}

async function start(form: Form): Promise<void> {
  app = await createApp(form, certificates.server);
  app.use('/raw', raw);
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as { port: number };
  url = `${form.scheme}://127.0.0.1:${port}`;
}

async function stop(): Promise<void> {
  sessions.splice(0).forEach((session) => session.destroy());
  await app.close();
}

/** Nothing but the listening server is left of requests, however they ended. */
async function countConnections(): Promise<number> {
  const server = app.getHttpServer() as Server;
  return new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
}

beforeAll(async () => {
  certificates = await createCertificates();
});

beforeEach(() => {
  heard.length = 0;
  pending.length = 0;
});

interface Request {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: object;
  readonly body: string;
}

/** What belongs to one version or one moment. */
const OWN_HEADERS = [':status', 'connection', 'keep-alive', 'transfer-encoding', 'date'];

function endToEnd(headers: object): object {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADERS.includes(name)));
}

function openSession(): ClientHttp2Session {
  const session = connect(url, { ca: certificates.ca });
  session.on('error', () => {});
  sessions.push(session);
  return session;
}

function open(request: Request, session = openSession()): ClientHttp2Stream {
  const { path, method = 'GET', headers = {}, body } = request;
  const stream = session.request(
    { ':path': path, ':method': method, ...headers },
    { endStream: body === undefined },
  );
  stream.on('error', () => {});
  if (body !== undefined) {
    stream.end(body);
  }
  return stream;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const [headers] = (await once(stream, 'response')) as [{ ':status'?: number }];
  return { status: headers[':status'], headers: endToEnd(headers), body: await readText(stream) };
}

const overHttp2 = (request: Request, session?: ClientHttp2Session): Promise<Answer> =>
  answerOf(open(request, session));

async function overHttp1({ path, method = 'GET', headers = {}, body }: Request): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const options: RequestOptions = { hostname, port, path, method, headers, agent: false };
  const outgoing = url.startsWith('https')
    ? requestHttps({ ...options, ca: certificates.ca, servername: 'localhost' })
    : requestHttp(options);
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: endToEnd(response.headers), body: await readText(response) };
}

const JSON_TYPE = { 'content-type': 'application/json' };

const ROUTES: [string, Request, Partial<Answer>][] = [
  ['a route', { path: '/rest/health?of=app' }, { status: 200, body: '{"status":"up","of":"app"}' }],
  ['HEAD', { path: '/rest/health', method: 'HEAD' }, { status: 200, body: '' }],
  [
    'a body',
    { path: '/rest/echo', method: 'POST', headers: JSON_TYPE, body: '{"a":1}' },
    { status: 202, body: '{"a":1}' },
  ],
  [
    'a body that is no JSON',
    { path: '/rest/echo', method: 'POST', headers: JSON_TYPE, body: '{' },
    { status: 400 },
  ],
  [
    'a body beyond the limit of the parser',
    { path: '/rest/echo', method: 'POST', headers: JSON_TYPE, body: JSON.stringify('x'.repeat(2 * MIB)) },
    { status: 413 },
  ],
  ["the adapter's own 404", { path: '/nowhere', method: 'PUT' }, { status: 404 }],
  ['an exception', { path: '/rest/forbidden' }, { status: 403 }],
  ['an error', { path: '/rest/broken' }, { status: 500 }],
  ['204', { path: '/rest/item', method: 'DELETE' }, { status: 204, body: '' }],
  ['304', { path: '/rest/cached' }, { status: 304, body: '' }],
  ['a redirect', { path: '/rest/moved' }, { status: 301 }],
  [
    'cookies',
    { path: '/rest/cookie', headers: { cookie: 'b=2; c=3' } },
    { status: 200, body: '{"cookie":"b=2; c=3"}' },
  ],
  ['who asks', { path: '/rest/me', headers: { host: 'a.test' } }, { status: 200 }],
  [
    'who asks behind a proxy',
    { path: '/rest/me', headers: { 'x-forwarded-for': '10.0.0.1', 'x-forwarded-proto': 'https' } },
    { status: 200, body: expect.stringContaining('"ip":"10.0.0.1","protocol":"https"') as unknown as string },
  ],
];

/** @returns What curl prints: the body, HTTP's version and the status. */
async function askWithCurl({ scheme }: Form, ...args: string[]): Promise<string> {
  const version = scheme === 'https' ? ['--http2', '-k'] : ['--http2-prior-knowledge'];
  const always = ['-sS', '--max-time', '20', '-w', '\n%{http_version} %{http_code}'];
  const { stdout, stderr } = await run(CURL, [...always, ...version, ...args]);
  return stdout + stderr;
}

describe.each(FORMS)('REST over HTTP/2 on $name', (form) => {
  beforeEach(() => start(form));
  afterEach(stop);

  it.each(ROUTES)('is answered as over HTTP/1.1: %s', async (_, request, expected) => {
    const answer = await overHttp2(request);
    expect(answer).toMatchObject(expected);
    expect(answer).toEqual(await overHttp1(request));
  });

  it('takes 10 MiB in, and gives them out', async () => {
    const upload = openSession().request({ ':path': '/raw/digest', ':method': 'POST' }, { endStream: false });
    Readable.from(pieces()).pipe(upload);
    expect(await readText(upload)).toBe(digest(FILE));
    expect(digest(await readBuffer(open({ path: '/rest/file' })))).toBe(digest(FILE));
  });

  it('reads a file no faster than the client does', async () => {
    const stream = open({ path: '/rest/file' });
    await once(stream, 'response');
    await stillness(() => readPieces);
    expect(readPieces * PIECE_BYTES).toBeLessThan(2 * MIB);
    expect(digest(await readBuffer(stream))).toBe(digest(FILE));
  });

  it('streams events until the client goes, and tells the app', async () => {
    const stream = open({ path: '/rest/events' });
    stream.setEncoding('utf8');
    let text = '';
    stream.on('data', (chunk: string) => (text += chunk));
    await eventually(() => text.includes('tick 1'));
    expect(heard).toEqual([]);
    stream.close();
    await eventually(() => heard.includes('events torn down'));
  });

  it('tells the app of a client that is lost in the middle of a response', async () => {
    const stream = open({ path: '/raw' });
    await once(stream, 'data');
    stream.session?.destroy();
    await eventually(() => heard.length > 0);
    expect(heard).toEqual(['response closed, finished: false']);
  });

  it('tells the client of a response that the app breaks off', async () => {
    const stream = open({ path: '/raw' });
    const failed = once(stream, 'error');
    await once(stream, 'data');
    pending[0]?.destroy();
    expect(String((await failed)[0])).toContain('NGHTTP2_INTERNAL_ERROR');
  });

  it('serves 200 requests at once on one connection, which is all that is left of them', async () => {
    const session = openSession();
    const requests = Array.from({ length: 200 }, (_, i) => ({ path: `/rest/health?of=${i}` }));
    const answers = await Promise.all(requests.map((request) => overHttp2(request, session)));
    const bodies = answers.map(({ body }) => JSON.parse(body) as unknown);
    expect(bodies).toEqual(requests.map((_, i) => ({ status: 'up', of: String(i) })));
    expect(await countConnections()).toBe(1);
  });

  it('finishes what is under way when the app closes', async () => {
    const stream = open({ path: '/raw' });
    const answer = answerOf(stream);
    await eventually(() => pending.length === 1);
    const closed = app.close();
    await once(stream.session as ClientHttp2Session, 'goaway');
    pending[0]?.end('more');
    expect(await answer).toMatchObject({ status: 200, body: 'some more' });
    await closed;
    expect(heard).toEqual(['response closed, finished: true']);
  });

  it('goes together with gRPC and Connect on one connection', async () => {
    const manager = new Http2SessionManager(url, undefined, { ca: certificates.ca });
    const transport = { baseUrl: url, sessionManager: manager };
    const grpc = createClient(ElizaService, createGrpcTransport(transport));
    const connectRpc = createClient(ElizaService, createConnectTransport({ ...transport, httpVersion: '2' }));
    const get = async (path: string): Promise<Answer> => answerOf(await manager.request('GET', path, {}, {}));
    const rounds = Array.from({ length: 20 }, (_, i) => String(i));
    const answers = await Promise.all(
      rounds.map((sentence) =>
        Promise.all([
          grpc.say({ sentence }),
          get(`/rest/health?of=${sentence}`),
          connectRpc.say({ sentence }),
        ]),
      ),
    );
    expect(answers).toMatchObject(
      rounds.map((sentence) => [
        { sentence },
        { body: JSON.stringify({ status: 'up', of: sentence }) },
        { sentence },
      ]),
    );
    expect(await countConnections()).toBe(1);
    manager.abort();
  });

  describeWith([CURL], 'with curl', () => {
    it('gets, posts and asks for the head', async () => {
      expect(await askWithCurl(form, `${url}/rest/health`)).toBe('{"status":"up"}\n2 200');
      expect(
        await askWithCurl(form, '-H', 'content-type: application/json', '-d', '{"a":1}', `${url}/rest/echo`),
      ).toBe('{"a":1}\n2 202');
      expect(await askWithCurl(form, '--head', `${url}/rest/moved`)).toMatch(
        /^HTTP\/2 301 \r\n.*\r\n\n2 301$/s,
      );
    });

    it('waits for 100 before its body', async () => {
      const headers = ['-H', 'expect: 100-continue', '-H', 'content-type: text/plain'];
      expect(await askWithCurl(form, ...headers, '-d', 'text', `${url}/raw/digest`)).toBe(
        `${digest(Buffer.from('text'))}\n2 200`,
      );
    });
  });
});

it('clients that do not negotiate HTTP/2 are answered as before', async () => {
  await start({ name: 'Express in clear text', scheme: 'http', isFastify: false });
  const response = await fetch(`${url}/rest/health`, { headers: { connection: 'close' } });
  expect([response.status, await response.json()]).toEqual([200, { status: 'up' }]);
  await stop();
});

failOnUnhandled();
