/**
 * What both engines promise, over every transport, against our own server.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createTcp, type Server as TcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type ConnectionOptions } from '../../lib/client/connection/connection-options.js';
import { Http1Client } from '../../lib/client/connection/http1-client.js';
import { Http2Client } from '../../lib/client/connection/http2-client.js';
import { parseTarget, type Target } from '../../lib/client/balancing/target.js';
import { fateOf } from '../../lib/client/connection/exchange-failure.js';
import { Code } from '../../lib/rpc/code.js';
import { type Exchange } from '../../lib/wire/exchange.js';
import { type HttpClient } from '../../lib/wire/client-exchange.js';
import {
  CONTENT_TYPE,
  echo,
  EngineHarness,
  headerIn,
  PATH,
  RecordingListener,
  type Serve,
} from '../server/engine-harness.js';
import { createCertificates, type TestCertificates } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { Closing } from './peers.js';
import { post, RecordingCall } from './recording-listener.js';

interface EngineClient extends HttpClient {
  close(): Promise<void>;
  destroy(): void;
}

type ClientClass = new (target: Target, options?: ConnectionOptions) => EngineClient;

const ENGINES: readonly (readonly [name: string, version: string, client: ClientClass])[] = [
  ['Http1Client', '1.1', Http1Client],
  ['Http2Client', '2', Http2Client],
];

const TYPED = ['content-type', CONTENT_TYPE];
const MIB = 1_048_576;

const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
/** A fatal alert: no cipher, no version in common, or an unknown name. (RFC 8446, section 6.2) */
const HANDSHAKE_FAILURE = Buffer.from('15 0303 0002 0228'.replaceAll(' ', ''), 'hex');

failOnUnhandled();

let certificates: TestCertificates;
let folder: string;

beforeAll(async () => {
  certificates = await createCertificates();
  folder = await mkdtemp(join(tmpdir(), 'nestjs-connect-client-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(ENGINES)('%s', (_, version, Client) => {
  let harness: EngineHarness;
  let client: EngineClient;
  const exchanges: Exchange[] = [];

  /** Serves, and makes a client. */
  async function serve(behaviour: Serve): Promise<void> {
    exchanges.length = 0;
    harness = await new EngineHarness(recorded(behaviour)).listen();
    client = harness.track(new Client(parseTarget(`http://127.0.0.1:${harness.port}`)));
  }

  function recorded(behaviour: Serve): Serve {
    return (exchange) => {
      exchanges.push(exchange);
      behaviour(exchange);
    };
  }

  afterEach(() => harness.close());

  describe('over', () => {
    it.each(['clear text', 'TLS', 'TLS with a client certificate', 'a unix socket'])(
      '%s',
      async (transport) => {
        exchanges.length = 0;
        const path = join(folder, `${version}.sock`);
        const { ca, server, client: own } = certificates;
        const isTls = transport.startsWith('TLS');
        harness = await new EngineHarness(recorded(echo)).listen(
          isTls
            ? { tls: { ...server, ca, requestCert: true, rejectUnauthorized: transport !== 'TLS' } }
            : transport === 'a unix socket'
              ? { path }
              : {},
        );
        const authority = `localhost:${harness.port}`;
        const url = isTls
          ? `https://${authority}`
          : transport === 'a unix socket'
            ? `unix:${path}`
            : `http://${authority}`;
        const tls = isTls ? { ca, ...(transport !== 'TLS' && own) } : undefined;
        client = harness.track(new Client(parseTarget(url), { tls }));
        const call = await RecordingCall.send(client, post(PATH, TYPED), 'hello').over;
        expect(call.reason?.message).toBeUndefined();
        expect(call).toMatchObject({ status: 200, text: 'hello', events: ['headers', 'data', 'end'] });
        expect(call.header('content-length')).toBe('5');
        const [exchange] = exchanges;
        expect(exchange?.httpVersion).toBe(version);
        expect(exchange?.header('content-length')).toBe('5');
        const name = version === '2' ? ':authority' : 'host';
        expect(headerIn(exchange?.requestHeaders ?? [], name)).toBe(
          url.startsWith('unix') ? 'localhost' : authority,
        );
      },
    );
  });

  it('sends a body in pieces', async () => {
    await serve(echo);
    const call = RecordingCall.open(client, post(PATH, TYPED));
    await eventually(() => exchanges.length === 1);
    call.exchange.write(Buffer.from('ab'));
    call.exchange.write(Buffer.from('cd'));
    call.exchange.end();
    expect(call.exchange.write(Buffer.from('too late'))).toBe(false);
    await call.over;
    expect(call).toMatchObject({ text: 'abcd', events: ['headers', 'data', 'end'] });
    expect(exchanges[0]?.header('content-length')).toBeUndefined();
  });

  it.each<[string, 'GET' | 'POST', Uint8Array | undefined, string | undefined]>([
    ['GET has no body', 'GET', undefined, undefined],
    ['POST says that its body is empty', 'POST', new Uint8Array(0), '0'],
  ])('%s', async (_name, method, body, length) => {
    await serve((exchange) => exchange.respondAndEnd(200, [], Buffer.from('x')));
    const call = await RecordingCall.send(client, { method, target: PATH, headers: TYPED }, body).over;
    expect(call.text).toBe('x');
    expect(exchanges[0]).toMatchObject({ method, hasBody: false });
    expect(exchanges[0]?.header('content-length')).toBe(length);
  });

  it('sends and receives repeated headers in their order', async () => {
    const pairs = ['x-a', '1', 'x-b', '2', 'x-a', '3', 'constructor', '4'];
    await serve((exchange) => exchange.respondAndEnd(200, pairs));
    const call = await RecordingCall.send(client, post(PATH, [...TYPED, ...pairs])).over;
    const ofServer = ownOf(exchanges[0]?.requestHeaders ?? []);
    // Node's HTTP/2 sends an object of headers: values of one name travel together.
    const expected = version === '2' ? ['x-a', '1', 'x-a', '3', 'x-b', '2', 'constructor', '4'] : pairs;
    expect([ofServer, ownOf(call.headerList)]).toEqual([expected, expected]);
  });

  it('shows the head of a response before there is a body', async () => {
    await serve((exchange) => {
      exchange.start(new RecordingListener(exchange));
      exchange.respond(200, []);
    });
    const call = RecordingCall.send(client, post(PATH, TYPED), 'x');
    await eventually(() => call.status === 200);
    exchanges[0]?.write(Buffer.from('a'));
    await eventually(() => call.text === 'a');
    exchanges[0]?.end(Buffer.from('b'));
    await call.over;
    expect(call.text).toBe('ab');
  });

  it('asks its caller to wait while the server does not read, and tells when it goes on', async () => {
    await serve((exchange) => {
      exchange.start(new RecordingListener(exchange));
      exchange.pause();
    });
    const call = RecordingCall.open(client, post(PATH, TYPED));
    let written = 0;
    while (call.exchange.write(new Uint8Array(65_536))) {
      written += 65_536;
      expect(written).toBeLessThan(32 * MIB);
    }
    await eventually(() => exchanges.length === 1);
    exchanges[0]?.resume();
    await eventually(() => call.drains > 0);
  });

  it('holds the server back while it is paused', async () => {
    let isDrained = false;
    await serve((exchange) => {
      const listener = new RecordingListener(exchange);
      listener.onDrain = () => {
        isDrained = true;
      };
      exchange.start(listener);
      exchange.respond(200, []);
      exchange.write(new Uint8Array(32 * MIB));
    });
    const call = RecordingCall.send(client, post(PATH, TYPED));
    call.exchange.pause();
    await eventually(() => call.status === 200);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isDrained).toBe(false);
    expect(call.chunks).toEqual([]);
    call.exchange.resume();
    await eventually(() => isDrained, 20_000);
    exchanges[0]?.end();
    await call.over;
    expect(call.chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(32 * MIB);
  });

  it('tells a response that comes while the request is still on its way', async () => {
    await serve((exchange) => exchange.respondAndEnd(413, [], Buffer.from('too much')));
    const call = await RecordingCall.send(client, post(PATH, TYPED), new Uint8Array(16 * MIB)).over;
    call.exchange.reset();
    expect(call.reason?.message).toBeUndefined();
    expect(call).toMatchObject({ status: 413, text: 'too much', events: ['headers', 'data', 'end'] });
    await client.close();
  });

  it('reset() ends the call for the server and tells its caller nothing', async () => {
    const listeners: RecordingListener[] = [];
    await serve((exchange) => {
      const listener = new RecordingListener(exchange);
      listeners.push(listener);
      exchange.start(listener);
    });
    const call = RecordingCall.open(client, post(PATH, TYPED));
    call.exchange.write(Buffer.from('x'));
    await eventually(() => listeners[0]?.text === 'x');
    call.exchange.reset();
    call.exchange.reset();
    await listeners[0]?.closed;
    expect(listeners[0]?.events).toEqual(['data', 'abort', 'close']);
    expect(call.events).toEqual([]);
    expect(call.exchange.write(Buffer.from('x'))).toBe(false);
    call.exchange.end();
    call.exchange.pause();
    call.exchange.resume();
  });

  it('reset() after the end leaves the connection for the next call', async () => {
    await serve(echo);
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 3; i++) {
      const call = await RecordingCall.send(client, post(PATH, TYPED), `${i}`).over;
      call.exchange.reset();
      ports.add(exchanges[i]?.peer.port);
      expect(call.text).toBe(`${i}`);
      await new Promise(setImmediate); // HTTP/1.1: Node hands the connection back.
    }
    expect(ports.size).toBe(1);
  });

  it('close() waits for what is under way, and takes nothing new', async () => {
    await serve((exchange) => exchange.start(new RecordingListener(exchange)));
    const call = RecordingCall.send(client, post(PATH, TYPED), 'x');
    await eventually(() => exchanges.length === 1);
    const closed = new Closing(client);
    const late = await RecordingCall.open(client, post(PATH, TYPED)).over;
    expect(late.reason).toMatchObject({ code: Code.Unavailable });
    expect(late.reason?.rawMessage).toMatch(/^the client of http:\/\/127.0.0.1:\d+ is closed$/);
    expect(closed.isDone).toBe(false);
    exchanges[0]?.respondAndEnd(200, [], Buffer.from('done'));
    await call.over;
    await closed.done;
    expect(call).toMatchObject({ text: 'done', events: ['headers', 'data', 'end'] });
    await client.close();
  });

  it('close() before any request settles', async () => {
    await serve(echo);
    await client.close();
    client.destroy();
    expect(exchanges).toEqual([]);
  });

  it('destroy() cuts off what is under way, and tells', async () => {
    const listeners: RecordingListener[] = [];
    await serve((exchange) => {
      const listener = new RecordingListener(exchange);
      listeners.push(listener);
      exchange.start(listener);
    });
    const call = RecordingCall.open(client, post(PATH, TYPED));
    call.exchange.write(Buffer.from('x'));
    await eventually(() => listeners[0]?.text === 'x');
    client.destroy();
    expect(call.events).toEqual(['abort']);
    expect(call.reason).toMatchObject({ code: Code.Canceled });
    await listeners[0]?.closed;
    expect(listeners[0]?.events).toEqual(['data', 'abort', 'close']);
    await client.close();
  });
});

describe.each(ENGINES)('%s cannot connect:', (_, __, Client) => {
  const servers: TcpServer[] = [];

  async function attempt(url: string, tls?: ConnectionOptions['tls']): Promise<RecordingCall> {
    const client = new Client(parseTarget(url), { tls });
    const calls = await Promise.all([
      RecordingCall.send(client, post(PATH), 'x').over,
      RecordingCall.open(client, post(PATH)).over,
    ]);
    expect(calls.map(({ events }) => events)).toEqual([['abort'], ['abort']]);
    expect(calls.map(({ reason }) => reason?.code)).toEqual([Code.Unavailable, Code.Unavailable]);
    await client.close();
    return calls[0];
  }

  afterEach(() => {
    servers.forEach((server) => server.close());
    servers.length = 0;
  });

  it('nobody listens', async () => {
    const url = `http://127.0.0.1:${await unusedPort()}`;
    const { reason } = await attempt(url);
    expect(reason?.rawMessage).toBe(`cannot connect to ${url}: connect ECONNREFUSED ${url.slice(7)}`);
    expect(reason?.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect(reason === undefined ? undefined : fateOf(reason)).toBe('unprocessed');
  });

  it('nobody listens at any address of the name', async () => {
    const { reason } = await attempt(`http://localhost:${await unusedPort()}`);
    expect(reason?.rawMessage).toMatch(/^cannot connect to http:\/\/localhost:\d+: connect ECONNREFUSED/);
    expect(reason === undefined ? undefined : fateOf(reason)).toBe('unprocessed');
  });

  it('there is no such file', async () => {
    const { reason } = await attempt(`unix:${folder}/none.sock`);
    expect(reason?.rawMessage).toMatch(/^cannot connect to unix:.*none.sock: connect ENOENT/);
    expect(reason === undefined ? undefined : fateOf(reason)).toBe('unprocessed');
  });

  it.each([
    ['the certificate is not trusted', 'localhost', () => undefined, /certificate/],
    [
      'the certificate has another name',
      'localhost',
      () => ({ ca: certificates.ca, servername: 'other.test' }),
      /other\.test/,
    ],
  ])('%s', async (_name, host, tls, message) => {
    const harness = await new EngineHarness().listen({ tls: certificates.server });
    const { reason } = await attempt(`https://${host}:${harness.port}`, tls());
    expect(reason?.rawMessage).toMatch(/^cannot connect to https:\/\/localhost:\d+: /);
    expect(reason?.rawMessage).toMatch(message);
    // It would be as wrong the next time.
    expect(reason === undefined ? 'none' : fateOf(reason)).toBeUndefined();
    await harness.close();
  });

  it.each<[string, (socket: Socket) => void, string | undefined]>([
    ['the peer closes during the handshake', (socket) => socket.end(), 'unprocessed'],
    ['the peer resets during the handshake', (socket) => socket.resetAndDestroy(), 'unprocessed'],
    ['the peer answers the handshake with HTTP', (socket) => socket.end(BAD_REQUEST), undefined],
    ['the peer refuses the handshake', (socket) => socket.end(HANDSHAKE_FAILURE), undefined],
  ])('%s', async (_name, answer, fate) => {
    const peer = createTcp((socket) => {
      socket.on('error', () => {}).once('data', () => answer(socket));
    }).listen(0, '127.0.0.1');
    servers.push(peer);
    await once(peer, 'listening');
    const { port } = peer.address() as { port: number };
    const { reason } = await attempt(`https://127.0.0.1:${port}`);
    expect(reason?.rawMessage).toMatch(/^cannot connect to https:\/\/127\.0\.0\.1:\d+: ./);
    expect(reason === undefined ? undefined : fateOf(reason)).toBe(fate);
  });

  it('a call that is given up meanwhile does not keep its client open', async () => {
    const silent = createTcp((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    servers.push(silent);
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const client = new Client(parseTarget(`https://127.0.0.1:${port}`));
    const call = RecordingCall.send(client, post(PATH), 'x');
    await once(silent, 'connection');
    call.exchange.reset();
    await client.close();
    expect(call.events).toEqual([]);
  });

  it('TLS options for a target in clear text are refused', () => {
    expect(() => new Client(parseTarget('http://localhost'), { tls: {} })).toThrow(TypeError);
    expect(
      () => new Client(parseTarget('https://localhost'), { tls: { ca: certificates.ca, cert: 'no PEM' } }),
    ).toThrow(/PEM/);
  });
});

/** @returns Those that the specs have given. */
function ownOf(list: readonly string[]): string[] {
  return list.filter((_, i) => /^(x-|constructor)/.test(list[i % 2 === 0 ? i : i - 1] ?? ''));
}

async function unusedPort(): Promise<number> {
  const server = createTcp().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
