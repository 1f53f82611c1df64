/**
 * gRPC-Web calls of a client: what differs from gRPC. What they share is in `grpc/client-call.spec.ts`.
 */
import { describe, expect, it } from '@jest/globals';

import { byteByByte, frame, framesIn, gzipped, json, proto } from '../../../test/support/frames.js';
import { METHOD_KINDS } from '../../../test/support/test-service.js';
import { WatchedCall, type WatchedCallSetup } from '../../../test/support/watched-call.js';
import { createJsonCodec } from '../../codec/json-codec.js';
import { Code, CODES } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type MethodKind } from '../../rpc/method-spec.js';
import { VERSION } from '../../wire/user-agent.js';
import { grpcWebClientProtocol } from './client.js';

const TYPE = ['content-type', 'application/grpc-web'];
const HEAD = [...TYPE, 'x-h', '1'];
const SINGLE_REPLY = ['unary', 'client_streaming'] as const;
const STREAM_REPLY = ['server_streaming', 'bidi_streaming'] as const;

const HI = frame(0, proto('hi'));
const OK = frame(0x80, 'grpc-status: 0\r\nx-t: 2\r\n');
const ERROR = frame(0x80, 'grpc-status: 9\r\ngrpc-message: gr%C3%BCn\r\nx-t: 2\r\n');

interface Response {
  readonly status?: number;
  readonly headers?: HeaderList;
  /** HTTP trailers: not the call's. */
  readonly trailers?: HeaderList;
}

function answer(
  kind: MethodKind,
  body: readonly Uint8Array[],
  { status = 200, headers = HEAD, trailers }: Response = {},
  setup?: WatchedCallSetup,
): WatchedCall {
  const call = new WatchedCall(grpcWebClientProtocol, kind, setup);
  call.exchange
    .headers(status, headers)
    .data(...body)
    .finish(trailers);
  return call;
}

describe('gRPC-Web client: requests (gRPC-Web, "Protocol differences vs gRPC over HTTP2")', () => {
  it('needs no HTTP/2, and is called grpc-web', () => {
    expect([grpcWebClientProtocol.needsHttp2, grpcWebClientProtocol.name]).toEqual([false, 'grpc-web']);
  });

  it.each(METHOD_KINDS)('posts %s with these headers, without te', (kind) => {
    const { exchange } = new WatchedCall(grpcWebClientProtocol, kind, { timeoutMs: 1_000 });
    expect(exchange.head.headers).toEqual([
      'grpc-timeout',
      '1000000u',
      'x-grpc-web',
      '1',
      'x-user-agent',
      `grpc-web-node-nestjs-connect/${VERSION}`,
      'content-type',
      'application/grpc-web',
      'grpc-accept-encoding',
      'gzip',
      'accept-encoding',
      'identity',
      'user-agent',
      `nestjs-connect/${VERSION}`,
    ]);
    expect(framesIn(exchange.body)).toEqual([[0, proto('hi').toString('latin1')]]);
    exchange.abort(new ConnectError(''));
  });

  it('names the codec in the content type, unless it is proto', () => {
    const headers = ['content-type', 'application/grpc-web+json'];
    const body = [frame(0, json('hi')), OK];
    const call = answer('unary', body, { headers }, { options: { codec: createJsonCodec() } });
    expect([call.exchange.header('content-type'), call.texts]).toEqual(['application/grpc-web+json', ['hi']]);
  });
});

describe('gRPC-Web client: trailers in the body (gRPC-Web, "Message framing")', () => {
  it.each<[MethodKind, readonly string[]]>([
    ['unary', ['hi']],
    ['client_streaming', ['']],
    ['server_streaming', []],
    ['bidi_streaming', ['a', 'b']],
  ])('ends %s %j with the trailer frame', (kind, texts) => {
    const call = answer(kind, [...texts.map((text) => frame(0, proto(text))), OK]);
    expect([call.texts, call.outcome, call.headers, call.trailers]).toEqual([
      texts,
      'end',
      HEAD,
      ['x-t', '2'],
    ]);
  });

  it.each(METHOD_KINDS)('reads %s byte by byte', (kind) => {
    const call = answer(kind, byteByByte(Buffer.concat([HI, OK])));
    expect([call.texts, call.outcome, call.trailers]).toEqual([['hi'], 'end', ['x-t', '2']]);
  });

  it.each(METHOD_KINDS)('fails %s with the status in the frame', (kind) => {
    const call = answer(kind, [ERROR]);
    expect([call.outcome, call.events]).toEqual([
      [9, 'grün'],
      ['headers', 'trailers', 'error'],
    ]);
    expect([call.trailers, call.error?.metadata.toList(), call.error?.fromWire]).toEqual([
      ['x-t', '2'],
      [...HEAD, 'x-t', '2'],
      true,
    ]);
  });

  it.each(STREAM_REPLY)('delivers the messages of %s that came before the error', (kind) => {
    expect(answer(kind, [HI, ERROR]).events).toEqual(['headers', 'hi', 'trailers', 'error']);
  });

  it.each(METHOD_KINDS)('reads mixed case, duplicates, and no blank behind the colon, in %s', (kind) => {
    const block = 'Grpc-Status:9\r\ngRPC-Message: no\r\nX-T: 1\r\nx-t:2\r\n';
    const call = answer(kind, [frame(0x80, block)]);
    expect([call.outcome, call.trailers]).toEqual([
      [9, 'no'],
      ['x-t', '1', 'x-t', '2'],
    ]);
  });

  it.each(METHOD_KINDS)('reads a compressed frame of %s', (kind) => {
    const headers = [...HEAD, 'grpc-encoding', 'gzip'];
    const call = answer(kind, [frame(0x81, gzipped(ERROR.subarray(5)))], { headers });
    expect([call.outcome, call.trailers]).toEqual([
      [9, 'grün'],
      ['x-t', '2'],
    ]);
  });

  it.each(METHOD_KINDS)('says internal for a compressed frame of %s without an encoding', (kind) => {
    const call = answer(kind, [frame(0x81, gzipped(ERROR.subarray(5)))]);
    expect(call.outcome).toEqual([Code.Internal, expect.stringContaining('declares no compression')]);
  });

  it.each(METHOD_KINDS)(
    'says internal when %s ends without the frame, whatever HTTP trailers say',
    (kind) => {
      for (const trailers of [[], ['grpc-status', '0'], ['grpc-status', '9']]) {
        expect(answer(kind, [HI], { trailers }).error?.code).toBe(Code.Internal);
        expect(answer(kind, [], { trailers }).error?.code).toBe(Code.Internal);
      }
    },
  );

  it.each(['', 'grpc-message: error\r\n', 'grpc-status: abc\r\n'])(
    'says unknown when the frame %j has no status',
    (block) => {
      for (const kind of METHOD_KINDS) {
        expect(answer(kind, [HI, frame(0x80, block)]).error?.code).toBe(Code.Unknown);
      }
    },
  );

  it.each(METHOD_KINDS)('says internal when the frame of %s cannot be read', (kind) => {
    const call = answer(kind, [HI, frame(0x80, 'grpc-status 0\r\n')]);
    expect(call.outcome).toEqual([Code.Internal, expect.stringContaining('the trailers cannot be read')]);
  });

  it.each<[string, Uint8Array]>([
    ['a message', HI],
    ['another frame', ERROR],
    ['a byte', Uint8Array.of(0)],
    ['a prefix', Uint8Array.of(0, 0, 0, 0, 1)],
  ])('says internal when %s follows the frame of a success', (_, bytes) => {
    for (const kind of METHOD_KINDS) {
      expect(answer(kind, [HI, OK, bytes]).outcome).toEqual([
        Code.Internal,
        'the response goes on after its end',
      ]);
    }
  });

  it.each(METHOD_KINDS)('lets the error in the frame of %s win over what follows it', (kind) => {
    for (const bytes of [HI, OK, Uint8Array.of(0)]) {
      expect(answer(kind, [ERROR, bytes]).outcome).toEqual([9, 'grün']);
    }
  });

  it.each(
    METHOD_KINDS.flatMap((kind) => [0x02, 0x40, 0x82, 0xc0, 0xff].map((flags) => [kind, flags] as const)),
  )('says internal when %s is answered with flags %d', (kind, flags) => {
    const headers = [...HEAD, 'grpc-encoding', 'gzip'];
    const payload = Buffer.from('grpc-status: 0\r\n');
    const call = answer(kind, [frame(flags, (flags & 1) === 0 ? payload : gzipped(payload)), OK], {
      headers,
    });
    expect(call.outcome).toEqual([Code.Internal, expect.stringContaining('unknown flags')]);
  });

  it.each(METHOD_KINDS)('refuses a frame of %s over the limit', (kind) => {
    const call = answer(
      kind,
      [frame(0x80, `x: ${'0'.repeat(20)}\r\n`)],
      {},
      { options: { receiveLimitBytes: 12 } },
    );
    expect(call.error?.code).toBe(Code.ResourceExhausted);
  });

  it.each(METHOD_KINDS)('believes the frame of %s, and not the reset behind it', (kind) => {
    const call = new WatchedCall(grpcWebClientProtocol, kind);
    call.exchange.headers(200, HEAD).data(HI, OK);
    expect(call.outcome).toBeUndefined();
    call.exchange.abort(new ConnectError('reset', { code: Code.Internal }));
    expect([call.texts, call.outcome]).toEqual([['hi'], 'end']);
  });

  it.each(SINGLE_REPLY)('says unimplemented for another count of messages in %s', (kind) => {
    for (const body of [[OK], [HI, HI, OK]]) {
      expect(answer(kind, body)).toMatchObject({
        error: { code: Code.Unimplemented },
        trailers: ['x-t', '2'],
      });
    }
  });
});

describe('gRPC-Web client: Trailers-Only', () => {
  it.each(CODES)('reads code %d in the headers', (code) => {
    const headers = [...TYPE, 'grpc-status', String(code), 'grpc-message', 'no', 'x-t', '2'];
    for (const kind of METHOD_KINDS) {
      const call = answer(kind, [], { headers });
      expect([call.outcome, call.headers, call.trailers]).toEqual([[code, 'no'], headers, ['x-t', '2']]);
    }
  });

  it.each(STREAM_REPLY)('is a success of %s without messages', (kind) => {
    const headers = [...TYPE, 'grpc-status', '0', 'x-t', '2'];
    const call = answer(kind, [], { headers });
    expect([call.events, call.headers, call.trailers]).toEqual([
      ['headers', 'trailers', 'end'],
      headers,
      ['x-t', '2'],
    ]);
  });

  it.each(SINGLE_REPLY)('is unimplemented with status 0 in %s', (kind) => {
    expect(answer(kind, [], { headers: [...TYPE, 'grpc-status', '0'] }).error?.code).toBe(Code.Unimplemented);
  });

  it.each(METHOD_KINDS)('counts for nothing when a body follows, in %s', (kind) => {
    const headers = [...HEAD, 'grpc-status', '8'];
    const call = answer(kind, [ERROR], { headers });
    expect([call.outcome, call.headers]).toEqual([[9, 'grün'], headers]);
    expect(answer(kind, [HI, OK], { headers }).outcome).toBe('end');
    expect(answer(kind, [HI], { headers }).error?.code).toBe(Code.Internal);
  });

  it('counts in spite of HTTP trailers', () => {
    const headers = [...TYPE, 'grpc-status', '8'];
    expect(answer('unary', [], { headers, trailers: ['grpc-status', '0'] }).error?.code).toBe(8);
  });
});

describe('gRPC-Web client: foreign responses', () => {
  it.each([
    ['application/grpc', Code.Unknown],
    ['application/grpc-web-text', Code.Unknown],
    ['text/html', Code.Unknown],
    ['application/grpc-web+json', Code.Internal],
  ])('refuses the content type %s with code %d', (type, code) => {
    const call = answer('unary', [HI, OK], { headers: ['content-type', type] });
    expect(call.outcome).toEqual([code, expect.stringContaining(`"${type}"`)]);
  });

  it.each(['application/grpc-web', 'application/grpc-web+proto'])('reads %s', (type) => {
    expect(answer('unary', [HI, OK], { headers: ['content-type', type] }).texts).toEqual(['hi']);
  });

  it('maps an HTTP error', () => {
    expect(answer('unary', [], { status: 503, headers: [] }).error?.code).toBe(Code.Unavailable);
  });
});
