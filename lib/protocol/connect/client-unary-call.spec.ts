import { describe, expect, it } from '@jest/globals';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { makeCall, openCall, type TestCall, type TestCallSetup } from '../../../test/support/client-call.js';
import { byteByByte, gunzipped, gzipped, json, proto } from '../../../test/support/frames.js';
import { type MemoryClientExchange } from '../../../test/support/memory-http-client.js';
import { textMessage } from '../../../test/support/test-service.js';
import { createJsonCodec } from '../../codec/json-codec.js';
import { type Compression } from '../../compression/compression.js';
import { br, gzip } from '../../compression/zlib.js';
import { Code, CODES, codeToName } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';
import { VERSION } from '../../wire/user-agent.js';
import { connectClientProtocol } from './client.js';
import { HTTP_STATUS } from './http-status.js';

const PROTO: HeaderList = ['content-type', 'application/proto'];
const JSON_TYPE: HeaderList = ['content-type', 'application/json'];
const AGENT: HeaderList = ['user-agent', `nestjs-connect/${VERSION}`];
const jsonCodec = createJsonCodec();

function call(setup: TestCallSetup = {}, text = 'hi'): TestCall & { exchange: MemoryClientExchange } {
  const begun = makeCall(connectClientProtocol, 'Say', setup, [text]);
  return { ...begun, exchange: begun.http.request };
}

/** What the caller sees of a whole response. */
function answered(
  status: number,
  headers: HeaderList,
  body: Uint8Array | readonly Uint8Array[] = [],
  setup: TestCallSetup = {},
): TestCall {
  const begun = call(setup);
  const chunks = body instanceof Uint8Array ? [body] : body;
  begun.exchange
    .headers(status, headers)
    .data(...chunks)
    .finish();
  return begun;
}

/** The error that a response ends in. */
function errorOf(...response: Parameters<typeof answered>): ConnectError {
  return failure(answered(...response));
}

function failure({ seen: { texts, end } }: TestCall): ConnectError {
  expect([texts, end]).toEqual([[], expect.any(ConnectError)]);
  return end as ConnectError; // Checked above.
}

const body = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe('Connect client, unary request (Connect protocol, "Unary-Request")', () => {
  it.each([
    ['proto', undefined, proto('hi')],
    ['json', jsonCodec, json('hi')],
  ])('sends a bare message in %s, in one step', (name, codec, bytes) => {
    const { exchange } = call({ options: codec === undefined ? {} : { codec } });
    expect([exchange.body, exchange.isOneStep]).toEqual([bytes, true]);
    expect(exchange.head).toEqual({
      method: 'POST',
      target: '/test.v1.TestService/Say',
      headers: [
        'content-type',
        `application/${name}`,
        'connect-protocol-version',
        '1',
        'accept-encoding',
        'gzip',
        ...AGENT,
      ],
    });
  });

  it('sends nothing before the message is there', () => {
    const { http, call: opened } = openCall(connectClientProtocol, 'Say');
    expect(http.requests).toHaveLength(0);
    opened.send(textMessage('hi'));
    expect(http.requests).toHaveLength(1);
  });

  it('sends the empty message as an empty body, not as none', () => {
    expect(call({}, '').exchange.chunks).toEqual([new Uint8Array(0)]);
  });

  it('asks for compressed responses in the order of preference, and not at all without compressions', () => {
    expect(call({ options: { compressions: [br, gzip] } }).exchange.header('accept-encoding')).toBe(
      'br,gzip',
    );
    expect(call({ options: { compressions: [] } }).exchange.header('accept-encoding')).toBeUndefined();
  });

  it("sends the caller's headers behind its own, repeated names in order, without reserved names", () => {
    const headers = new RpcHeaders([
      ['X-B', '2'],
      ['x-a', '1'],
      ['x-b', '3'],
      ['content-type', 'text/plain'],
      ['connect-protocol-version', '7'],
      ['connect-timeout-ms', '1'],
      ['content-encoding', 'gzip'],
      ['te', 'trailers'],
    ]);
    headers.setBinary('x-data-bin', Uint8Array.of(0xfb));
    expect(call({ headers }).exchange.head.headers.slice(-10)).toEqual([
      ...AGENT,
      'x-b',
      '2',
      'x-a',
      '1',
      'x-b',
      '3',
      'x-data-bin',
      '+w',
    ]);
  });

  it("lets the caller's user agent replace its own", () => {
    const { exchange } = call({ headers: new RpcHeaders({ 'user-agent': 'mine/1' }) });
    expect(exchange.header('user-agent')).toBe('mine/1');
  });

  it.each([
    [250, '250'],
    [undefined, undefined],
  ])('sends a timeout of %p ms as %p', (timeoutMs, value) => {
    expect(call({ timeoutMs }).exchange.header('connect-timeout-ms')).toBe(value);
  });

  it.each<[string, number, string, boolean]>([
    ['a message of exactly the minimum', 4, 'hi', true],
    ['no smaller one', 5, 'hi', false],
    ['even the empty one, when told to', 0, '', true],
  ])('compresses %s, and declares it', (_, compressMinBytes, text, isCompressed) => {
    const { exchange } = call({ options: { requestCompression: gzip, compressMinBytes } }, text);
    expect(exchange.header('content-encoding')).toBe(isCompressed ? 'gzip' : undefined);
    const bytes = Buffer.from(exchange.body);
    expect(isCompressed ? gunzipped(bytes.toString('latin1')) : bytes).toEqual(proto(text));
  });

  it('compresses nothing unless told how', () => {
    expect(call({ options: { compressMinBytes: 0 } }).exchange.header('content-encoding')).toBeUndefined();
  });

  it('fails with resource_exhausted for a message over the send limit, and sends nothing', () => {
    const begun = makeCall(connectClientProtocol, 'Say', { options: { sendLimitBytes: 3 } });
    expect(failure(begun)).toMatchObject({
      code: Code.ResourceExhausted,
      rawMessage: 'message of 4 bytes is larger than the limit of 3 bytes',
    });
    expect(begun.http.requests).toHaveLength(0);
  });

  it('fails with invalid_argument for a value that does not fit its type, and sends nothing', () => {
    const begun = openCall(connectClientProtocol, 'Say');
    begun.call.send(17);
    expect(failure(begun).code).toBe(Code.InvalidArgument);
    expect(begun.http.requests).toHaveLength(0);
  });

  it('fails for a compression that fails, and sends nothing', () => {
    const requestCompression: Compression = {
      ...gzip,
      compress() {
        throw new Error('out of memory');
      },
    };
    const begun = makeCall(connectClientProtocol, 'Say', { options: { requestCompression } });
    expect(failure(begun).cause).toEqual(new Error('out of memory'));
    expect(begun.http.requests).toHaveLength(0);
  });

  it('sends nothing when the timeout has passed before', () => {
    const begun = makeCall(connectClientProtocol, 'Say', { timeoutMs: 0 });
    expect(failure(begun).code).toBe(Code.DeadlineExceeded);
    expect(begun.http.requests).toHaveLength(0);
  });

  it('has no stream of replies', () => {
    expect(() => call().call.replies).toThrow(TypeError);
  });
});

describe('Connect client, unary response (Connect protocol, "Unary-Response")', () => {
  it.each<[string, HeaderList, TestCallSetup, Buffer]>([
    ['proto', PROTO, {}, proto('yes')],
    ['JSON', JSON_TYPE, { options: { codec: jsonCodec } }, json('yes')],
    [
      'JSON with a charset',
      ['content-type', 'Application/JSON; charset=utf-8'],
      { options: { codec: jsonCodec } },
      json('yes'),
    ],
    ['compressed proto', [...PROTO, 'content-encoding', 'gzip'], {}, gzipped(proto('yes'))],
    ['proto under identity', [...PROTO, 'content-encoding', 'identity'], {}, proto('yes')],
  ])('reads a bare message in %s', (_, headers, setup, bytes) => {
    expect(answered(200, headers, bytes, setup).seen).toEqual({ texts: ['yes'], end: 'complete' });
  });

  it('reads a body that comes byte by byte', () => {
    const chunks = byteByByte(proto('a longer text'));
    expect(answered(200, PROTO, chunks).seen).toEqual({ texts: ['a longer text'], end: 'complete' });
  });

  it.each([[PROTO], [[...PROTO, 'content-encoding', 'gzip']]])(
    'reads an empty body as the empty message, and inflates nothing, %j',
    (headers) => {
      expect(answered(200, headers).seen).toEqual({ texts: [''], end: 'complete' });
    },
  );

  it('does not reset an exchange that is complete', () => {
    const { http } = answered(200, PROTO, proto('yes'));
    expect(http.request.isReset).toBe(false);
  });

  it.each<[string, HeaderList, Buffer, TestCallSetup]>([
    ['proto', PROTO, Buffer.from([0xff]), {}],
    ['JSON', JSON_TYPE, Buffer.from('{'), { options: { codec: jsonCodec } }],
    ['JSON that is empty', JSON_TYPE, Buffer.alloc(0), { options: { codec: jsonCodec } }],
    ['compressed bytes', [...PROTO, 'content-encoding', 'gzip'], proto('yes'), {}],
  ])('blames the server for broken %s: internal', (_, headers, bytes, setup) => {
    expect(errorOf(200, headers, bytes, setup).code).toBe(Code.Internal);
  });

  it.each([200, 503])('answers an unknown content-encoding under status %d with internal', (status) => {
    const headers = [...(status === 200 ? PROTO : JSON_TYPE), 'content-encoding', 'foo'];
    expect(errorOf(status, headers, proto('yes'))).toMatchObject({
      code: Code.Internal,
      rawMessage: 'unknown compression "foo": supported are gzip',
    });
  });
});

describe('Connect client, metadata of unary calls (Connect protocol, "Leading-Metadata", "Trailing-Metadata")', () => {
  const sent = [
    'x-a',
    '1',
    'trailer-x-t',
    '2',
    'x-a',
    '3',
    'trailer-x-t',
    '4',
    'trailer-x-data-bin',
    '+w',
    'trailer-',
    'nameless',
  ];
  const leading = ['x-a', '1', 'x-a', '3'];
  const trailing = ['x-t', '2', 'x-t', '4', 'x-data-bin', '+w'];

  it.each([
    [200, PROTO, Buffer.alloc(0)],
    [404, JSON_TYPE, body({ code: 'not_found' })],
  ])('tells headers, then trailers without their prefix, of status %d', (status, type, bytes) => {
    const { told } = answered(status, [...type, ...sent], bytes);
    expect(told.map(([what, headers]) => [what, headers.toList()])).toEqual([
      ['headers', [...type, ...leading]],
      ['trailers', trailing],
    ]);
  });

  it('tells the headers as soon as they are there', () => {
    const { exchange, told } = call();
    exchange.headers(200, PROTO);
    expect(told).toHaveLength(1);
  });

  it('tells nobody who does not want to know', () => {
    const setup = { onHeaders: undefined, onTrailers: undefined };
    expect(answered(200, [...PROTO, ...sent], proto('yes'), setup)).toMatchObject({
      seen: { texts: ['yes'], end: 'complete' },
      told: [],
    });
  });

  it('puts both into the metadata of an error', () => {
    const { metadata } = errorOf(404, [...JSON_TYPE, ...sent], body({ code: 'not_found' }));
    expect(metadata.toList()).toEqual([...JSON_TYPE, ...leading, ...trailing]);
  });
});

describe('Connect client, unary errors (Connect protocol, "Error Codes")', () => {
  it.each(CODES)('reads code %d under its HTTP status, as one from the wire', (code) => {
    const error = errorOf(HTTP_STATUS[code], JSON_TYPE, body({ code: codeToName(code), message: 'no' }));
    expect(error).toMatchObject({ code, rawMessage: 'no', fromWire: true, details: [] });
  });

  it('reads details', () => {
    const details = [{ type: 'google.protobuf.Duration', value: 'CAM', debug: 'garbage' }];
    const error = errorOf(500, JSON_TYPE, body({ code: 'internal', details }));
    expect(error.findDetails(DurationSchema)).toMatchObject([{ seconds: 3n }]);
  });

  it.each<[string, number, string, Code, string]>([
    ['whose code is null', 401, '{"code":null,"message":"oops"}', Code.Unauthenticated, 'oops'],
    ['whose code is missing', 401, '{"message":"oops"}', Code.Unauthenticated, 'oops'],
    ['whose code is unknown', 429, '{"code":"foobar","message":"oops"}', Code.Unavailable, 'oops'],
    ['whose code is a number', 403, '{"code":5}', Code.PermissionDenied, ''],
    ['without a message', 401, '{"code":"unauthenticated"}', Code.Unauthenticated, ''],
    ['with other fields', 422, '{"code":"out_of_range","message":"oops","x":1}', Code.OutOfRange, 'oops'],
  ])('reads an error %s', (_, status, text, code, rawMessage) => {
    expect(errorOf(status, JSON_TYPE, Buffer.from(text))).toMatchObject({ code, rawMessage });
  });

  it.each(['null', '17', '"text"', '[]', '', '{', '<html>'])(
    'takes the code from the HTTP status when the body is %j, and names status and type',
    (text) => {
      expect(errorOf(401, JSON_TYPE, Buffer.from(text))).toMatchObject({
        code: Code.Unauthenticated,
        rawMessage: 'unexpected response: HTTP status 401 with content type "application/json"',
      });
    },
  );

  it('inflates a compressed error', () => {
    const bytes = gzipped(body({ code: 'out_of_range', message: 'oops' }));
    expect(errorOf(422, [...JSON_TYPE, 'content-encoding', 'gzip'], bytes)).toMatchObject({
      code: Code.OutOfRange,
      rawMessage: 'oops',
    });
  });
});

describe('Connect client, foreign responses to unary calls (Connect protocol, "HTTP to Error Code")', () => {
  it.each<[number, HeaderList, Code, string]>([
    [503, ['content-type', 'text/html'], Code.Unavailable, 'HTTP status 503 with content type "text/html"'],
    [403, PROTO, Code.PermissionDenied, 'HTTP status 403 with content type "application/proto"'],
    [418, [], Code.Unknown, 'HTTP status 418 without a content type'],
    [800, [], Code.Unknown, 'HTTP status 800 without a content type'],
    [200, ['content-type', 'image/jpeg'], Code.Unknown, 'HTTP status 200 with content type "image/jpeg"'],
    [200, [], Code.Unknown, 'HTTP status 200 without a content type'],
    [204, PROTO, Code.Unknown, 'HTTP status 204 with content type "application/proto"'],
    [304, [], Code.Unknown, 'HTTP status 304 without a content type'],
  ])('maps status %d with %j to code %d, before the body has come', (status, headers, code, text) => {
    const begun = call();
    begun.exchange.headers(status, [...headers, 'retry-after', '7']);
    const error = failure(begun);
    expect(error).toMatchObject({ code, rawMessage: `unexpected response: ${text}`, fromWire: true });
    expect([error.metadata.get('retry-after'), begun.exchange.isReset]).toEqual(['7', true]);
  });

  it.each(['application/json', 'application/connect+proto'])(
    'answers %s, which is Connect but not what was asked for, with internal',
    (type) => {
      expect(errorOf(200, ['content-type', type], json('yes'))).toMatchObject({
        code: Code.Internal,
        rawMessage: `unexpected response: HTTP status 200 with content type "${type}" instead of "application/proto"`,
      });
    },
  );
});

const tooLarge = (message: string): unknown =>
  expect.objectContaining({ code: Code.ResourceExhausted, rawMessage: message });

describe('Connect client, limits of unary responses', () => {
  const options = { receiveLimitBytes: 12 };

  it('takes a message of exactly the limit', () => {
    const headers = [...PROTO, 'content-length', '12'];
    const { seen } = answered(200, headers, proto('0123456789'), { options });
    expect(seen).toEqual({ texts: ['0123456789'], end: 'complete' });
  });

  it.each([
    [200, PROTO],
    [500, JSON_TYPE],
  ])('refuses status %d by content-length, before any byte has come', (status, type) => {
    const begun = call({ options });
    begun.exchange.headers(status, [...type, 'content-length', '13']);
    expect(failure(begun)).toEqual(tooLarge('message of 13 bytes is larger than the limit of 12 bytes'));
    expect(begun.exchange.isReset).toBe(true);
  });

  it.each([
    [200, PROTO],
    [500, JSON_TYPE],
  ])('refuses status %d by the bytes that come, at the first one too many', (status, type) => {
    const begun = call({ options });
    begun.exchange.headers(status, type).data(Buffer.alloc(12));
    expect([begun.seen.end, begun.exchange.isReset]).toEqual([undefined, false]);
    begun.exchange.data(Buffer.alloc(1));
    expect(failure(begun)).toEqual(tooLarge('message is larger than the limit of 12 bytes'));
    expect(begun.exchange.isReset).toBe(true);
  });

  it.each([
    [200, PROTO, proto('0'.repeat(100))],
    [500, JSON_TYPE, body({ code: 'internal', message: '0'.repeat(100) })],
  ])('refuses status %d by the size after inflating', (status, type, bytes) => {
    const headers = [...type, 'content-encoding', 'gzip'];
    const error = errorOf(status, headers, gzipped(bytes), { options: { receiveLimitBytes: 101 } });
    expect(error).toEqual(tooLarge('message is larger than the limit of 101 bytes'));
  });

  it('takes a compressed message of the limit whose bytes are more than it', () => {
    const bytes = gzipped(proto('x'));
    expect(bytes.length).toBeGreaterThan(3);
    const headers = [...PROTO, 'content-encoding', 'gzip', 'content-length', String(bytes.length)];
    const { seen } = answered(200, headers, bytes, { options: { receiveLimitBytes: 3 } });
    expect(seen).toEqual({ texts: ['x'], end: 'complete' });
  });
});

describe('Connect client, unary calls that break off', () => {
  const gone = new ConnectError('connection lost', { code: Code.Unavailable });

  it.each<[string, (exchange: MemoryClientExchange) => void]>([
    ['before headers', () => undefined],
    ['after headers', (exchange) => void exchange.headers(200, PROTO)],
    ['in the body', (exchange) => void exchange.headers(200, PROTO).data(proto('ye'))],
  ])("fail with the transport's error %s", (_, before) => {
    const begun = call();
    before(begun.exchange);
    begun.exchange.abort(gone);
    expect(failure(begun)).toMatchObject({
      code: Code.Unavailable,
      rawMessage: 'connection lost',
      fromWire: true,
    });
  });

  it('fail with what they were canceled with, and reset the exchange', () => {
    const begun = call();
    begun.exchange.headers(200, PROTO).data(proto('ye'));
    begun.call.cancel(new ConnectError('enough', { code: Code.Aborted }));
    expect(failure(begun)).toMatchObject({ code: Code.Aborted, rawMessage: 'enough', fromWire: true });
    expect(begun.exchange.isReset).toBe(true);
  });
});
