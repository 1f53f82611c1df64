/**
 * gRPC-Web calls in binary: what differs from gRPC. What they share is in `grpc/call.spec.ts`.
 */
import { describe, expect, it } from '@jest/globals';
import {
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
import { type ServerCall } from '../../rpc/server-call.js';

const WEB = { 'content-type': 'application/grpc-web' };
const HEAD = ['content-type', 'application/grpc-web', 'grpc-accept-encoding', 'gzip'];
const OK: Frame = [0x80, 'grpc-status: 0\r\n'];

function post(
  kind: MethodKind,
  chunks: readonly Uint8Array[],
  headers: Record<string, string> = {},
  options: TestRouteOptions = {},
  before?: (call: ServerCall) => void,
): Promise<MemoryExchange> {
  const route = createTestRoute(echo(kind, before), options);
  return send(route, { headers: { ...WEB, ...headers }, httpVersion: '1.1' }, ...chunks);
}

const textFrame = (text: string): Frame => [0, proto(text).toString('latin1')];

function failWithMetadata(_: unknown, call: ServerCall & { fail(error: ConnectError): void }): void {
  call.responseHeaders.set('x-h', '1');
  call.responseTrailers.append('X-T', '2').append('x-t', '3').set('grpc-status', '0');
  call.fail(new ConnectError('nö', { code: Code.NotFound, metadata: { 'X-E': '4' } }));
}

describe('gRPC-Web (gRPC-Web, "Protocol differences vs gRPC over HTTP2")', () => {
  it('answers a unary call in one step, trailers in the body, byte by byte', async () => {
    const exchange = await post('unary', [frame(0, proto('hi'))]);
    expect([exchange.status, exchange.headers, exchange.isOneStep, exchange.trailers]).toEqual([
      200,
      HEAD,
      true,
      undefined,
    ]);
    expect(hex(exchange.body)).toBe(
      '00 00 00 00 04 0a 02 68 69 80 00 00 00 10 67 72 70 63 2d 73 74 61 74 75 73 3a 20 30 0d 0a',
    );
  });

  it.each<[MethodKind, readonly string[], readonly string[]]>([
    ['unary', [''], ['']],
    ['client_streaming', ['a', 'b'], ['a b']],
    ['server_streaming', ['a b'], ['a', 'b']],
    ['bidi_streaming', ['a', 'b'], ['a', 'b']],
    ['bidi_streaming', [], []],
  ])('answers %s %j with %j, then the trailer frame', async (kind, requests, responses) => {
    const exchange = await post(
      kind,
      requests.map((text) => frame(0, proto(text))),
    );
    expect([exchange.headers, framesIn(exchange.body), exchange.trailers]).toEqual([
      HEAD,
      [...responses.map(textFrame), OK],
      undefined,
    ]);
  });

  it.each([
    ['application/grpc-web', proto('hi')],
    ['application/grpc-web+proto', proto('hi')],
    ['application/grpc-web+json', json('hi')],
  ])('repeats the content type %s', async (type, message) => {
    const exchange = await post('unary', [frame(0, message)], { 'content-type': type });
    expect([exchange.responseHeader('content-type'), framesIn(exchange.body)]).toEqual([
      type,
      [[0, message.toString('latin1')], OK],
    ]);
  });

  it('works over HTTP/2 without HTTP trailers', async () => {
    const exchange = await send(
      createTestRoute(echo('server_streaming')),
      { headers: WEB },
      frame(0, proto('a')),
    );
    expect([framesIn(exchange.body), exchange.trailers]).toEqual([[textFrame('a'), OK], undefined]);
  });

  it('does not need x-grpc-web, and is called grpc-web', async () => {
    const protocols: string[] = [];
    await post('unary', [frame(0, '')], {}, {}, (call) => protocols.push(call.protocol));
    expect(protocols).toEqual(['grpc-web']);
  });

  it('puts trailers and the metadata of an error into the frame', async () => {
    for (const kind of METHOD_KINDS) {
      const exchange = await send(
        createTestRoute({ kind, invoke: failWithMetadata }),
        { headers: WEB },
        frame(0, ''),
      );
      expect([exchange.headers, framesIn(exchange.body)]).toEqual([
        [...HEAD, 'x-h', '1'],
        [[0x80, 'grpc-status: 5\r\ngrpc-message: n%C3%B6\r\nx-e: 4\r\nx-t: 2\r\nx-t: 3\r\n']],
      ]);
    }
  });

  it('sends messages, then an error in the last frame, then nothing', async () => {
    const route = createTestRoute({
      kind: 'server_streaming',
      invoke(_, call) {
        call.write(call.encode(textMessage('a')));
        call.fail(new ConnectError('no'));
        call.write(call.encode(textMessage('b')));
        call.complete();
      },
    });
    const exchange = await send(route, { headers: WEB }, frame(0, ''));
    expect(framesIn(exchange.body)).toEqual([
      textFrame('a'),
      [0x80, 'grpc-status: 2\r\ngrpc-message: no\r\n'],
    ]);
  });

  it.each(CODES)('answers code %d at once in the headers, with an empty body', async (code) => {
    const route = createTestRoute(failing('unary', () => new ConnectError('no', { code })));
    const exchange = await send(route, { headers: WEB, httpVersion: '1.1' }, frame(0, ''));
    expect([exchange.status, exchange.headers, exchange.chunks]).toEqual([
      200,
      [...HEAD, 'grpc-status', String(code), 'grpc-message', 'no'],
      [],
    ]);
  });

  it('compresses messages and leaves the trailer frame plain', async () => {
    const headers = { 'grpc-encoding': 'gzip', 'grpc-accept-encoding': 'gzip' };
    const exchange = await post('unary', [frame(1, gzipped(proto('hi')))], headers, { compressMinBytes: 0 });
    const [[flags, payload] = [-1, ''], ...rest] = framesIn(exchange.body);
    expect([flags, gunzipped(payload), rest]).toEqual([1, proto('hi'), [OK]]);
  });

  it.each([0x80, 0x81])('answers a request with flags %d, a trailer frame, with internal', async (flags) => {
    const exchange = await post('client_streaming', [frame(flags, 'x: y\r\n')]);
    expect(exchange.responseHeader('grpc-status')).toBe('13');
  });

  it('answers an unknown compression with unimplemented and the accept header', async () => {
    const exchange = await post('unary', [frame(0, '')], { 'grpc-encoding': 'snappy' });
    expect([exchange.responseHeader('grpc-status'), exchange.responseHeader('grpc-accept-encoding')]).toEqual(
      ['12', 'gzip'],
    );
  });
});

describe('gRPC-Web in the dispatcher', () => {
  it.each(['application/grpc-web', 'application/grpc-web+json', 'application/grpc-web-text'])(
    'answers an unknown path, in %s, with status 12 in the headers: its client reads no code out of a 404',
    async (type) => {
      const request = {
        path: '/no.Such/Method',
        headers: { 'content-type': type },
        httpVersion: '1.1',
      } as const;
      const exchange = await send(createTestRoute(echo('unary')), request, frame(0, ''));
      expect([exchange.status, exchange.responseHeader('grpc-status'), exchange.chunks]).toEqual([
        200,
        '12',
        [],
      ]);
    },
  );

  it('keeps a call open until its handler answers', () => {
    const exchange = open(createTestRoute(silent('unary')), { headers: WEB, httpVersion: '1.1' });
    exchange.data(frame(0, '')).finish();
    expect(exchange.status).toBeUndefined();
    exchange.abort();
  });
});
