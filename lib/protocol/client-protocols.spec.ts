/**
 * Every client protocol against the server's own half, with every kind of call and every codec: what the two halves say
 * to each other is in their own specs, here is that they understand each other.
 *
 * A protocol that is added to `clientProtocols` is covered by all of this.
 */
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { createTestRoute, echo, failing, send, type TestRoute } from '../../test/support/serve.js';
import { METHOD_KINDS } from '../../test/support/test-service.js';
import { WatchedCall, type WatchedCallSetup } from '../../test/support/watched-call.js';
import { createJsonCodec } from '../codec/json-codec.js';
import { protoCodec } from '../codec/proto-codec.js';
import { gzip } from '../compression/zlib.js';
import { Code, CODES } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { RpcHeaders } from '../rpc/headers.js';
import { type MethodKind } from '../rpc/method-spec.js';
import { type ServerCall } from '../rpc/server-call.js';
import { type ClientProtocol } from '../wire/client-protocol.js';
import { clientProtocols, serverProtocols } from './index.js';

/** A call, served by the real dispatcher: the request is complete before it is answered. */
async function serve(
  protocol: ClientProtocol,
  kind: MethodKind,
  route: TestRoute,
  setup?: WatchedCallSetup,
): Promise<WatchedCall> {
  const call = new WatchedCall(protocol, kind, setup);
  const { head, chunks } = call.exchange;
  const httpVersion = protocol.needsHttp2 ? '2' : '1.1';
  const request = { method: head.method, path: head.target, headers: head.headers, httpVersion } as const;
  const { status = 0, headers, chunks: body, trailers } = await send(route, request, ...chunks);
  call.exchange
    .headers(status, headers)
    .data(...body)
    .finish(trailers);
  return call;
}

it('names the same protocols as the server', () => {
  expect(clientProtocols.map(({ name }) => name)).toEqual(serverProtocols.map(({ name }) => name));
});

const CODECS = [protoCodec, createJsonCodec()];
const CASES = clientProtocols.flatMap((protocol) =>
  METHOD_KINDS.flatMap((kind) =>
    CODECS.map((codec) => [protocol.name, kind, codec.name, { protocol, codec }] as const),
  ),
);

function mark(call: ServerCall): void {
  call.responseHeaders.append('x-mark', 'h1').append('x-mark', 'h2').set('x-data-bin', Uint8Array.of(0xfb));
  call.responseTrailers.append('x-mark', 't1').append('x-mark', 't2');
}

function detailedError(): ConnectError {
  return new ConnectError('grün', {
    code: Code.Aborted,
    details: [{ desc: DurationSchema, value: { seconds: 3n } }],
    metadata: { 'x-mark': ['1', '2'] },
  });
}

describe.each(CASES)('%s, %s, %s', (_, kind, __, { protocol, codec }) => {
  const options = { codec };

  it('calls and is answered', async () => {
    const call = await serve(protocol, kind, createTestRoute(echo(kind)), { options });
    expect([call.texts, call.outcome]).toEqual([['hi'], 'end']);
  });

  it('carries empty messages', async () => {
    const call = await serve(protocol, kind, createTestRoute(echo(kind)), { options, requests: [''] });
    expect([call.texts, call.outcome]).toEqual([[''], 'end']);
  });

  it('carries headers and trailers both ways', async () => {
    const seen: unknown[] = [];
    const look = (call: ServerCall): void => {
      seen.push(call.requestHeaders.getAll('x-mark'), call.requestHeaders.getBinary('x-data-bin'));
      mark(call);
    };
    const headers = new RpcHeaders({ 'x-mark': ['1', '2'], 'x-data-bin': Uint8Array.of(0xff) });
    const call = await serve(protocol, kind, createTestRoute(echo(kind, look)), { options, headers });
    expect(seen).toEqual([['1', '2'], Buffer.from([0xff])]);
    const told = RpcHeaders.fromWire(call.headers ?? []);
    expect([told.getAll('x-mark'), told.getBinary('x-data-bin')]).toEqual([
      ['h1', 'h2'],
      Buffer.from([0xfb]),
    ]);
    expect(RpcHeaders.fromWire(call.trailers ?? []).getAll('x-mark')).toEqual(['t1', 't2']);
  });

  it('tells the server its deadline', async () => {
    const seen: unknown[] = [];
    const look = (call: ServerCall): void => void seen.push(call.requestTimeoutMs);
    const call = await serve(protocol, kind, createTestRoute(echo(kind, look)), {
      options,
      timeoutMs: 60_000,
    });
    expect([seen, call.outcome]).toEqual([[60_000], 'end']);
  });

  it('compresses both ways', async () => {
    const call = await serve(protocol, kind, createTestRoute(echo(kind), { compressMinBytes: 0 }), {
      options: { ...options, requestCompression: gzip },
      requests: ['aaaaaaaaaaaaaaaaaaaaaaaa'],
    });
    expect([call.texts, call.outcome]).toEqual([['aaaaaaaaaaaaaaaaaaaaaaaa'], 'end']);
  });

  it.each(CODES)('carries code %d with its text', async (code) => {
    const error = (): ConnectError => new ConnectError('grün: 100%\n', { code });
    const call = await serve(protocol, kind, createTestRoute(failing(kind, error)), { options });
    expect([call.outcome, call.texts]).toEqual([[code, 'grün: 100%\n'], []]);
  });

  it('carries details and metadata of an error', async () => {
    const call = await serve(protocol, kind, createTestRoute(failing(kind, detailedError)), { options });
    expect(call.outcome).toEqual([Code.Aborted, 'grün']);
    expect(call.error?.findDetails(DurationSchema)).toMatchObject([{ seconds: 3n }]);
    expect(call.error?.metadata.getAll('x-mark')).toEqual(['1', '2']);
  });

  it('learns that a message is over the limit of the server', async () => {
    const route = createTestRoute(echo(kind), { receiveLimitBytes: 3 });
    expect((await serve(protocol, kind, route, { options })).error?.code).toBe(Code.ResourceExhausted);
  });
});

describe.each(clientProtocols.map((protocol) => [protocol.name, protocol] as const))(
  '%s and a method that is not served',
  (_, protocol) => {
    it.each(METHOD_KINDS)('says unimplemented, for %s', async (kind) => {
      const other = createTestRoute(echo('unary'), { method: 'Look' });
      expect((await serve(protocol, kind, other)).error?.code).toBe(Code.Unimplemented);
    });
  },
);
