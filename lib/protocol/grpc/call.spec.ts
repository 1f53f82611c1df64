import { Int32ValueSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it, jest } from '@jest/globals';
import {
  byteByByte,
  type Frame,
  frame,
  framesIn,
  gunzipped,
  gzipped,
  hex,
  json,
  proto,
} from '../../../test/support/frames.js';
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
import { METHOD_KINDS, textMessage } from '../../../test/support/test-service.js';
import { Code, CODES } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type MethodKind } from '../../rpc/method-spec.js';
import { type ServerCall, type StreamReplyCall } from '../../rpc/server-call.js';

const GRPC = { 'content-type': 'application/grpc' };
const HEAD = ['content-type', 'application/grpc', 'grpc-accept-encoding', 'gzip'];
const OK = ['grpc-status', '0'];
const SINGLE_REQUEST = ['unary', 'server_streaming'] as const;

interface Post {
  readonly headers?: Record<string, string>;
  readonly options?: TestRouteOptions;
  readonly before?: (call: ServerCall) => void;
}

/** Sends chunks to an echo. */
function post(kind: MethodKind, chunks: readonly Uint8Array[], { headers, options, before }: Post = {}) {
  const route = createTestRoute(echo(kind, before), options);
  return send(route, { headers: { ...GRPC, ...headers } }, ...chunks);
}

function textFrame(text: string): Frame {
  return [0, proto(text).toString('latin1')];
}

/** Code and message of a response that must be trailers-only. */
function trailersOnly(exchange: MemoryExchange): unknown[] {
  expect([exchange.status, exchange.isOneStep, exchange.chunks, exchange.trailers]).toEqual([
    200,
    true,
    [],
    undefined,
  ]);
  expect(exchange.headers.slice(0, 4)).toEqual(HEAD);
  return [Number(exchange.responseHeader('grpc-status')), exchange.responseHeader('grpc-message')];
}

describe('GrpcCall (gRPC over HTTP/2, "Requests" and "Responses")', () => {
  it('answers a unary call with one head, one write, and trailers', async () => {
    const exchange = await post('unary', [frame(0, proto('hi'))]);
    expect([exchange.status, exchange.headers, exchange.trailers]).toEqual([200, HEAD, OK]);
    expect(exchange.chunks.map(hex)).toEqual(['00 00 00 00 04 0a 02 68 69']);
  });

  it('answers an empty message with an empty envelope', async () => {
    const exchange = await post('unary', [frame(0, '')]);
    expect([exchange.chunks.map(hex), exchange.trailers]).toEqual([['00 00 00 00 00'], OK]);
  });

  it.each<[MethodKind, readonly string[], readonly string[]]>([
    ['unary', ['hi'], ['hi']],
    ['client_streaming', ['a', 'b'], ['a b']],
    ['client_streaming', [], ['']],
    ['server_streaming', ['a b'], ['a', 'b']],
    ['bidi_streaming', ['a', 'b'], ['a', 'b']],
    ['bidi_streaming', [], []],
  ])('answers %s %j with %j, then status 0', async (kind, requests, responses) => {
    const chunks = requests.map((text) => frame(0, proto(text)));
    const exchange = await post(kind, chunks);
    expect([exchange.status, exchange.headers, framesIn(exchange.body), exchange.trailers]).toEqual([
      200,
      HEAD,
      responses.map(textFrame),
      OK,
    ]);
  });

  it.each(METHOD_KINDS)('reads %s byte by byte', async (kind) => {
    const exchange = await post(kind, byteByByte(frame(0, proto('hi'))));
    expect([framesIn(exchange.body), exchange.trailers]).toEqual([[textFrame('hi')], OK]);
  });

  it.each([
    ['application/grpc', 'application/grpc', proto('hi')],
    ['application/grpc+proto', 'application/grpc+proto', proto('hi')],
    ['application/grpc+json', 'application/grpc+json', json('hi')],
    ['Application/GRPC; charset=utf-8', 'application/grpc', proto('hi')],
  ])('repeats the content type %s as %s', async (sent, answered, message) => {
    const exchange = await post('unary', [frame(0, message)], { headers: { 'content-type': sent } });
    expect([exchange.responseHeader('content-type'), exchange.trailers]).toEqual([answered, OK]);
    expect(framesIn(exchange.body)).toEqual([[0, message.toString('latin1')]]);
  });

  it('delivers a message when its bytes are complete, and answers it before the next', () => {
    const exchange = open(createTestRoute(echo('bidi_streaming')), { headers: GRPC });
    exchange.data(frame(0, proto('a')));
    expect(framesIn(exchange.body)).toEqual([textFrame('a')]);
    exchange.abort();
  });

  it('does not need te: trailers, and is called grpc', async () => {
    const protocols: string[] = [];
    await post('unary', [frame(0, '')], { before: (call) => protocols.push(call.protocol) });
    expect(protocols).toEqual(['grpc']);
  });
});

function setMetadata(call: ServerCall): void {
  call.responseHeaders.append('x-h', '1').append('x-h', '2').set('grpc-encoding', 'br').set('te', 'x');
  call.responseTrailers.append('x-t', '3').append('x-t', '4').set('grpc-status', '7');
}

interface FailingCall extends ServerCall {
  fail(error: ConnectError): void;
}

function failWithHeaders(_: unknown, call: FailingCall): void {
  setMetadata(call);
  call.fail(new ConnectError('no', { metadata: { 'x-e': '5' } }));
}

function failWithTrailers(_: unknown, call: FailingCall): void {
  call.responseTrailers.set('x-t', '3');
  call.fail(new ConnectError('no', { metadata: { 'x-e': '5' } }));
}

describe('GrpcCall: metadata (gRPC over HTTP/2, "Custom-Metadata")', () => {
  it.each(METHOD_KINDS)('of a %s call goes into head and trailers, without reserved names', async (kind) => {
    const exchange = await post(kind, [frame(0, proto('hi'))], { before: setMetadata });
    expect([exchange.headers, exchange.trailers]).toEqual([
      [...HEAD, 'x-h', '1', 'x-h', '2'],
      [...OK, 'x-t', '3', 'x-t', '4'],
    ]);
  });

  it.each(METHOD_KINDS)('stays apart when a %s call fails after it set headers', async (kind) => {
    const exchange = await send(
      createTestRoute({ kind, invoke: failWithHeaders }),
      { headers: GRPC },
      frame(0, ''),
    );
    expect([exchange.status, exchange.headers, exchange.chunks, exchange.trailers]).toEqual([
      200,
      [...HEAD, 'x-h', '1', 'x-h', '2'],
      [],
      ['grpc-status', '2', 'grpc-message', 'no', 'x-e', '5', 'x-t', '3', 'x-t', '4'],
    ]);
  });

  it('of a call that fails without headers is trailers-only', async () => {
    const exchange = await send(
      createTestRoute({ kind: 'unary', invoke: failWithTrailers }),
      { headers: GRPC },
      frame(0, ''),
    );
    expect(trailersOnly(exchange)).toEqual([2, 'no']);
    expect(exchange.headers.slice(8)).toEqual(['x-e', '5', 'x-t', '3']);
  });

  it('is sent ahead when it is flushed', () => {
    const route = createTestRoute(
      silent('bidi_streaming', (call) => {
        call.responseHeaders.set('x-early', '1');
        call.flushHeaders();
      }),
    );
    const exchange = open(route, { headers: GRPC });
    expect([exchange.status, exchange.headers]).toEqual([200, [...HEAD, 'x-early', '1']]);
    exchange.abort();
  });
});

function watch(run: (call: StreamReplyCall<unknown>) => void): Promise<MemoryExchange> {
  const route = createTestRoute({ kind: 'server_streaming', invoke: (_, call) => run(call) });
  return send(route, { headers: GRPC }, frame(0, ''));
}

describe('GrpcCall: errors (gRPC over HTTP/2, "Responses", Trailers-Only)', () => {
  it.each(CODES)('answers code %d at once with trailers only', async (code) => {
    const route = createTestRoute(failing('unary', () => new ConnectError('no', { code })));
    const exchange = await send(route, { headers: GRPC }, frame(0, ''));
    expect(trailersOnly(exchange)).toEqual([code, 'no']);
  });

  it.each(METHOD_KINDS)('answers a %s handler that fails at once with trailers only', async (kind) => {
    const route = createTestRoute(failing(kind, () => new ConnectError('no', { code: Code.Aborted })));
    const exchange = await send(route, { headers: GRPC }, frame(0, ''));
    expect(trailersOnly(exchange)).toEqual([10, 'no']);
  });

  it('answers an error whose detail does not fit its type', async () => {
    const details = [{ desc: Int32ValueSchema, value: { value: 2 ** 40 } }];
    const route = createTestRoute(failing('unary', () => new ConnectError('no', { details })));
    const exchange = await send(route, { headers: GRPC }, frame(0, ''));
    expect(trailersOnly(exchange)).toEqual([2, 'no']);
  });

  it('sends messages, then the error in the trailers, then nothing', async () => {
    const exchange = await watch((call) => {
      call.write(call.encode(textMessage('a')));
      call.fail(new ConnectError('no', { code: Code.DataLoss }));
      call.write(call.encode(textMessage('b')));
      call.complete();
    });
    expect([exchange.headers, framesIn(exchange.body), exchange.trailers]).toEqual([
      HEAD,
      [textFrame('a')],
      ['grpc-status', '15', 'grpc-message', 'no'],
    ]);
  });

  it('sends an error in the trailers when the head was flushed', async () => {
    const exchange = await watch((call) => {
      call.flushHeaders();
      call.fail(new ConnectError('no', { code: Code.DataLoss }));
    });
    expect([exchange.headers, exchange.chunks, exchange.trailers]).toEqual([
      HEAD,
      [],
      ['grpc-status', '15', 'grpc-message', 'no'],
    ]);
  });

  it('sends a success without messages as head and trailers', async () => {
    const exchange = await watch((call) => call.complete());
    expect([exchange.headers, exchange.chunks, exchange.trailers]).toEqual([HEAD, [], OK]);
  });
});

describe('GrpcCall: broken requests', () => {
  it.each(SINGLE_REQUEST.flatMap((kind) => [0, 2].map((count) => [kind, count] as const)))(
    'answers %s with %d messages with unimplemented',
    async (kind, count) => {
      const chunks = Array.from({ length: count }, () => frame(0, proto('hi')));
      expect(trailersOnly(await post(kind, chunks))).toEqual([12, expect.stringContaining('exactly one')]);
    },
  );

  it.each(METHOD_KINDS.flatMap((kind) => [1, 4, 5, 8].map((length) => [kind, length] as const)))(
    'answers %s cut after %d bytes with internal',
    async (kind, length) => {
      const exchange = await post(kind, [frame(0, proto('hi')).subarray(0, length)]);
      expect(trailersOnly(exchange)).toEqual([13, 'the request ends in the middle of a message']);
    },
  );

  it.each(
    METHOD_KINDS.flatMap((kind) => [0x02, 0x04, 0x80, 0x81, 0xff].map((flags) => [kind, flags] as const)),
  )('answers %s with flags %d with internal', async (kind, flags) => {
    const exchange = await post(kind, [frame(flags, '')], { headers: { 'grpc-encoding': 'gzip' } });
    expect(trailersOnly(exchange)).toEqual([13, expect.stringContaining('unknown flags')]);
  });

  it.each<[string, Record<string, string>]>([
    ['no encoding', {}],
    ['identity', { 'grpc-encoding': 'identity' }],
  ])('answers a compressed message under %s with internal', async (_, headers) => {
    for (const kind of METHOD_KINDS) {
      const exchange = await post(kind, [frame(1, gzipped(proto('hi')))], { headers });
      expect(trailersOnly(exchange)).toEqual([13, expect.stringContaining('declares no compression')]);
    }
  });

  it.each<[string, Uint8Array, number]>([
    ['compressed bytes', frame(1, 'not gzip'), 13],
    ['a message', frame(0, Buffer.from([0xff])), 3],
  ])('answers %s that are broken', async (_, bytes, status) => {
    for (const kind of METHOD_KINDS) {
      const exchange = await post(kind, [bytes], { headers: { 'grpc-encoding': 'gzip' } });
      expect(trailersOnly(exchange)).toEqual([status, expect.any(String)]);
    }
  });

  it.each(METHOD_KINDS)('answers a message over the limit, in %s, by its prefix', async (kind) => {
    const exchange = open(createTestRoute(echo(kind), { receiveLimitBytes: 12 }), { headers: GRPC });
    exchange.data(Buffer.from([0, 0, 0, 0, 13]));
    await exchange.closed;
    expect(trailersOnly(exchange)).toEqual([8, 'message of 13 bytes is larger than the limit of 12 bytes']);
    expect(exchange.isEndedEarly).toBe(true);
  });

  it.each(METHOD_KINDS)('answers a message that inflates beyond the limit, in %s', async (kind) => {
    const exchange = await post(kind, [frame(1, gzipped(proto('0'.repeat(100))))], {
      headers: { 'grpc-encoding': 'gzip' },
      options: { receiveLimitBytes: 101 },
    });
    expect(trailersOnly(exchange)).toEqual([8, 'message is larger than the limit of 101 bytes']);
  });
});

describe('GrpcCall: compression (gRPC, "Compression")', () => {
  it.each(METHOD_KINDS)('reads a compressed message of %s', async (kind) => {
    const exchange = await post(kind, [frame(1, gzipped(proto('hi')))], {
      headers: { 'grpc-encoding': 'gzip' },
    });
    expect([framesIn(exchange.body), exchange.trailers]).toEqual([[textFrame('hi')], OK]);
  });

  it.each(METHOD_KINDS)('compresses the messages of %s for a client that accepts it', async (kind) => {
    const exchange = await post(kind, [frame(0, proto('hi'))], {
      headers: { 'grpc-accept-encoding': 'identity,br,gzip' },
      options: { compressMinBytes: 0 },
    });
    expect(exchange.responseHeader('grpc-encoding')).toBe('gzip');
    const [[flags, payload] = [-1, ''], ...rest] = framesIn(exchange.body);
    expect([flags, gunzipped(payload), rest, exchange.trailers]).toEqual([1, proto('hi'), [], OK]);
  });

  it.each<[string, Record<string, string>, number]>([
    ['by default', { 'grpc-accept-encoding': 'gzip' }, Infinity],
    ['for a client that accepts nothing', {}, 0],
    ['for the header of another protocol', { 'accept-encoding': 'gzip' }, 0],
  ])('compresses nothing %s', async (_, headers, compressMinBytes) => {
    const exchange = await post('unary', [frame(0, proto('hi'))], { headers, options: { compressMinBytes } });
    expect([exchange.headers, framesIn(exchange.body)]).toEqual([HEAD, [textFrame('hi')]]);
  });

  it.each(METHOD_KINDS)(
    'answers an unknown one, in %s, with unimplemented and the accept header',
    async (kind) => {
      const exchange = await post(kind, [frame(0, '')], { headers: { 'grpc-encoding': 'snappy' } });
      expect(trailersOnly(exchange)).toEqual([12, 'unknown compression "snappy": supported are gzip']);
      expect(exchange.responseHeader('grpc-accept-encoding')).toBe('gzip');
    },
  );

  it.each([
    ['gzip', 12],
    ['identity', 0],
  ])('answers a content-encoding of %s with status %d', async (encoding, status) => {
    const exchange = await post('unary', [frame(0, '')], { headers: { 'content-encoding': encoding } });
    expect(Number(exchange.responseHeader('grpc-status') ?? exchange.responseTrailer('grpc-status'))).toBe(
      status,
    );
  });
});

describe('GrpcCall: timeout (gRPC over HTTP/2, "Timeout")', () => {
  it.each([
    ['1s', 3],
    ['', 3],
    ['0S', 4],
    ['0n', 4],
  ])('answers grpc-timeout %j with status %d, without running the handler', async (timeout, status) => {
    for (const kind of METHOD_KINDS) {
      const invoked = jest.fn();
      const route = createTestRoute(silent(kind, invoked));
      const headers = { ...GRPC, 'grpc-timeout': timeout };
      expect(trailersOnly(await send(route, { headers }, frame(0, '')))).toEqual([
        status,
        expect.any(String),
      ]);
      expect(invoked).not.toHaveBeenCalled();
    }
  });

  it('tells the handler the timeout, and ignores that of another protocol', async () => {
    const timeouts: unknown[] = [];
    await post('unary', [frame(0, '')], {
      headers: { 'grpc-timeout': '1M', 'connect-timeout-ms': '0' },
      before: (call) => timeouts.push(call.requestTimeoutMs),
    });
    expect(timeouts).toEqual([60_000]);
  });
});

describe('gRPC in the dispatcher', () => {
  it.each(METHOD_KINDS)('refuses %s over HTTP/1.1 with 505, and closes', async (kind) => {
    const invoked = jest.fn();
    const route = createTestRoute(silent(kind, invoked));
    const exchange = await send(route, { headers: GRPC, httpVersion: '1.1' });
    expect([exchange.status, exchange.headers, exchange.chunks]).toEqual([505, ['connection', 'close'], []]);
    expect(invoked).not.toHaveBeenCalled();
  });

  it.each(['application/grpc', 'application/grpc+proto', 'application/grpc+json', 'application/grpc+foo'])(
    'answers an unknown path, in %s, with trailers only',
    async (type) => {
      const exchange = await send(createTestRoute(echo('unary')), {
        path: '/no.Such/Method',
        headers: { 'content-type': type },
      });
      expect([exchange.status, exchange.isOneStep, exchange.chunks, exchange.headers]).toEqual([
        200,
        true,
        [],
        [
          'content-type',
          'application/grpc',
          'grpc-status',
          '12',
          'grpc-message',
          'no method is served at /no.Such/Method',
        ],
      ]);
    },
  );

  it('refuses an unknown path over HTTP/1.1 with 505', async () => {
    const exchange = await send(createTestRoute(echo('unary')), {
      path: '/no.Such/Method',
      headers: GRPC,
      httpVersion: '1.1',
    });
    expect(exchange.status).toBe(505);
  });

  it.each(['application/grpc+foo', 'application/grpcx', 'application/grpc-foo'])(
    'answers the content type %s with 415',
    async (type) => {
      const headers = { 'content-type': type };
      const exchange = await send(createTestRoute(echo('unary')), { headers });
      expect([exchange.status, exchange.chunks]).toEqual([415, []]);
    },
  );
});
