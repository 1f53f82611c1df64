import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  connect as connectHttp2,
  createSecureServer,
  createServer as createHttp2Server,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { createServer as createHttpsServer, get as getHttps } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { createCertificates, type TestCertificates } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import {
  callHttp2,
  delay,
  echo,
  EngineHarness,
  http1Request,
  openHttp2,
  RawClient,
  recordHttp2,
  RecordingListener,
  type Serve,
} from './engine-harness.js';

function rest(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.end(`rest ${request.url}`);
}

type AppServer = Server | Http2Server | Http2SecureServer;

const REST = { ':path': '/api', ':method': 'GET', 'content-type': 'text/html' };

/** Over either version. */
function anyRest(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void {
  request.resume();
  response.end(`rest ${request.url} ${request.httpVersion}`);
}

/** Listens on a free port of 127.0.0.1, which it returns. */
function listen(server: AppServer): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(address === null || typeof address === 'string' ? 0 : address.port);
    });
  });
}

describe('an engine on the server of an application', () => {
  let certificates: TestCertificates;

  beforeAll(async () => {
    certificates = await createCertificates();
  });

  const servers: AppServer[] = [];
  const listeners: RecordingListener[] = [];
  let harness: EngineHarness;

  const record: Serve = (exchange) => {
    const listener = new RecordingListener(exchange);
    listeners.push(listener);
    exchange.start(listener);
  };

  async function mount<S extends AppServer>(server: S, serve: Serve = echo): Promise<S> {
    listeners.length = 0;
    servers.push(server);
    harness = new EngineHarness(serve, { timeouts: { prefaceMs: 100 } });
    harness.engine.attach(server);
    harness.usePort(await listen(server));
    return server;
  }

  afterEach(async () => {
    await harness.close();
    for (const server of servers.splice(0)) {
      if ('closeAllConnections' in server) {
        server.closeAllConnections();
      }
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('serves RPCs over HTTP/1.1 and HTTP/2 beside the REST routes', async () => {
    await mount(createServer(rest));
    await harness.raw().write(http1Request('rpc 1')).until('\r\n\r\nrpc 1');
    expect((await callHttp2(harness.http2(), 'rpc 2')).body).toBe('rpc 2');
    await harness.raw().write('GET /api HTTP/1.1\r\nhost: x\r\n\r\n').until('rest /api');
  });

  it('serves both on one keep-alive connection', async () => {
    await mount(createServer(rest));
    const client = harness.raw();
    await client.write(http1Request('rpc')).until('\r\n\r\nrpc');
    await client.write('GET /api HTTP/1.1\r\nhost: x\r\n\r\n').until('rest /api');
    expect(await client.write(http1Request('again')).until('\r\n\r\nagain')).toContain('\r\n\r\nagain');
  });

  it('lets a protocol answer for an unknown method, when nothing else uses its content type', async () => {
    await mount(createServer(rest));
    await harness
      .raw()
      .write(http1Request('', {}, '/no.Service/Method'))
      .until('unknown method');
    expect(
      await harness
        .raw()
        .write(http1Request('', { 'content-type': 'application/json' }, '/no.Service/Method'))
        .until('rest /no.Service/Method'),
    ).toContain('rest /no.Service/Method');
  });

  it('calls all listeners that were there, in order, and those that come later', async () => {
    const calls: string[] = [];
    const server = createServer((request) => void calls.push(`first ${request.url}`));
    server.on('request', rest);
    await mount(server);
    server.on('request', (request: IncomingMessage) => void calls.push(`later ${request.url}`));
    await harness.raw().write('GET /a HTTP/1.1\r\nhost: x\r\n\r\n').until('rest /a');
    expect(calls).toEqual(['first /a', 'later /a']);
  });

  it('keeps RPCs from listeners that come later, and connections too', async () => {
    const server = await mount(createServer(rest));
    const seen: (string | undefined)[] = [];
    server.on('request', ({ url }: IncomingMessage) => void seen.push(url));
    await harness.raw().write(http1Request('rpc')).until('\r\n\r\nrpc');
    await harness.raw().write('GET /api HTTP/1.1\r\nhost: x\r\n\r\n').until('rest /api');
    expect(seen).toEqual(['/api']);
  });

  it('goes together with a library that takes the listeners over afterwards, as engine.io does', async () => {
    const server = await mount(createServer(rest));
    const others = server.listeners('request');
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/library') {
        response.end('library');
      } else {
        others.forEach((listener) => void Reflect.apply(listener, server, [request, response]));
      }
    });
    await harness.raw().write(http1Request('rpc')).until('\r\n\r\nrpc');
    await harness.raw().write('GET /api HTTP/1.1\r\nhost: x\r\n\r\n').until('rest /api');
    expect(
      await harness.raw().write('GET /library HTTP/1.1\r\nhost: x\r\n\r\n').until('\r\n\r\nlibrary'),
    ).toContain('200 OK');
  });

  it('hands other requests over HTTP/2 on as HTTP/1.1', async () => {
    await mount(createServer(anyRest));
    expect(await callHttp2(harness.http2(), '', REST)).toMatchObject({ status: 200, body: 'rest /api 1.1' });
  });

  it('leaves upgrades to the application', async () => {
    const server = createServer(rest);
    server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nws'));
    await mount(server);
    expect(
      await harness
        .raw()
        .write('GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
        .until('101 Switching Protocols\r\n\r\nws'),
    ).toContain('101 Switching Protocols\r\n\r\nws');
  });

  it("keeps the server's own limit of time for headers", async () => {
    await mount(
      createServer({ headersTimeout: 60, requestTimeout: 60, connectionsCheckingInterval: 20 }, rest),
    );
    expect(await harness.raw().write('GET / HTTP/1.1\r\n').until('408 Request Timeout')).toContain(
      '408 Request Timeout',
    );
  });

  it('closes silent connections', async () => {
    await mount(createServer(rest));
    const client = harness.raw();
    await client.ended;
    expect(client.text).toBe('');
  });

  it('serves a server that is listening already', async () => {
    const server = createServer(rest);
    servers.push(server);
    harness = new EngineHarness().usePort(await listen(server));
    harness.engine.attach(server);
    expect((await callHttp2(harness.http2(), 'x')).body).toBe('x');
    await new Promise((resolve) =>
      get(`http://127.0.0.1:${harness.port}/a`, (r) => r.resume().on('end', resolve)),
    );
  });

  describe('on a server of node:http2', () => {
    it('serves RPCs, and hands other streams on', async () => {
      await mount(createHttp2Server(anyRest));
      const session = harness.http2();
      expect((await callHttp2(session, 'rpc')).body).toBe('rpc');
      expect(await callHttp2(session, '', REST)).toMatchObject({ status: 200, body: 'rest /api 2.0' });
    });

    it('gives a stream listener all that node:http2 does', async () => {
      const server = createHttp2Server();
      const seen: unknown[] = [];
      server.on('stream', (stream, headers, flags, ...raw: unknown[]) => {
        seen.push(headers[':path'], flags & 1, (raw[0] as string[]).includes('text/html'));
        stream.respond({ ':status': 204 }, { endStream: true });
      });
      await mount(server);
      const stream = harness.http2().request(REST, { endStream: true });
      expect((await recordHttp2(stream)).status).toBe(204);
      expect(seen).toEqual(['/api', 1, true]);
    });

    it('answers 404 when it has no listener', async () => {
      await mount(createHttp2Server());
      expect(await callHttp2(harness.http2(), '', REST)).toMatchObject({ status: 404 });
    });

    it('speaks HTTP/1.1 as well, which it does not by itself', async () => {
      await mount(createHttp2Server(anyRest));
      const client = harness.raw();
      await client.write(http1Request('rpc')).until('\r\n\r\nrpc');
      expect(await client.write('GET /api HTTP/1.1\r\nhost: x\r\n\r\n').until('rest /api 1.1')).toContain(
        '200 OK',
      );
    });

    it('waits at a drain for what the application answers, and then can close', async () => {
      const server = await mount(
        // Longer than connections without calls linger.
        createHttp2Server((_request, response) => void setTimeout(() => response.end('slow'), 1_200)),
      );
      const answers = [callHttp2(harness.http2(), '', REST), callHttp2(harness.http2(), '', REST)];
      const client = harness.raw().write('GET /api HTTP/1.1\r\nhost: x\r\n\r\n');
      await delay(30);
      await harness.engine.drain();
      servers.length = 0;
      await new Promise((resolve) => server.close(resolve));
      expect(await Promise.all(answers)).toMatchObject([{ body: 'slow' }, { body: 'slow' }]);
      expect(client.text).toContain('slow');
    });

    it('does not wait for it when it is closed at once', async () => {
      await mount(createHttp2Server(() => {}));
      const answer = callHttp2(harness.http2(), '', REST);
      await delay(30);
      await harness.engine.close();
      expect((await answer).status).toBeUndefined();
    });

    it('serves RPCs over TLS, in both versions when it allows HTTP/1.1', async () => {
      await mount(createSecureServer({ ...certificates.server, allowHTTP1: true }, anyRest));
      const secure = (protocol: string): ReturnType<typeof connectTls> =>
        harness.track(
          connectTls({
            host: '127.0.0.1',
            port: harness.port,
            ca: certificates.ca,
            ALPNProtocols: [protocol],
          }),
        );
      const session = harness.track(
        connectHttp2(`https://localhost:${harness.port}`, { createConnection: () => secure('h2') }),
      );
      session.on('error', () => {});
      expect((await callHttp2(session, 'rpc 2')).body).toBe('rpc 2');
      expect((await callHttp2(session, '', REST)).body).toBe('rest /api 2.0');
      const client = new RawClient(secure('http/1.1'));
      await client.write(http1Request('rpc 1')).until('\r\n\r\nrpc 1');
      await client.write('GET /api HTTP/1.1\r\nhost: x\r\n\r\n').until('rest /api 1.1');
    });
  });

  describe('over TLS', () => {
    it('serves both versions by ALPN', async () => {
      await mount(createHttpsServer(certificates.server, rest));
      const secure = (protocol: string): ReturnType<typeof connectTls> =>
        harness.track(
          connectTls({
            host: '127.0.0.1',
            port: harness.port,
            ca: certificates.ca,
            ALPNProtocols: [protocol],
          }),
        );
      const session = harness.track(
        connectHttp2(`https://localhost:${harness.port}`, { createConnection: () => secure('h2') }),
      );
      session.on('error', () => {});
      expect((await callHttp2(session, 'rpc 2')).body).toBe('rpc 2');
      await new RawClient(secure('http/1.1')).write(http1Request('rpc 1')).until('\r\n\r\nrpc 1');
      const body = await new Promise((resolve, reject) => {
        getHttps(
          `https://127.0.0.1:${harness.port}/api`,
          { ca: certificates.ca, agent: false },
          (response) => {
            response.on('data', (chunk: Buffer) => resolve(chunk.toString()));
          },
        ).on('error', reject);
      });
      expect(body).toBe('rest /api');
    });
  });

  describe('drain', () => {
    it('ends HTTP/2 connections and lets their calls finish, so that the server can close', async () => {
      const server = await mount(createServer(rest), record);
      const session = harness.http2();
      const told = once(session, 'goaway');
      const stream = openHttp2(session);
      const result = recordHttp2(stream);
      stream.end();
      harness.raw();
      await eventually(() => listeners.length === 1);
      const drained = harness.engine.drain();
      await told;
      expect(server.listening).toBe(true);
      listeners[0]?.exchange.respondAndEnd(200, [], Buffer.from('done'));
      expect(await result).toMatchObject({ status: 200, body: 'done' });
      await drained;
      servers.length = 0;
      await new Promise((resolve) => server.close(resolve));
    });

    it('leaves the REST routes and their connections alone', async () => {
      await mount(createServer((_, response) => void setTimeout(() => response.end('slow rest'), 100)));
      const client = harness.raw().write('GET /api HTTP/1.1\r\nhost: x\r\n\r\n');
      await delay(20);
      await harness.engine.drain();
      await client.until('slow rest');
      client.text = '';
      expect(await client.write('GET /api HTTP/1.1\r\nhost: x\r\n\r\n').until('slow rest')).toContain(
        'slow rest',
      );
    });

    it('refuses new calls over HTTP/1.1 with 503', async () => {
      await mount(createServer(rest));
      await harness.engine.drain();
      const text = await harness.raw().write(http1Request('x')).until('503 Service Unavailable');
      expect(text).toContain('connection: close');
    });
  });
});
