import { Int32ValueSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it, jest } from '@jest/globals';
import { byteByByte, gunzipped, gzipped, hex, json, proto } from '../../../test/support/frames.js';
import { type MemoryExchange } from '../../../test/support/memory-exchange.js';
import {
  createTestRoute,
  echo,
  failing,
  open,
  send,
  silent,
  type TestRouteOptions,
} from '../../../test/support/serve.js';
import { type Compression } from '../../compression/compression.js';
import { gzip } from '../../compression/zlib.js';
import { CODES, codeToName } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type ServerCall } from '../../rpc/server-call.js';
import { HTTP_STATUS } from './http-status.js';

const PROTO = { 'content-type': 'application/proto' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** Sends a body to an echo, as proto. */
function post(
  headers: Record<string, string>,
  body: Uint8Array | readonly Uint8Array[],
  options: TestRouteOptions = {},
  before?: (call: ServerCall) => void,
): Promise<MemoryExchange> {
  const chunks = body instanceof Uint8Array ? [body] : body;
  return send(
    createTestRoute(echo('unary', before), options),
    { headers: { ...PROTO, ...headers } },
    ...chunks,
  );
}

function errorOf(exchange: MemoryExchange): unknown {
  expect(exchange.responseHeader('content-type')).toBe('application/json');
  return [exchange.status, JSON.parse(exchange.text)];
}

describe('ConnectUnaryCall (Connect protocol, "Unary-Request" and "Unary-Response")', () => {
  it.each([
    [PROTO, proto('hi'), '0a 02 68 69'],
    [JSON_TYPE, json('hi'), '22 68 69 22'],
  ])('answers a bare message with a bare message, %o', async (headers, body, bytes) => {
    const exchange = await post(headers, body);
    expect([exchange.status, exchange.headers]).toEqual([
      200,
      ['content-type', headers['content-type'], 'accept-encoding', 'gzip'],
    ]);
    expect([hex(exchange.body), exchange.isOneStep, exchange.trailers]).toEqual([bytes, true, undefined]);
  });

  it('reads a body that comes byte by byte', async () => {
    const exchange = await post({}, byteByByte(proto('a longer text')));
    expect(exchange.body).toEqual(proto('a longer text'));
  });

  it.each<readonly Uint8Array[]>([[], [new Uint8Array(0)]])(
    'reads an empty body as the empty message',
    async (...body) => {
      const exchange = await post({}, body);
      expect([exchange.status, hex(exchange.body)]).toEqual([200, '']);
    },
  );

  it('answers the empty message with an empty body, not with none', async () => {
    const exchange = await post({}, []);
    expect(exchange.chunks).toEqual([new Uint8Array(0)]);
  });

  it('never inflates an empty body', async () => {
    const exchange = await post({ 'content-encoding': 'gzip' }, []);
    expect([exchange.status, hex(exchange.body)]).toEqual([200, '']);
  });

  it('answers an empty JSON body, which is no JSON, with invalid_argument', async () => {
    const exchange = await post(JSON_TYPE, []);
    expect(errorOf(exchange)).toEqual([400, expect.objectContaining({ code: 'invalid_argument' })]);
  });

  it.each<[string, Record<string, string>, Uint8Array]>([
    ['proto', PROTO, Buffer.from([0xff])],
    ['JSON', JSON_TYPE, Buffer.from('{')],
  ])('answers broken %s with invalid_argument, as JSON', async (_, headers, body) => {
    const exchange = await post(headers, body);
    expect(errorOf(exchange)).toEqual([400, expect.objectContaining({ code: 'invalid_argument' })]);
  });

  it('runs the handler when the request is complete, not before', async () => {
    const invoked = jest.fn();
    const exchange = open(createTestRoute(silent('unary', invoked)), { headers: PROTO });
    exchange.data(proto('hi'));
    expect(invoked).not.toHaveBeenCalled();
    exchange.finish();
    expect(invoked).toHaveBeenCalledTimes(1);
  });

  it('reports a response that does not fit its type, and answers internal', async () => {
    const route = createTestRoute({ kind: 'unary', invoke: (_, call) => call.succeed(17) });
    const exchange = await send(route, { headers: PROTO });
    expect(errorOf(exchange)).toEqual([500, { code: 'internal', message: 'internal error' }]);
    expect(route.reports).toEqual([expect.any(TypeError)]);
  });

  it('sends nothing ahead of the outcome', async () => {
    const route = createTestRoute(silent('unary', (call) => call.flushHeaders()));
    const exchange = open(route, { headers: PROTO }).finish();
    expect(exchange.status).toBeUndefined();
    exchange.abort();
    await exchange.closed;
    expect(exchange.status).toBeUndefined();
  });

  it('takes the first answer, and no other', async () => {
    const route = createTestRoute({
      kind: 'unary',
      invoke(request, call) {
        call.succeed(request);
        call.succeed({ value: 'second' });
        call.fail(new ConnectError('late'));
      },
    });
    const exchange = await send(route, { headers: PROTO }, proto('first'));
    expect([exchange.status, exchange.body]).toEqual([200, proto('first')]);
  });

  it('waits in the middle of a message until the request is complete', () => {
    let call: (ServerCall & { isMidMessage?: boolean }) | undefined;
    const route = createTestRoute(silent('unary', (seen) => (call = seen)));
    const exchange = open(route, { headers: PROTO }).data(proto('hi')).finish();
    expect(call?.isMidMessage).toBe(false);
    exchange.abort();
  });
});

function setMetadata(call: ServerCall): void {
  call.responseHeaders.append('x-a', '1').append('x-b', '2').append('x-a', '3');
  call.responseHeaders.set('content-type', 'text/plain').set('grpc-status', '0').set('connect-x', 'y');
  call.responseTrailers.append('x-t', '4').append('x-t', '5').set('x-data-bin', Uint8Array.of(0xfb));
  call.responseTrailers.set('content-length', '99').set('te', 'x');
}

describe('ConnectUnaryCall: metadata (Connect protocol, "Leading-Metadata", "Trailing-Metadata")', () => {
  const sent = ['x-a', '1', 'x-b', '2', 'x-a', '3', 'trailer-x-t', '4', 'trailer-x-t', '5'];

  it('sends headers as they are and trailers with their prefix, without reserved names', async () => {
    const { headers } = await post({}, proto('hi'), {}, setMetadata);
    expect(headers).toEqual([
      'content-type',
      'application/proto',
      'accept-encoding',
      'gzip',
      ...sent,
      'trailer-x-data-bin',
      '+w',
    ]);
  });

  it('sends both with an error too, and the metadata of the error as headers', async () => {
    const route = createTestRoute({
      kind: 'unary',
      invoke(_, call) {
        setMetadata(call);
        const metadata = { 'x-e': '6', 'content-length': '1', 'grpc-status': '1', 'connect-x': 'z' };
        call.fail(new ConnectError('no', { metadata }));
      },
    });
    const exchange = await send(route, { headers: PROTO });
    expect(exchange.headers).toEqual([
      'content-type',
      'application/json',
      'accept-encoding',
      'gzip',
      'x-e',
      '6',
      ...sent,
      'trailer-x-data-bin',
      '+w',
    ]);
  });
});

describe('ConnectUnaryCall: errors (Connect protocol, "Error Codes")', () => {
  it.each(CODES)('answers code %d under its HTTP status, as JSON, whatever the codec', async (code) => {
    const route = createTestRoute(failing('unary', () => new ConnectError('no', { code })));
    const exchange = await send(route, { headers: PROTO }, proto('hi'));
    expect([exchange.status, exchange.headers, exchange.text]).toEqual([
      HTTP_STATUS[code],
      ['content-type', 'application/json', 'accept-encoding', 'gzip'],
      `{"code":"${codeToName(code)}","message":"no"}`,
    ]);
  });

  it('answers an error whose detail does not fit its type', async () => {
    const details = [{ desc: Int32ValueSchema, value: { value: 2 ** 40 } }];
    const route = createTestRoute(failing('unary', () => new ConnectError('no', { details })));
    const exchange = await send(route, { headers: PROTO });
    expect(exchange.text).toBe('{"code":"unknown","message":"no"}');
  });
});

describe('ConnectUnaryCall: compression (Connect protocol, "Unary-Request", Content-Encoding)', () => {
  it('reads a compressed request', async () => {
    const exchange = await post({ 'content-encoding': 'gzip' }, gzipped(proto('hi')));
    expect(exchange.body).toEqual(proto('hi'));
  });

  it('reads a request that declares identity', async () => {
    const exchange = await post({ 'content-encoding': 'identity' }, proto('hi'));
    expect(exchange.body).toEqual(proto('hi'));
  });

  it('answers bytes that are not compressed with invalid_argument', async () => {
    const exchange = await post({ 'content-encoding': 'gzip' }, proto('hi'));
    expect(errorOf(exchange)).toEqual([
      400,
      { code: 'invalid_argument', message: 'cannot inflate the message: its bytes are not gzip' },
    ]);
  });

  it('answers an unknown compression with unimplemented, the names, and the accept header', async () => {
    const exchange = await post({ 'content-encoding': 'snappy' }, proto('hi'));
    expect(errorOf(exchange)).toEqual([
      501,
      { code: 'unimplemented', message: 'unknown compression "snappy": supported are gzip' },
    ]);
    expect(exchange.responseHeader('accept-encoding')).toBe('gzip');
  });

  it.each<[string, number, Record<string, string>, boolean]>([
    ['a response of exactly the minimum', 4, { 'accept-encoding': 'br, gzip' }, true],
    ['any response from 0 on', 0, { 'accept-encoding': 'gzip' }, true],
    ['no smaller one', 5, { 'accept-encoding': 'gzip' }, false],
    ['nothing by default', Infinity, { 'accept-encoding': 'gzip' }, false],
    ['nothing for a client that accepts nothing', 0, {}, false],
    ['nothing for a client that refuses', 0, { 'accept-encoding': 'gzip;q=0' }, false],
    ['nothing that is not accepted, though the request has it', 0, { 'content-encoding': 'gzip' }, false],
  ])('compresses %s', async (_, compressMinBytes, headers, isCompressed) => {
    const isGzipped = headers['content-encoding'] === 'gzip';
    const body = isGzipped ? gzipped(proto('hi')) : proto('hi');
    const exchange = await post(headers, body, { compressMinBytes });
    expect(exchange.responseHeader('content-encoding')).toBe(isCompressed ? 'gzip' : undefined);
    const bytes = isCompressed ? gunzipped(Buffer.from(exchange.body).toString('latin1')) : exchange.body;
    expect(bytes).toEqual(proto('hi'));
  });

  it('compresses even the empty message when told to', async () => {
    const exchange = await post({ 'accept-encoding': 'gzip' }, [], { compressMinBytes: 0 });
    expect(exchange.responseHeader('content-encoding')).toBe('gzip');
    expect(gunzipped(Buffer.from(exchange.body).toString('latin1'))).toEqual(Buffer.alloc(0));
  });

  it('answers internal, uncompressed, for a compression that fails, and reports why', async () => {
    const fault = new Error('out of memory');
    const broken: Compression = {
      ...gzip,
      compress() {
        throw fault;
      },
    };
    const route = createTestRoute(echo('unary'), { compressions: [broken], compressMinBytes: 0 });
    const exchange = await send(route, { headers: { ...PROTO, 'accept-encoding': 'gzip' } });
    expect(errorOf(exchange)).toEqual([500, { code: 'internal', message: 'internal error' }]);
    expect([exchange.responseHeader('content-encoding'), route.reports]).toEqual([undefined, [fault]]);
  });

  it('does not compress errors', async () => {
    const route = createTestRoute(
      failing('unary', () => new ConnectError('no')),
      { compressMinBytes: 0 },
    );
    const exchange = await send(route, { headers: { ...PROTO, 'accept-encoding': 'gzip' } });
    expect([exchange.responseHeader('content-encoding'), exchange.text]).toEqual([
      undefined,
      '{"code":"unknown","message":"no"}',
    ]);
  });
});

const tooLarge = (message: string): unknown => [429, { code: 'resource_exhausted', message }];

describe('ConnectUnaryCall: limits', () => {
  it('takes a message of exactly the limit', async () => {
    const exchange = await post({ 'content-length': '12' }, proto('0123456789'), { receiveLimitBytes: 12 });
    expect([exchange.status, exchange.body]).toEqual([200, proto('0123456789')]);
  });

  it('refuses by content-length, before any byte has come', async () => {
    const headers = { ...PROTO, 'content-length': '13' };
    const exchange = open(createTestRoute(echo('unary'), { receiveLimitBytes: 12 }), { headers });
    expect(errorOf(exchange)).toEqual(tooLarge('message of 13 bytes is larger than the limit of 12 bytes'));
    expect(exchange.isEndedEarly).toBe(true);
    await exchange.closed;
  });

  it('refuses by the bytes that come, at the first one too many', async () => {
    const exchange = open(createTestRoute(echo('unary'), { receiveLimitBytes: 12 }), { headers: PROTO });
    exchange.data(Buffer.alloc(12));
    expect(exchange.status).toBeUndefined();
    exchange.data(Buffer.alloc(1));
    expect(errorOf(exchange)).toEqual(tooLarge('message is larger than the limit of 12 bytes'));
    await exchange.closed;
  });

  it('refuses by the size after inflating', async () => {
    const body = gzipped(proto('0'.repeat(100)));
    const exchange = await post({ 'content-encoding': 'gzip' }, body, { receiveLimitBytes: 101 });
    expect(errorOf(exchange)).toEqual(tooLarge('message is larger than the limit of 101 bytes'));
  });

  it('takes a compressed message of the limit whose bytes are more than it', async () => {
    const body = gzipped(proto('x'));
    expect(body.length).toBeGreaterThan(3);
    const exchange = await post({ 'content-encoding': 'gzip' }, body, { receiveLimitBytes: 3 });
    expect(exchange.body).toEqual(proto('x'));
  });

  it.each([
    [256 + 12, 400],
    [256 + 13, 429],
  ])('of compressed bytes takes %d before it inflates: status %d', async (bytes, status) => {
    const exchange = await post({ 'content-encoding': 'gzip' }, Buffer.alloc(bytes), {
      receiveLimitBytes: 12,
    });
    expect(exchange.status).toBe(status);
  });

  it('refuses a response over the send limit', async () => {
    const exchange = await post({}, proto('0123456789'), { sendLimitBytes: 11 });
    expect(errorOf(exchange)).toEqual(tooLarge('message of 12 bytes is larger than the limit of 11 bytes'));
  });
});

describe('ConnectUnaryCall: headers of the protocol', () => {
  it.each<[string, Record<string, string>, TestRouteOptions, number, string]>([
    ['another version', { 'connect-protocol-version': '2' }, {}, 400, 'invalid_argument'],
    ['a missing version that is required', {}, { requireProtocolVersion: true }, 400, 'invalid_argument'],
    ['a timeout that is none', { 'connect-timeout-ms': '1s' }, {}, 400, 'invalid_argument'],
    ['a timeout that has passed', { 'connect-timeout-ms': '0' }, {}, 504, 'deadline_exceeded'],
  ])('answers %s without running the handler', async (_, headers, options, status, code) => {
    const invoked = jest.fn();
    const route = createTestRoute(silent('unary', invoked), options);
    const exchange = await send(route, { headers: { ...PROTO, ...headers } }, proto('hi'));
    expect(errorOf(exchange)).toEqual([status, expect.objectContaining({ code })]);
    expect(exchange.responseHeader('accept-encoding')).toBe('gzip');
    expect(invoked).not.toHaveBeenCalled();
  });

  it('tells the handler the timeout, and ignores that of another protocol', async () => {
    const timeouts: unknown[] = [];
    const headers = { 'connect-timeout-ms': '60000', 'grpc-timeout': '1m' };
    await post(headers, proto('hi'), {}, (call) => timeouts.push(call.requestTimeoutMs, call.protocol));
    expect(timeouts).toEqual([60_000, 'connect']);
  });
});

describe('Connect unary calls in the dispatcher (Connect protocol, "Unary-Request")', () => {
  it.each([
    ['application/proto', 200],
    ['APPLICATION/Proto', 200],
    ['application/proto; charset=utf-8', 200],
    ['application/json;charset=UTF-8', 400],
    ['application/connect+proto', 415],
    ['application/foo', 415],
    ['image/jpeg', 415],
    ['', 415],
  ])('of the content type %j makes status %d', async (type, status) => {
    // An empty body is a message in proto, and none in JSON.
    const exchange = await send(createTestRoute(echo('unary')), { headers: { 'content-type': type } });
    expect(exchange.status).toBe(status);
  });

  it.each(['PUT', 'GET', 'HEAD', 'DELETE'])(
    'answers %s with 405, allow: POST and an empty body',
    async (method) => {
      const exchange = await send(createTestRoute(echo('unary')), { method, headers: PROTO });
      expect([exchange.status, exchange.headers, exchange.chunks]).toEqual([405, ['allow', 'POST'], []]);
    },
  );

  it('answers an unknown path with 404 and unimplemented', async () => {
    const exchange = await send(createTestRoute(echo('unary')), { path: '/no.Such/Method', headers: PROTO });
    expect(errorOf(exchange)).toEqual([
      404,
      { code: 'unimplemented', message: 'no method is served at /no.Such/Method' },
    ]);
  });
});
