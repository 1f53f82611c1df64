/**
 * Several servers behind one client, on sockets: what is refused, moved, restarted and named.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttp1, type RequestListener } from 'node:http';
import { createSecureServer as createSecureHttp2, createServer as createHttp2 } from 'node:http2';
import { createServer as createSecureHttp1 } from 'node:https';
import { type AddressInfo, type ListenOptions, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createEngine, type EngineOptions } from '../../lib/client/balancing/balanced-client.js';
import { type Channel, type ClientEngine } from '../../lib/client/channel.js';
import { type ConnectClient } from '../../lib/client/client-types.js';
import { type ChannelOptions, createChannel } from '../../lib/client/create-channel.js';
import { createClient } from '../../lib/client/create-client.js';
import { parseDestination } from '../../lib/client/balancing/destination.js';
import { fateOf } from '../../lib/client/connection/exchange-failure.js';
import { type ConnectionOptions } from '../../lib/client/connection/connection-options.js';
import { Http1Client } from '../../lib/client/connection/http1-client.js';
import { Http2Client } from '../../lib/client/connection/http2-client.js';
import { type Target } from '../../lib/client/balancing/target.js';
import { Code } from '../../lib/rpc/code.js';
import { type HttpClient } from '../../lib/wire/client-exchange.js';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { createCertificates, type KeyPair, type TestCertificates } from '../support/certificates.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { post, RecordingCall } from './recording-listener.js';

/** Of either version. */
type NamedRequest = Parameters<RequestListener>[0] & { readonly authority?: string };

/** The client of an HTTP version, and servers that speak it. */
interface Version {
  readonly Client: new (target: Target, options?: ConnectionOptions) => ClientEngine;
  readonly clear: (serve: RequestListener) => Server;
  readonly secure: (keys: KeyPair, serve: RequestListener) => Server;
}

const VERSIONS: readonly (readonly [name: string, version: Version])[] = [
  ['HTTP/1.1', { Client: Http1Client, clear: createHttp1, secure: createSecureHttp1 }],
  // The compatibility API has what these servers need.
  [
    'HTTP/2',
    {
      Client: Http2Client,
      clear: (serve) => createHttp2(serve as never),
      secure: (keys, serve) => createSecureHttp2(keys, serve as never),
    },
  ],
];

/** A server that can be stopped, as by a crash. */
class StoppableServer {
  connections = 0;
  readonly #sockets = new Set<Socket>();

  constructor(private readonly server: Server) {
    server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  async listen(options: ListenOptions): Promise<this> {
    this.server.listen(options);
    await once(this.server, 'listening');
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.server.close(resolve);
    });
    this.#sockets.forEach((socket) => socket.destroy());
    await closed;
  }
}

/** A call that meets the end of its connection is lost: nobody knows whether the server had begun. */
async function callUntilAnswered(client: HttpClient): Promise<string> {
  for (;;) {
    const { reason, text } = await RecordingCall.send(client, post('/'), 'x').over;
    if (reason === undefined) {
      return text;
    }
  }
}

/** What a retry above the client does: a request that no server has begun with comes again. */
async function call(client: HttpClient, attempts = 5): Promise<string> {
  const { reason, text } = await RecordingCall.send(client, post('/'), 'x').over;
  if (reason === undefined) {
    return text;
  }
  if (fateOf(reason) !== 'unprocessed' || attempts === 1) {
    throw reason;
  }
  return call(client, attempts - 1);
}

async function callMany(client: HttpClient, count: number): Promise<string> {
  const answers = await Promise.all(Array.from({ length: count }, () => call(client)));
  return answers.toSorted().join(' ');
}

/** A port on which nobody listens. */
async function unusedPort(): Promise<number> {
  const server = await new StoppableServer(createHttp1()).listen({ host: '127.0.0.1', port: 0 });
  const { port } = server;
  await server.stop();
  return port;
}

function listOf(...ports: readonly number[]): string {
  return `static:///${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
}

/** A Connect server, whose answer tells which one it is. */
const say: RequestListener = ({ socket }, response) => {
  const port = 'encrypted' in socket ? 'TLS' : String(socket.localPort);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ sentence: port }));
};

failOnUnhandled();

let certificates: TestCertificates;
let folder: string;

beforeAll(async () => {
  certificates = await createCertificates();
  folder = await mkdtemp(join(tmpdir(), 'nestjs-connect-balancing-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(VERSIONS)('over %s', (versionName, { Client, clear, secure }) => {
  const servers: StoppableServer[] = [];
  let client: ClientEngine | undefined;
  let skippedMs: number;

  beforeEach(() => {
    skippedMs = 0;
    const now = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + skippedMs);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    client?.destroy();
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  function listen(server: Server, options: ListenOptions = {}): Promise<StoppableServer> {
    const stoppable = new StoppableServer(server);
    servers.push(stoppable);
    return stoppable.listen(
      options.path === undefined ? { host: '127.0.0.1', port: 0, ...options } : options,
    );
  }

  /** A server that answers with a text. */
  function serve(text: string, options?: ListenOptions): Promise<StoppableServer> {
    return listen(
      clear((_request, response) => void response.end(text)),
      options,
    );
  }

  function connect(url: string, { tls, ...options }: EngineOptions & ConnectionOptions = {}): ClientEngine {
    const destination = parseDestination(url, { isSecure: tls !== undefined });
    client = createEngine(destination, (target) => new Client(target, { tls }), options);
    return client;
  }

  /** Answers with what the client has called it. */
  function serveNames(): Promise<StoppableServer> {
    return listen(
      secure(certificates.server, ({ socket, headers, authority }: NamedRequest, response) => {
        const { servername } = socket as TLSSocket;
        response.end(`${String(servername)} ${authority ?? headers.host ?? ''}`);
      }),
    );
  }

  /** @returns The port that it had. */
  async function stop(server: StoppableServer): Promise<number> {
    const { port } = server;
    servers.splice(servers.indexOf(server), 1);
    await server.stop();
    return port;
  }

  it.each(['pick_first', 'round_robin'] as const)(
    'loses no call when the first two of three addresses refuse connections (%s)',
    async (balancing) => {
      const { port } = await serve('c');
      const engine = connect(listOf(await unusedPort(), await unusedPort(), port), { balancing });
      expect(await callMany(engine, 20)).toBe('c '.repeat(20).trim());
      // The others rest now: the first attempt arrives.
      expect(await call(engine, 1)).toBe('c');
    },
  );

  it('takes one address after the other, and keeps their connections', async () => {
    const [a, b, c] = [await serve('a'), await serve('b'), await serve('c')];
    const engine = connect(listOf(a.port, b.port, c.port), { balancing: 'round_robin' });
    const answers: string[] = [];
    for (let i = 0; i < 9; i++) {
      answers.push(await call(engine, 1));
    }
    expect(answers.join(' ')).toBe('a b c a b c a b c');
    expect([a.connections, b.connections, c.connections]).toEqual([1, 1, 1]);
  });

  it('stays with one address until it is stopped', async () => {
    const [a, b] = [await serve('a'), await serve('b')];
    const engine = connect(listOf(a.port, b.port));
    expect(await callMany(engine, 3)).toBe('a a a');
    expect(b.connections).toBe(0);
    await stop(a);
    expect(await callUntilAnswered(engine)).toBe('b');
    expect(await callMany(engine, 3)).toBe('b b b');
  });

  it('goes round those that are left, and comes back to one that was restarted', async () => {
    const [a, b] = [await serve('a'), await serve('b')];
    const engine = connect(listOf(a.port, b.port), { balancing: 'round_robin' });
    expect(await callMany(engine, 2)).toBe('a b');
    const port = await stop(b);
    expect([await callUntilAnswered(engine), await callUntilAnswered(engine)]).toEqual(['a', 'a']);
    expect(await callMany(engine, 4)).toBe('a a a a');
    await serve('b again', { port });
    expect(await callMany(engine, 2)).toBe('a a');
    skippedMs += 60_000;
    await callMany(engine, 2); // One of them is the trial.
    expect(await callMany(engine, 2)).toBe('a b again');
  });

  it('goes to sockets of a list', async () => {
    const path = join(folder, `${versionName.replace('/', '')}.sock`);
    await serve('a socket', { path });
    const engine = connect(`static:///unix:${join(folder, 'missing.sock')},unix:${path}`);
    expect(await call(engine)).toBe('a socket');
  });

  describe('and DNS', () => {
    // All of 127.0.0.0/8 are addresses of the loopback interface on Linux.
    it('goes to all addresses of a name', async () => {
      const { port } = await serve('a');
      await serve('b', { host: '127.0.0.2', port });
      const engine = connect(`dns:///eliza.test:${port}`, {
        balancing: 'round_robin',
        lookup: async () => ['127.0.0.1', '127.0.0.2'],
      });
      expect(await callMany(engine, 4)).toBe('a a b b');
    });

    it('follows a name that moves when its server is gone', async () => {
      const a = await serve('a');
      const { port } = a;
      let address = '127.0.0.1';
      const lookup = jest.fn(async () => [address]);
      const engine = connect(`dns:///eliza.test:${port}`, { reresolveMs: Infinity, lookup });
      expect(await call(engine)).toBe('a');
      await serve('b', { host: '127.0.0.2', port });
      address = '127.0.0.2';
      skippedMs += 1_000;
      expect(await call(engine, 1)).toBe('a');
      await stop(a);
      expect(await callUntilAnswered(engine)).toBe('b');
      expect(await callMany(engine, 5)).toBe('b b b b b');
      expect(lookup).toHaveBeenCalledTimes(2);
    });

    it('follows a name that moves after the interval, and ends no call for it', async () => {
      const answers: (() => void)[] = [];
      const a = await listen(clear((_request, response) => void answers.push(() => response.end('a'))));
      let address = '127.0.0.1';
      const engine = connect(`dns:///eliza.test:${a.port}`, { lookup: async () => [address] });
      const slow = [call(engine, 1)];
      await serve('b', { host: '127.0.0.2', port: a.port });
      address = '127.0.0.2';
      await eventually(() => answers.length === 1);
      skippedMs += 60_000;
      slow.push(call(engine, 1)); // Finds that the addresses are old, and does not wait for others.
      await eventually(() => answers.length === 2);
      expect(await call(engine, 1)).toBe('b');
      answers.forEach((answer) => answer());
      expect(await Promise.all(slow)).toEqual(['a', 'a']);
    });

    it('asks the system for localhost', async () => {
      const { port } = await serve('a');
      // Where it has an IPv6 address, too, nobody listens there.
      expect(await call(connect(`dns:///localhost:${port}`))).toBe('a');
    });

    it('tells which name has no address', async () => {
      const reason = await call(connect('dns:///eliza.invalid:80'), 1).catch((error: unknown) => error);
      expect(reason).toMatchObject({
        code: Code.Unavailable,
        rawMessage: expect.stringMatching(/^cannot resolve dns:\/\/\/eliza\.invalid:80: getaddrinfo E/),
      });
    });
  });

  describe('and TLS', () => {
    it('means the name, and not the address, in SNI, authority and certificate', async () => {
      const { port } = await serveNames();
      const checked: string[] = [];
      const tls = {
        ca: certificates.ca,
        checkServerIdentity: (name: string): undefined => void checked.push(name),
      };
      const engine = connect(`dns:///eliza.test:${port}`, { tls, lookup: async () => ['127.0.0.1'] });
      expect(await call(engine, 1)).toBe(`eliza.test eliza.test:${port}`);
      expect(checked).toEqual(['eliza.test']);
    });

    it('refuses a certificate for another name, and names name and address', async () => {
      const { port } = await serveNames();
      const tls = { ca: certificates.ca };
      const engine = connect(`dns:///eliza.test:${port}`, { tls, lookup: async () => ['127.0.0.1'] });
      const reason = await call(engine, 1).catch((error: unknown) => error);
      expect(reason).toMatchObject({
        code: Code.Unavailable,
        rawMessage: expect.stringMatching(
          new RegExp(`https://eliza\\.test:${port} \\(127\\.0\\.0\\.1\\).*Host: eliza\\.test\\. is not in`),
        ),
      });
    });

    it('means each entry of a list by its own name', async () => {
      const { port } = await serveNames();
      const engine = connect(`static:///localhost:${port},127.0.0.1:${port}`, {
        tls: { ca: certificates.ca },
        balancing: 'round_robin',
      });
      expect(await call(engine)).toBe(`localhost localhost:${port}`);
      expect(await call(engine)).toBe(`false 127.0.0.1:${port}`);
    });
  });
});

describe('createChannel', () => {
  const servers: StoppableServer[] = [];
  let channel: Channel | undefined;

  afterEach(async () => {
    channel?.destroy();
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  async function listen(server: Server): Promise<StoppableServer> {
    const stoppable = await new StoppableServer(server).listen({ host: '127.0.0.1', port: 0 });
    servers.push(stoppable);
    return stoppable;
  }

  function connect(options: ChannelOptions): ConnectClient<typeof ElizaService> {
    channel = createChannel({ codec: 'json', httpVersion: '1.1', ...options });
    return createClient(ElizaService, channel);
  }

  it('calls the servers of a list in turn', async () => {
    const [a, b] = [await listen(createHttp1(say)), await listen(createHttp1(say))];
    const eliza = connect({ url: listOf(a.port, b.port), balancing: 'round_robin' });
    for (const { port } of [a, b, a]) {
      expect(await eliza.say({})).toMatchObject({ sentence: String(port) });
    }
  });

  it.each(['pick_first', 'round_robin'] as const)(
    'loses none of 100 parallel calls when the first two of three addresses refuse connections (%s)',
    async (balancing) => {
      const ports = [await unusedPort(), await unusedPort(), (await listen(createHttp1(say))).port];
      const eliza = connect({ url: listOf(...ports), balancing });
      const replies = await Promise.all(Array.from({ length: 100 }, () => eliza.say({})));
      expect(new Set(replies.map(({ sentence }) => sentence))).toEqual(new Set([String(ports[2])]));
    },
  );

  it('calls the servers of a name, over TLS when it has options for that', async () => {
    const { port } = await listen(createSecureHttp1(certificates.server, say));
    const eliza = connect({ url: `dns:///localhost:${port}`, tls: { ca: certificates.ca } });
    expect(await eliza.say({})).toMatchObject({ sentence: 'TLS' });
  });

  it.each<[string, Partial<ChannelOptions>, string]>([
    ['dns://localhost', {}, 'expected "http://host:port/prefix"'],
    ['dns:///localhost', { reresolveMs: -1 }, 'reresolveMs is -1'],
    ['dns:///localhost', { tls: { ca: 'x', cert: 'no PEM' } }, 'PEM'],
    ['static:///a', { balancing: 'first' as 'pick_first' }, 'expected one of pick_first, round_robin'],
    ['http://a', { timeoutMs: 0 }, 'timeoutMs is 0: expected milliseconds above 0'],
    ['http://a', { receiveLimitBytes: Number.NaN }, 'receiveLimitBytes is NaN: expected bytes from 0'],
    ['http://a', { receiveLimitBytes: '4mb' as unknown as number }, 'receiveLimitBytes is 4mb'],
    ['http://a', { sendLimitBytes: -5 }, 'sendLimitBytes is -5'],
    ['http://a', { bufferBytes: -1 }, 'bufferBytes is -1'],
    ['http://a', { compressMinBytes: Number.NaN }, 'compressMinBytes is NaN'],
    ['http://a', { retryBufferBytes: -1 }, 'retryBufferBytes is -1'],
    ['static:///unix:/a', { tls: {} }, 'tls options are given for unix:/a, which is clear text'],
    ['http://a', { tls: {} }, 'tls options are given for http://a, which is clear text'],
  ])('refuses %s with %j', (url, options, message) => {
    expect(() => connect({ url, ...options })).toThrow(message);
  });
});
