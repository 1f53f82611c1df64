import { describe, expect, it, jest } from '@jest/globals';
import {
  byteByByte,
  type Frame,
  frame,
  framesIn,
  gunzipped,
  gzipped,
  json,
  proto,
} from '../../../test/support/frames.js';
import { type MemoryExchange } from '../../../test/support/memory-exchange.js';
import {
  createTestRoute,
  echo,
  failing,
  open,
  readAll,
  type SeenRequests,
  send,
  silent,
  type TestRouteOptions,
} from '../../../test/support/serve.js';
import { textMessage } from '../../../test/support/test-service.js';
import { Code, CODES, codeToName } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type StreamReplyCall } from '../../rpc/server-call.js';

const PROTO = { 'content-type': 'application/connect+proto' };
const JSON_TYPE = { 'content-type': 'application/connect+json' };
const STREAMS = ['client_streaming', 'server_streaming', 'bidi_streaming'] as const;
const SUCCESS: Frame = [2, '{}'];

type StreamKind = (typeof STREAMS)[number];

interface Post {
  readonly headers?: Record<string, string>;
  readonly options?: TestRouteOptions;
}

/** Sends chunks to an echo, as proto. */
function post(kind: StreamKind, chunks: readonly Uint8Array[], { headers, options }: Post = {}) {
  return send(createTestRoute(echo(kind), options), { headers: { ...PROTO, ...headers } }, ...chunks);
}

function textFrame(text: string, flags = 0): Frame {
  return [flags, proto(text).toString('latin1')];
}

/** The error in the end-stream message, which must be the only envelope. */
function onlyError(exchange: MemoryExchange): unknown {
  expect(exchange.status).toBe(200);
  const frames = framesIn(exchange.body);
  expect(frames.map(([flags]) => flags)).toEqual([2]);
  const { error }: { error: unknown } = JSON.parse(frames[0]?.[1] ?? '');
  return error;
}

describe('ConnectStreamCall (Connect protocol, "Streaming-Request" and "Streaming-Response")', () => {
  it.each<[StreamKind, readonly string[], readonly string[]]>([
    ['client_streaming', ['a', 'b', 'c'], ['a b c']],
    ['client_streaming', [], ['']],
    ['server_streaming', ['a b c'], ['a', 'b', 'c']],
    ['bidi_streaming', ['a', 'b', 'c'], ['a', 'b', 'c']],
    ['bidi_streaming', [], []],
    ['bidi_streaming', ['', ''], ['', '']],
  ])('answers %s %j with %j, then end-stream', async (kind, requests, responses) => {
    const exchange = await post(
      kind,
      requests.map((text) => frame(0, proto(text))),
    );
    expect([exchange.status, exchange.headers]).toEqual([
      200,
      ['content-type', 'application/connect+proto', 'connect-accept-encoding', 'gzip'],
    ]);
    expect(framesIn(exchange.body)).toEqual([...responses.map((text) => textFrame(text)), SUCCESS]);
    expect(exchange.trailers).toBeUndefined();
  });

  it.each(STREAMS)('answers %s in JSON', async (kind) => {
    const exchange = await send(createTestRoute(echo(kind)), { headers: JSON_TYPE }, frame(0, json('hi')));
    expect(exchange.responseHeader('content-type')).toBe('application/connect+json');
    expect(framesIn(exchange.body)).toEqual([[0, '"hi"'], SUCCESS]);
  });

  it.each(STREAMS)('reads %s byte by byte', async (kind) => {
    const exchange = await post(kind, byteByByte(frame(0, proto('hi'))));
    expect(framesIn(exchange.body)).toEqual([textFrame('hi'), SUCCESS]);
  });

  it('delivers a message when its bytes are complete, and answers it before the next', () => {
    const exchange = open(createTestRoute(echo('bidi_streaming')), { headers: PROTO });
    exchange.data(frame(0, proto('a')));
    expect(framesIn(exchange.body)).toEqual([textFrame('a')]);
    exchange.data(frame(0, proto('b')));
    expect(framesIn(exchange.body)).toEqual([textFrame('a'), textFrame('b')]);
    exchange.abort();
  });

  it('works over HTTP/1.1', async () => {
    const route = createTestRoute(echo('server_streaming'));
    const exchange = await send(route, { headers: PROTO, httpVersion: '1.1' }, frame(0, proto('a b')));
    expect(framesIn(exchange.body)).toEqual([textFrame('a'), textFrame('b'), SUCCESS]);
  });

  it('sends headers when they are flushed, before any message', () => {
    const route = createTestRoute(
      silent('bidi_streaming', (call) => {
        call.responseHeaders.set('x-early', '1');
        call.flushHeaders();
      }),
    );
    const exchange = open(route, { headers: PROTO });
    expect([exchange.status, exchange.responseHeader('x-early')]).toEqual([200, '1']);
    exchange.abort();
  });
});

function watch(run: (call: StreamReplyCall<unknown>) => void): Promise<MemoryExchange> {
  const route = createTestRoute({ kind: 'server_streaming', invoke: (_, call) => run(call) });
  return send(route, { headers: PROTO }, frame(0, proto('go')));
}

describe('ConnectStreamCall: end-stream (Connect protocol, "Streaming-Response")', () => {
  it('is the last envelope, and nothing follows it', async () => {
    const exchange = await watch((call) => {
      call.write(call.encode(textMessage('a')));
      call.complete();
      call.write(call.encode(textMessage('b')));
      call.fail(new ConnectError('late'));
    });
    expect(framesIn(exchange.body)).toEqual([textFrame('a'), SUCCESS]);
  });

  it('carries an error after messages', async () => {
    const exchange = await watch((call) => {
      call.write(call.encode(textMessage('a')));
      call.fail(new ConnectError('no', { code: Code.OutOfRange }));
    });
    expect([exchange.status, framesIn(exchange.body)]).toEqual([
      200,
      [textFrame('a'), [2, '{"error":{"code":"out_of_range","message":"no"}}']],
    ]);
  });

  it('carries trailers and the metadata of an error, the headers none of them', async () => {
    const exchange = await watch((call) => {
      call.responseHeaders.append('x-h', '1').append('x-h', '2').set('connect-content-encoding', 'br');
      call.responseTrailers.append('x-t', '3').append('x-t', '4').set('content-length', '0');
      call.fail(new ConnectError('', { code: Code.Aborted, metadata: { 'x-e': '5' } }));
    });
    expect(exchange.headers.slice(4)).toEqual(['x-h', '1', 'x-h', '2']);
    expect(framesIn(exchange.body)).toEqual([
      [2, '{"error":{"code":"aborted"},"metadata":{"x-e":["5"],"x-t":["3","4"]}}'],
    ]);
  });

  it.each(CODES)('carries code %d under status 200', async (code) => {
    const route = createTestRoute(failing('server_streaming', () => new ConnectError('', { code })));
    const exchange = await send(route, { headers: PROTO }, frame(0, ''));
    expect([onlyError(exchange), exchange.responseHeader('content-type')]).toEqual([
      { code: codeToName(code) },
      'application/connect+proto',
    ]);
  });

  it.each(STREAMS)('carries the error of a %s handler that fails at once', async (kind) => {
    const route = createTestRoute(failing(kind, () => new ConnectError('no')));
    const exchange = await send(route, { headers: PROTO }, frame(0, ''));
    expect(onlyError(exchange)).toEqual({ code: 'unknown', message: 'no' });
  });
});

describe('ConnectStreamCall: broken requests', () => {
  const whole = frame(0, proto('hello'));

  it.each(
    STREAMS.flatMap((kind) =>
      Array.from({ length: whole.length - 1 }, (_, i) => [kind, i + 1] as [StreamKind, number]),
    ),
  )('answers %s with internal when the request is cut after %d bytes', async (kind, length) => {
    const exchange = await post(kind, [whole.subarray(0, length)]);
    expect(onlyError(exchange)).toEqual({
      code: 'internal',
      message: 'the request ends in the middle of a message',
    });
  });

  it.each(
    STREAMS.flatMap((kind) =>
      [0x02, 0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff].map((f) => [kind, f] as [StreamKind, number]),
    ),
  )('answers %s with internal for flags %d, end-stream included', async (kind, flags) => {
    const headers = { 'connect-content-encoding': 'gzip' };
    const exchange = await post(kind, [frame(flags, '{}')], { headers });
    expect(onlyError(exchange)).toEqual({
      code: 'internal',
      message: expect.stringContaining(`unknown flags 0x${flags.toString(16)} `),
    });
  });

  it.each<[string, Record<string, string>]>([
    ['no encoding', {}],
    ['identity', { 'connect-content-encoding': 'identity' }],
    ['an encoding in the header of another protocol', { 'grpc-encoding': 'gzip' }],
  ])('answers a compressed message under %s with internal', async (_, headers) => {
    const bytes = [frame(1, gzipped(proto('hi')))];
    for (const kind of STREAMS) {
      expect(onlyError(await post(kind, bytes, { headers }))).toMatchObject({ code: 'internal' });
    }
  });

  it.each([0, 2])('answers a server stream with %d requests with unimplemented', async (count) => {
    const exchange = await post(
      'server_streaming',
      Array.from({ length: count }, () => frame(0, proto('hi'))),
    );
    expect(onlyError(exchange)).toMatchObject({ code: 'unimplemented' });
  });

  it.each(STREAMS)('answers a message over the limit, in %s, by its prefix', async (kind) => {
    const exchange = open(createTestRoute(echo(kind), { receiveLimitBytes: 12 }), { headers: PROTO });
    exchange.data(Buffer.from([0, 0, 0, 0, 13]));
    await exchange.closed;
    expect(onlyError(exchange)).toEqual({
      code: 'resource_exhausted',
      message: 'message of 13 bytes is larger than the limit of 12 bytes',
    });
    expect(exchange.isEndedEarly).toBe(true);
  });

  it.each(STREAMS)('takes a message of exactly the limit, in %s', async (kind) => {
    const bytes = [frame(0, proto('0123456789'))];
    const exchange = await post(kind, bytes, { options: { receiveLimitBytes: 12 } });
    expect(framesIn(exchange.body)).toEqual([textFrame('0123456789'), SUCCESS]);
  });

  it.each(STREAMS)('answers a message that inflates beyond the limit, in %s', async (kind) => {
    const exchange = await post(kind, [frame(1, gzipped(proto('0'.repeat(100))))], {
      headers: { 'connect-content-encoding': 'gzip' },
      options: { receiveLimitBytes: 101 },
    });
    expect(onlyError(exchange)).toMatchObject({ code: 'resource_exhausted' });
  });

  it.each([
    ['compressed bytes', frame(1, 'not gzip')],
    ['a message', frame(0, Buffer.from([0xff]))],
  ])('answers %s that are broken with invalid_argument', async (_, bytes) => {
    const exchange = await post('bidi_streaming', [bytes], {
      headers: { 'connect-content-encoding': 'gzip' },
    });
    expect(onlyError(exchange)).toMatchObject({ code: 'invalid_argument' });
  });

  it('keeps what was delivered and answered before the request broke', async () => {
    const exchange = await post('bidi_streaming', [frame(0, proto('a')), Buffer.alloc(3)]);
    const [first, [flags, end] = [-1, '{}']] = framesIn(exchange.body);
    expect([first, flags, JSON.parse(end)]).toEqual([
      textFrame('a'),
      2,
      { error: { code: 'internal', message: 'the request ends in the middle of a message' } },
    ]);
  });

  it('tells the handler why its stream broke', async () => {
    let seen: SeenRequests | undefined;
    const route = createTestRoute({
      kind: 'client_streaming',
      invoke(requests) {
        seen = readAll(requests, () => undefined);
      },
    });
    await send(route, { headers: PROTO }, frame(0, proto('a')), frame(2, '{}'));
    expect(seen).toEqual({ texts: ['a'], end: expect.objectContaining({ code: Code.Internal }) });
  });
});

describe('ConnectStreamCall: compression (Connect protocol, "Streaming-Request")', () => {
  it.each(STREAMS)('reads compressed and plain messages in one %s request', async (kind) => {
    const chunks = [frame(1, gzipped(proto('a'))), frame(0, proto('b')), frame(1, '')];
    const sent = kind === 'server_streaming' ? chunks.slice(0, 1) : chunks;
    const exchange = await post(kind, sent, { headers: { 'connect-content-encoding': 'gzip' } });
    const answers = { client_streaming: ['a b '], server_streaming: ['a'], bidi_streaming: ['a', 'b', ''] };
    expect(framesIn(exchange.body)).toEqual([...answers[kind].map((text) => textFrame(text)), SUCCESS]);
  });

  it('answers an unknown compression with unimplemented, the names, and the accept header', async () => {
    const exchange = await post('bidi_streaming', [], { headers: { 'connect-content-encoding': 'snappy' } });
    expect(onlyError(exchange)).toEqual({
      code: 'unimplemented',
      message: 'unknown compression "snappy": supported are gzip',
    });
    expect(exchange.responseHeader('connect-accept-encoding')).toBe('gzip');
  });

  it('compresses messages from the minimum on, and not the end-stream message', async () => {
    const exchange = await post('server_streaming', [frame(0, proto('long a'))], {
      headers: { 'connect-accept-encoding': 'br, gzip' },
      options: { compressMinBytes: 6 },
    });
    expect(exchange.responseHeader('connect-content-encoding')).toBe('gzip');
    const [[flags, payload] = [-1, ''], ...rest] = framesIn(exchange.body);
    expect([flags, gunzipped(payload), rest]).toEqual([1, proto('long'), [textFrame('a'), SUCCESS]]);
  });

  it.each<[string, Record<string, string>, number]>([
    ['by default', { 'connect-accept-encoding': 'gzip' }, Infinity],
    ['what the client does not accept', { 'connect-accept-encoding': 'br' }, 0],
    ['for the header of unary calls', { 'accept-encoding': 'gzip' }, 0],
  ])('compresses nothing %s', async (_, headers, compressMinBytes) => {
    const exchange = await post('bidi_streaming', [frame(0, proto('a'))], {
      headers,
      options: { compressMinBytes },
    });
    expect(exchange.responseHeader('connect-content-encoding')).toBeUndefined();
    expect(framesIn(exchange.body)).toEqual([textFrame('a'), SUCCESS]);
  });
});

describe('ConnectStreamCall: headers of the protocol', () => {
  it.each<[string, Record<string, string>, TestRouteOptions, string]>([
    ['a content-encoding of the whole body', { 'content-encoding': 'gzip' }, {}, 'unimplemented'],
    ['another version', { 'connect-protocol-version': '2' }, {}, 'invalid_argument'],
    ['a missing version that is required', {}, { requireProtocolVersion: true }, 'invalid_argument'],
    ['a timeout that is none', { 'connect-timeout-ms': '-1' }, {}, 'invalid_argument'],
    ['a timeout that has passed', { 'connect-timeout-ms': '0' }, {}, 'deadline_exceeded'],
  ])('answers %s under status 200, without running the handler', async (_, headers, options, code) => {
    for (const kind of STREAMS) {
      const invoked = jest.fn();
      const route = createTestRoute(silent(kind, invoked), options);
      const exchange = await send(route, { headers: { ...PROTO, ...headers } }, frame(0, proto('hi')));
      expect(onlyError(exchange)).toMatchObject({ code });
      expect(invoked).not.toHaveBeenCalled();
    }
  });

  it.each(['identity', ''])('takes a content-encoding of %j', async (encoding) => {
    const headers = { 'content-encoding': encoding };
    const exchange = await post('bidi_streaming', [frame(0, proto('a'))], { headers });
    expect(framesIn(exchange.body)).toEqual([textFrame('a'), SUCCESS]);
  });
});

describe('Connect streams in the dispatcher', () => {
  it.each(STREAMS)('answers a unary content type for a %s method with 415', async (kind) => {
    const headers = { 'content-type': 'application/json' };
    const exchange = await send(createTestRoute(echo(kind)), { headers });
    expect([exchange.status, exchange.chunks]).toEqual([415, []]);
  });

  it('answers an unknown path with 404 and unimplemented', async () => {
    const route = createTestRoute(echo('bidi_streaming'));
    const exchange = await send(route, { path: '/no.Such/Method', headers: PROTO });
    expect([exchange.status, JSON.parse(exchange.text)]).toEqual([
      404,
      expect.objectContaining({ code: 'unimplemented' }),
    ]);
  });
});
