/**
 * Every protocol × kind of call × codec × HTTP version, over real sockets, with a client that is not ours.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { createCertificates } from '../support/certificates.js';
import { ElizaEcho, FAIL, type RunningServer, startService } from '../support/eliza-echo.js';

type TransportOptions = Parameters<typeof createConnectTransport>[0];

interface Wire {
  readonly name: string;
  readonly httpVersion: '1.1' | '2';
  readonly isTls: boolean;
}

const WIRES: readonly Wire[] = [
  { name: 'HTTP/1.1', httpVersion: '1.1', isTls: false },
  { name: 'h2c', httpVersion: '2', isTls: false },
  { name: 'TLS, HTTP/1.1', httpVersion: '1.1', isTls: true },
  { name: 'TLS, HTTP/2', httpVersion: '2', isTls: true },
];

const PROTOCOLS: readonly {
  name: string;
  create: (options: TransportOptions) => Transport;
  needsHttp2: boolean;
}[] = [
  { name: 'connect', create: createConnectTransport, needsHttp2: false },
  { name: 'grpc-web', create: createGrpcWebTransport, needsHttp2: false },
  { name: 'grpc', create: (options) => createGrpcTransport(options as never), needsHttp2: true },
];

const CASES = WIRES.flatMap((wire) =>
  PROTOCOLS.filter(({ needsHttp2 }) => !needsHttp2 || wire.httpVersion === '2').flatMap((protocol) =>
    [true, false].map((isBinary) => ({ wire, protocol, isBinary, codec: isBinary ? 'proto' : 'json' })),
  ),
);

let clear: RunningServer;
let secure: RunningServer;
let ca: string;

beforeAll(async () => {
  const certificates = await createCertificates();
  ca = certificates.ca;
  clear = await startService(ElizaEcho, { http1Bidi: true });
  secure = await startService(ElizaEcho, { http1Bidi: true, tls: certificates.server });
});

afterAll(async () => {
  await Promise.all([clear.close(), secure.close()]);
});

describe.each(CASES)('$protocol.name over $wire.name with $codec', ({ wire, protocol, isBinary }) => {
  let client: Client<typeof ElizaService>;

  beforeAll(() => {
    const { port } = wire.isTls ? secure : clear;
    const transport = protocol.create({
      httpVersion: wire.httpVersion,
      baseUrl: `${wire.isTls ? 'https' : 'http'}://localhost:${port}`,
      useBinaryFormat: isBinary,
      nodeOptions: wire.isTls ? { ca } : {},
    });
    client = createClient(ElizaService, transport);
  });

  it('answers a unary call, with headers and trailers', async () => {
    const metadata: Record<string, string | null> = {};
    const response = await client.say(
      { sentence: 'hello ✓' },
      {
        onHeader: (headers) => (metadata['protocol'] = headers.get('x-protocol')),
        onTrailer: (trailers) => (metadata['http'] = trailers.get('x-http')),
      },
    );
    expect(response.sentence).toBe('hello ✓');
    expect(metadata).toEqual({ protocol: protocol.name, http: wire.httpVersion });
  });

  it('answers with an error: code, message, metadata', async () => {
    const error = await client.say({ sentence: FAIL }).then(
      () => undefined,
      (reason: unknown) => ConnectError.from(reason),
    );
    expect(error).toMatchObject({ code: Code.FailedPrecondition, rawMessage: 'as you wish' });
    expect(error?.metadata.get('x-why')).toBe('asked');
  });

  it('streams responses', async () => {
    const sentences: string[] = [];
    for await (const { sentence } of client.introduce({ name: 'Ada' })) {
      sentences.push(sentence);
    }
    expect(sentences).toEqual(['Ada 1', 'Ada 2', 'Ada 3']);
  });

  it('takes a stream of requests', async () => {
    const { sentence } = await client.reflect(messages('I', 'am', 'here'));
    expect(sentence).toBe('I am here');
  });

  it('streams both ways', async () => {
    const sentences: string[] = [];
    for await (const { sentence } of client.converse(messages('one', 'two'))) {
      sentences.push(sentence);
    }
    expect(sentences).toEqual(['one', 'two']);
  });
});

async function* messages(...sentences: string[]) {
  for (const sentence of sentences) {
    yield { sentence };
  }
}
