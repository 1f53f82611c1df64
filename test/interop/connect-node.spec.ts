/**
 * `@connectrpc/connect-node` as a client: three protocols, HTTP/1.1 and HTTP/2, clear text and TLS.
 */
import { Code, ConnectError, createClient, type Client, type Transport } from '@connectrpc/connect';
import { type Compression } from '@connectrpc/connect/protocol';
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { firstValueFrom } from 'rxjs';
import { ElizaService, SayRequestSchema } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type Certificates, createCertificates } from './support/certificates.js';
import { ELIZA, NAME, SAID, TALK } from './support/eliza.js';
import { type RunningServer, startEliza, startTrouble, tlsOf } from './support/servers.js';
import { TroubleRpc } from './support/trouble.rpc.js';

interface CompressionSettings {
  readonly sendCompression?: Compression;
  readonly compressMinBytes?: number;
}

/** What a test needs of a transport: its address, its HTTP/2 sessions, whom it trusts, and what it sends. */
interface Connection {
  readonly baseUrl: string;
  readonly sessionManager: Http2SessionManager;
  readonly ca: string | undefined;
  readonly compression: CompressionSettings;
}

type Connect = (connection: Connection) => Transport;

// Over HTTP/1.1 the agent keeps no connection: nothing is left open behind the tests.
function http1({ baseUrl, ca, compression }: Connection) {
  const nodeOptions = { agent: false, ...(ca === undefined ? {} : { ca }) };
  return { baseUrl, httpVersion: '1.1', nodeOptions, ...compression } as const;
}

function http2({ baseUrl, sessionManager, compression }: Connection) {
  return { baseUrl, httpVersion: '2', sessionManager, ...compression } as const;
}

const TRANSPORTS: readonly [string, Connect][] = [
  ['Connect, HTTP/1.1, JSON', (to) => createConnectTransport({ ...http1(to), useBinaryFormat: false })],
  ['Connect, HTTP/1.1, binary', (to) => createConnectTransport(http1(to))],
  ['Connect, HTTP/1.1, GET', (to) => createConnectTransport({ ...http1(to), useHttpGet: true })],
  ['Connect, HTTP/2, JSON', (to) => createConnectTransport({ ...http2(to), useBinaryFormat: false })],
  ['Connect, HTTP/2, binary', (to) => createConnectTransport(http2(to))],
  ['Connect, HTTP/2, GET', (to) => createConnectTransport({ ...http2(to), useHttpGet: true })],
  ['gRPC, HTTP/2, JSON', (to) => createGrpcTransport({ ...http2(to), useBinaryFormat: false })],
  ['gRPC, HTTP/2, binary', (to) => createGrpcTransport(http2(to))],
  ['gRPC-Web, HTTP/1.1, JSON', (to) => createGrpcWebTransport({ ...http1(to), useBinaryFormat: false })],
  ['gRPC-Web, HTTP/1.1, binary', (to) => createGrpcWebTransport(http1(to))],
  ['gRPC-Web, HTTP/2, JSON', (to) => createGrpcWebTransport({ ...http2(to), useBinaryFormat: false })],
  ['gRPC-Web, HTTP/2, binary', (to) => createGrpcWebTransport(http2(to))],
];

type Eliza = Client<typeof ElizaService>;

/** A client that is closed with {@link Opened.close}. */
interface Opened {
  readonly eliza: Eliza;
  close(): void;
}

interface Settings {
  readonly ca?: string;
  readonly compression?: CompressionSettings;
}

function open({ url }: RunningServer, connect: Connect, { ca, compression = {} }: Settings = {}): Opened {
  const sessionManager = new Http2SessionManager(url, {}, ca === undefined ? {} : { ca });
  const transport = connect({ baseUrl: url, sessionManager, ca, compression });
  return { eliza: createClient(ElizaService, transport), close: () => sessionManager.abort() };
}

async function sentencesOf(responses: AsyncIterable<{ readonly sentence: string }>): Promise<string[]> {
  const sentences: string[] = [];
  for await (const { sentence } of responses) {
    sentences.push(sentence);
  }
  return sentences;
}

async function* talk(): AsyncGenerator<{ sentence: string }> {
  for (const sentence of TALK) {
    yield { sentence };
  }
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => ConnectError.from(error),
  );
}

/** All four kinds. */
async function talkTo(eliza: Eliza): Promise<typeof ELIZA> {
  return {
    say: (await eliza.say({ sentence: SAID })).sentence,
    introduce: await sentencesOf(eliza.introduce({ name: NAME })),
    reflect: (await eliza.reflect(talk())).sentence,
    converse: await sentencesOf(eliza.converse(talk())),
  };
}

describe.each(TRANSPORTS)('connect-node: %s', (_, connect) => {
  let server: RunningServer;
  let trouble: RunningServer;
  let client: Opened;
  let troubled: Opened;

  beforeAll(async () => {
    server = await startEliza();
    trouble = await startTrouble();
    client = open(server, connect);
    troubled = open(trouble, connect);
  });

  afterAll(async () => {
    client.close();
    troubled.close();
    await Promise.all([server.close(), trouble.close()]);
  });

  it('makes calls of all four kinds', async () => {
    await expect(talkTo(client.eliza)).resolves.toEqual(ELIZA);
  });

  it('gets code, message, details and metadata of an error', async () => {
    const error = await errorOf(troubled.eliza.say({ sentence: 'fail' }));
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.rawMessage).toBe('no couch: \u{1F6CB} is broken');
    expect(error.findDetails(SayRequestSchema)).toMatchObject([{ sentence: 'the detail' }]);
    expect(error.metadata.get('x-reason')).toBe('couch');
    expect(error.metadata.get('x-reason-bin')).toMatch(/^AAH\/=*$/);
  });

  it('gets an error behind the messages of a stream', async () => {
    const received: string[] = [];
    const error = await errorOf(
      (async () => {
        for await (const { sentence } of troubled.eliza.introduce({ name: 'fail' })) {
          received.push(sentence);
        }
      })(),
    );
    expect(received).toEqual(['first', 'second']);
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.findDetails(SayRequestSchema)).toMatchObject([{ sentence: 'the detail' }]);
  });

  it('learns nothing of an error that is not meant for it', async () => {
    const error = await errorOf(troubled.eliza.say({ sentence: 'crash' }));
    expect(error.code).toBe(Code.Internal);
    expect(error.message).not.toContain('1234');
  });

  it('is told what is not implemented', async () => {
    expect((await errorOf(troubled.eliza.reflect(talk()))).code).toBe(Code.Unimplemented);
  });

  it('exchanges metadata, binary and repeated values included', async () => {
    const headers = new Headers({ 'x-echo-bin': 'AAH/' });
    headers.append('x-echo', 'one');
    headers.append('x-echo', 'two');
    let header: Headers | undefined;
    let trailer: Headers | undefined;
    await troubled.eliza.say(
      { sentence: 'hello' },
      {
        headers,
        onHeader: (received) => {
          header = received;
        },
        onTrailer: (received) => {
          trailer = received;
        },
      },
    );
    expect(header?.get('x-echo')).toBe('one, two');
    expect(header?.get('x-echo-bin')).toMatch(/^AAH\/=*$/);
    expect(trailer?.get('trailing-x-echo')).toBe('one, two');
    expect(trailer?.get('trailing-x-echo-bin')).toMatch(/^AAH\/=*$/);
  });

  it('sends its timeout, and sees it kept', async () => {
    await expect(troubled.eliza.say({ sentence: 'hello' }, { timeoutMs: 5_000 })).resolves.toMatchObject({
      sentence: expect.stringMatching(/^hello within \d+ ms$/),
    });
    const canceled = firstValueFrom(trouble.app.get(TroubleRpc).cancellations);
    const error = await errorOf(troubled.eliza.say({ sentence: 'never' }, { timeoutMs: 50 }));
    expect(error.code).toBe(Code.DeadlineExceeded);
    await expect(canceled).resolves.toMatchObject({ method: 'say' });
  });

  it('cancels a call in the middle of its stream', async () => {
    const canceled = firstValueFrom(trouble.app.get(TroubleRpc).cancellations);
    const abort = new AbortController();
    const received: string[] = [];
    const error = await errorOf(
      (async () => {
        for await (const { sentence } of troubled.eliza.introduce({}, { signal: abort.signal })) {
          received.push(sentence);
          if (received.length === 2) {
            abort.abort();
          }
        }
      })(),
    );
    expect(received).toEqual(['first', 'second']);
    expect(error.code).toBe(Code.Canceled);
    await expect(canceled).resolves.toMatchObject({
      method: 'introduce',
      reason: expect.objectContaining({ code: Code.Canceled }),
    });
  });
});

describe('connect-node over TLS', () => {
  let certificates: Certificates;
  let server: RunningServer;

  beforeAll(async () => {
    certificates = await createCertificates();
    server = await startEliza(tlsOf(certificates));
  });

  afterAll(() => server.close());

  it.each(TRANSPORTS)('makes calls of all four kinds: %s', async (_, connect) => {
    const client = open(server, connect, { ca: certificates.ca });
    try {
      await expect(talkTo(client.eliza)).resolves.toEqual(ELIZA);
    } finally {
      client.close();
    }
  });
});

describe.each([
  ['gzip', compressionGzip],
  ['br', compressionBrotli],
])('connect-node with %s in both directions', (_, sendCompression) => {
  let server: RunningServer;

  beforeAll(async () => {
    server = await startEliza({ compressMinBytes: 1 });
  });

  afterAll(() => server.close());

  it.each(TRANSPORTS)('makes calls of all four kinds: %s', async (_transport, connect) => {
    const client = open(server, connect, { compression: { sendCompression, compressMinBytes: 1 } });
    try {
      await expect(talkTo(client.eliza)).resolves.toEqual(ELIZA);
    } finally {
      client.close();
    }
  });
});
