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
import { METHOD_KINDS } from '../../../test/support/test-service.js';
import { WatchedCall, type WatchedCallSetup } from '../../../test/support/watched-call.js';
import { createJsonCodec } from '../../codec/json-codec.js';
import { gzip } from '../../compression/zlib.js';
import { Code, CODES } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';
import { type MethodKind } from '../../rpc/method-spec.js';
import { codeFromHttpStatus } from '../../wire/http-status.js';
import { VERSION } from '../../wire/user-agent.js';
import { grpcClientProtocol } from './client.js';

const TYPE = ['content-type', 'application/grpc'];
const HEAD = [...TYPE, 'x-h', '1'];
const OK = ['grpc-status', '0'];
const SINGLE_REPLY = ['unary', 'client_streaming'] as const;
const STREAM_REPLY = ['server_streaming', 'bidi_streaming'] as const;
const jsonCodec = createJsonCodec();

function start(kind: MethodKind, setup?: WatchedCallSetup): WatchedCall {
  return new WatchedCall(grpcClientProtocol, kind, setup);
}

interface Response {
  readonly status?: number;
  readonly headers?: HeaderList;
  readonly body?: readonly Uint8Array[];
  readonly trailers?: HeaderList;
}

/** Answers a call completely. */
function answer(
  kind: MethodKind,
  { status = 200, headers = HEAD, body = [], trailers }: Response,
  setup?: WatchedCallSetup,
): WatchedCall {
  const call = start(kind, setup);
  call.exchange
    .headers(status, headers)
    .data(...body)
    .finish(trailers);
  return call;
}

function requestHeaders(call: WatchedCall): HeaderList {
  return call.exchange.head.headers;
}

/** One message, in each of the four kinds. */
const HI = [frame(0, proto('hi'))];

function textFrame(text: string): Frame {
  return [0, proto(text).toString('latin1')];
}

describe('GrpcClientCall: requests (gRPC over HTTP/2, "Requests")', () => {
  it('need HTTP/2: the status is in the trailers', () => {
    expect([grpcClientProtocol.name, grpcClientProtocol.needsHttp2]).toEqual(['grpc', true]);
  });

  it.each(METHOD_KINDS)('posts %s to the path of the method with these headers', (kind) => {
    const { exchange } = start(kind);
    expect(exchange.head).toEqual({
      method: 'POST',
      target: expect.stringMatching(/^\/test\.v1\.TestService\/(Say|Collect|Watch|Talk)$/),
      headers: [
        'te',
        'trailers',
        'content-type',
        'application/grpc',
        'grpc-accept-encoding',
        'gzip',
        'accept-encoding',
        'identity',
        'user-agent',
        `grpc-node-nestjs-connect/${VERSION}`,
      ],
    });
  });

  it.each<[MethodKind, readonly string[], readonly string[]]>([
    ['unary', ['hi'], ['hi']],
    ['unary', [''], ['']],
    ['server_streaming', ['hi'], ['hi']],
    ['client_streaming', ['a', 'b'], ['a', 'b']],
    ['client_streaming', [], []],
    ['bidi_streaming', ['a', ''], ['a', '']],
  ])('sends the messages of %s %j in envelopes, then ends', (kind, requests, sent) => {
    const { exchange } = start(kind, { requests });
    expect([framesIn(exchange.body), exchange.isRequestComplete]).toEqual([sent.map(textFrame), true]);
  });

  it('sends a unary request in one step, byte by byte', () => {
    const { exchange } = start('unary');
    expect([exchange.isOneStep, exchange.chunks.map(hex)]).toEqual([true, ['00 00 00 00 04 0a 02 68 69']]);
  });

  it.each(['client_streaming', 'bidi_streaming'] as const)(
    'sends the head of %s before there is a message',
    (kind) => {
      const { exchange } = start(kind, { requests: 'open' });
      expect([exchange.chunks, exchange.isRequestComplete]).toEqual([[], false]);
    },
  );

  it('names the codec in the content type, unless it is proto', () => {
    const call = start('unary', { options: { codec: jsonCodec } });
    expect(call.exchange.header('content-type')).toBe('application/grpc+json');
    expect(framesIn(call.exchange.body)).toEqual([[0, '"hi"']]);
  });

  it.each([
    [undefined, undefined],
    [0.5, '500000n'],
    [250, '250000u'],
    [1_500_000, '1500000m'],
    [2 ** 45, '9773436H'],
    [1e18, undefined],
  ])('sends a timeout of %s ms as %s', (timeoutMs, sent) => {
    const call = start('unary', { timeoutMs });
    expect(call.exchange.header('grpc-timeout')).toBe(sent);
    call.call.cancel(new ConnectError(''));
  });

  it.each([0, -1])('sends nothing when the timeout is %d ms', (timeoutMs) => {
    const call = start('unary', { timeoutMs });
    expect([call.http.requests, call.error?.code]).toEqual([[], Code.DeadlineExceeded]);
  });

  it("sends the caller's headers behind its own, without reserved names", () => {
    const headers = new RpcHeaders({ 'x-a': ['1', '2'], 'x-data-bin': Uint8Array.of(0xfb), te: 'gzip' });
    headers.set('grpc-timeout', '1S').set('content-type', 'text/html');
    expect(requestHeaders(start('unary', { headers })).slice(10)).toEqual([
      'x-a',
      '1',
      'x-a',
      '2',
      'x-data-bin',
      '+w',
    ]);
  });

  it('tell how often the call was tried before, and nothing the first time', () => {
    const headers = new RpcHeaders({ 'x-a': '1', 'grpc-previous-rpc-attempts': '9' });
    const [first, third] = [0, 2].map((previousAttempts) => start('unary', { headers, previousAttempts }));
    expect(requestHeaders(first as WatchedCall).slice(10)).toEqual(['x-a', '1']);
    expect(requestHeaders(third as WatchedCall).slice(10)).toEqual([
      'x-a',
      '1',
      'grpc-previous-rpc-attempts',
      '2',
    ]);
  });

  it("replaces its user agent by the caller's", () => {
    const headers = new RpcHeaders({ 'user-agent': 'mine/1' });
    expect(start('unary', { headers }).exchange.header('user-agent')).toBe('mine/1');
  });
});

describe('GrpcClientCall: responses (gRPC over HTTP/2, "Responses")', () => {
  it.each<[MethodKind, readonly string[]]>([
    ['unary', ['hi']],
    ['unary', ['']],
    ['client_streaming', ['hi']],
    ['server_streaming', []],
    ['server_streaming', ['a', 'b']],
    ['bidi_streaming', ['a', '', 'c']],
  ])('delivers the messages of %s %j, and tells headers before and trailers behind them', (kind, texts) => {
    const body = texts.map((text) => frame(0, proto(text)));
    const call = answer(kind, { body, trailers: [...OK, 'x-t', '2'] });
    const isSingle = kind === 'unary' || kind === 'client_streaming';
    expect(call.events).toEqual(
      isSingle ? ['headers', 'trailers', ...texts, 'end'] : ['headers', ...texts, 'trailers', 'end'],
    );
    expect([call.headers, call.trailers]).toEqual([HEAD, ['x-t', '2']]);
  });

  it.each(METHOD_KINDS)('reads %s byte by byte', (kind) => {
    const body = byteByByte(frame(0, proto('hi')));
    expect(answer(kind, { body, trailers: OK })).toMatchObject({ texts: ['hi'], outcome: 'end' });
  });

  it.each(STREAM_REPLY)('delivers a message of %s when its bytes are complete', (kind) => {
    const call = start(kind);
    call.exchange.headers(200, HEAD).data(frame(0, proto('a')));
    expect([call.texts, call.outcome]).toEqual([['a'], undefined]);
    call.call.cancel(new ConnectError(''));
  });

  it('tells empty trailers when there are none but the status', () => {
    expect(answer('unary', { body: HI, trailers: OK }).trailers).toEqual([]);
  });

  it('calls nobody who did not ask for headers and trailers', () => {
    for (const kind of METHOD_KINDS) {
      const response = { body: HI, trailers: [...OK, 'x-t', '2'] };
      expect(answer(kind, response, { wantsMetadata: false }).events).toEqual(['hi', 'end']);
    }
  });

  it('ignores an error text beside status 0', () => {
    const trailers = [...OK, 'grpc-message', 'no', 'grpc-status-details-bin', 'CAUSAm5v'];
    const call = answer('unary', { body: HI, trailers });
    expect([call.outcome, call.trailers]).toEqual(['end', []]);
  });

  it.each(METHOD_KINDS)('gives up the exchange of %s when the call is over', (kind) => {
    const call = start(kind, { requests: 'open' });
    call.call.cancel(new ConnectError('enough', { code: Code.Canceled }));
    expect([call.http.requests.map(({ isReset }) => isReset), call.outcome]).toEqual([
      kind === 'unary' || kind === 'server_streaming' ? [] : [true],
      [1, 'enough'],
    ]);
  });
});

const ERROR = ['grpc-status', '5', 'grpc-message', 'gr%C3%BCn', 'x-t', '2'];

describe('GrpcClientCall: errors (gRPC over HTTP/2, "Responses")', () => {
  it.each(CODES)('reads code %d', (code) => {
    const call = answer('unary', { trailers: ['grpc-status', String(code), 'grpc-message', 'no'] });
    expect(call.outcome).toEqual([code, 'no']);
  });

  it.each(METHOD_KINDS)('fails %s with the status of its trailers', (kind) => {
    const call = answer(kind, { trailers: ERROR });
    expect(call.outcome).toEqual([5, 'grün']);
    expect(call.events).toEqual(['headers', 'trailers', 'error']);
    expect(call.error?.metadata.toList()).toEqual([...HEAD, 'x-t', '2']);
    expect([call.error?.fromWire, call.trailers]).toEqual([true, ['x-t', '2']]);
  });

  it.each(STREAM_REPLY)('delivers the messages of %s that came before the error', (kind) => {
    const call = answer(kind, { body: HI, trailers: ERROR });
    expect(call.events).toEqual(['headers', 'hi', 'trailers', 'error']);
  });

  it.each(METHOD_KINDS)('says internal when %s ends without trailers', (kind) => {
    const call = answer(kind, { body: HI });
    expect([call.error?.code, call.error?.metadata.get('x-h')]).toEqual([Code.Internal, '1']);
  });

  it('says internal when there is nothing at all', () => {
    expect(answer('unary', {}).error?.code).toBe(Code.Internal);
  });

  it.each<[string, HeaderList]>([
    ['have no status', ['grpc-message', 'error']],
    ['have a status that is no number', ['grpc-status', 'abc', 'grpc-message', 'error']],
  ])('says unknown when the trailers %s', (_, trailers) => {
    for (const kind of METHOD_KINDS) {
      const call = answer(kind, { body: HI, trailers });
      expect(call.outcome).toEqual([Code.Unknown, expect.stringMatching(/grpc-status.*: error$/)]);
    }
  });

  it.each(
    SINGLE_REPLY.flatMap((kind) =>
      (
        [
          [0, 'no'],
          [2, 'more than one'],
        ] as const
      ).map(([count, text]) => [kind, count, text] as const),
    ),
  )('says unimplemented when %s is answered with %d messages and status 0', (kind, count, text) => {
    const body = Array.from({ length: count }, () => frame(0, proto('hi')));
    const call = answer(kind, { body, trailers: [...OK, 'x-t', '2'] });
    expect(call.outcome).toEqual([
      Code.Unimplemented,
      `${text} response message, but the method answers with exactly one`,
    ]);
    expect(call.trailers).toEqual(['x-t', '2']);
  });

  it.each(SINGLE_REPLY)('lets the error win over the count of messages, in %s', (kind) => {
    for (const body of [[], [...HI, ...HI]]) {
      expect(answer(kind, { body, trailers: ERROR }).outcome).toEqual([5, 'grün']);
    }
  });

  it.each(METHOD_KINDS.flatMap((kind) => [1, 4, 5, 8].map((length) => [kind, length] as const)))(
    'says internal when %s is cut after %d bytes of a message, though the status is 0',
    (kind, length) => {
      const body = [...(kind === 'server_streaming' ? HI : []), frame(0, proto('hi')).subarray(0, length)];
      const call = answer(kind, { body, trailers: OK });
      expect(call.outcome).toEqual([Code.Internal, 'the response ends in the middle of a message']);
      expect(call.texts).toEqual(kind === 'server_streaming' ? ['hi'] : []);
    },
  );

  it.each(METHOD_KINDS)('lets the error win over a message of %s that is cut', (kind) => {
    const body = [frame(0, proto('hi')).subarray(0, 6)];
    expect(answer(kind, { body, trailers: ERROR }).outcome).toEqual([5, 'grün']);
  });

  it.each(
    METHOD_KINDS.flatMap((kind) => [0x02, 0x40, 0x80, 0x81, 0xff].map((flags) => [kind, flags] as const)),
  )('says internal when %s is answered with flags %d', (kind, flags) => {
    const headers = [...HEAD, 'grpc-encoding', 'gzip'];
    const body = [frame(flags, (flags & 1) === 0 ? 'x' : gzipped(Buffer.from('x')))];
    expect(answer(kind, { headers, body, trailers: OK }).outcome).toEqual([
      Code.Internal,
      expect.stringContaining('unknown flags'),
    ]);
  });

  it.each(METHOD_KINDS)('says internal when %s is answered with bytes that are no message', (kind) => {
    const call = answer(kind, { body: [frame(0, Buffer.from([0xff]))], trailers: OK });
    expect(call.error?.code).toBe(Code.Internal);
  });

  it.each(METHOD_KINDS)(
    'says resource_exhausted for a message over the limit, by its prefix, in %s',
    (kind) => {
      const call = start(kind, { options: { receiveLimitBytes: 12 } });
      call.exchange.headers(200, HEAD).data(Buffer.from([0, 0, 0, 0, 13]));
      expect([call.outcome, call.exchange.isReset]).toEqual([
        [Code.ResourceExhausted, 'message of 13 bytes is larger than the limit of 12 bytes'],
        true,
      ]);
    },
  );

  it.each(METHOD_KINDS)(
    'passes on why the exchange of %s broke, and what came before stays delivered',
    (kind) => {
      const call = start(kind);
      call.exchange
        .headers(200, HEAD)
        .data(...HI)
        .abort(new ConnectError('gone', { code: Code.Unavailable }));
      expect([call.outcome, call.texts]).toEqual([
        [Code.Unavailable, 'gone'],
        kind === 'unary' || kind === 'client_streaming' ? [] : ['hi'],
      ]);
    },
  );
});

describe('GrpcClientCall: status 1 (gRPC over HTTP/2, "Client Cancellation")', () => {
  const canceled = ['grpc-status', '1', 'grpc-message', 'canceled', 'x-t', '2'];
  const expired = 'the call did not end within its timeout of 1000 ms';

  // A server keeps the deadline too, and its answer may come before the own timer fires.
  it.each<[number, unknown, HeaderList | undefined]>([
    [999, [Code.Canceled, 'canceled'], ['x-t', '2']],
    [1_000, [Code.DeadlineExceeded, expired], undefined],
  ])('after %d of 1000 ms is %j, with the trailers %j', (ms, outcome, trailers) => {
    for (const kind of METHOD_KINDS) {
      const begin = performance.now();
      const now = jest.spyOn(performance, 'now').mockReturnValue(begin);
      const call = start(kind, { timeoutMs: 1_000 });
      now.mockReturnValue(begin + ms);
      call.exchange.headers(200, HEAD).finish(canceled);
      now.mockRestore();
      expect([call.outcome, call.trailers]).toEqual([outcome, trailers]);
    }
  });

  it('stays what it is in a call without a deadline', () => {
    expect(answer('unary', { trailers: canceled }).outcome).toEqual([Code.Canceled, 'canceled']);
  });
});

describe('GrpcClientCall: Trailers-Only (gRPC over HTTP/2, "Responses")', () => {
  const trailersOnly = [...TYPE, ...ERROR];

  it.each(METHOD_KINDS)('takes the headers of %s for trailers, all but the content type', (kind) => {
    const call = answer(kind, { headers: trailersOnly });
    expect([call.outcome, call.events]).toEqual([
      [5, 'grün'],
      ['headers', 'trailers', 'error'],
    ]);
    expect(call.trailers).toEqual(['x-t', '2']);
    expect(call.error?.metadata.toList()).toEqual([...TYPE, 'x-t', '2']);
  });

  it.each(STREAM_REPLY)('takes them for trailers after a success of %s without messages', (kind) => {
    const call = answer(kind, { headers: [...TYPE, ...OK, 'x-t', '2'] });
    expect(call.events).toEqual(['headers', 'trailers', 'end']);
    expect(call.trailers).toEqual(['x-t', '2']);
  });

  // The official suite, "(grpc server impl)/bidi-stream/half-duplex/no-responses": a proxy cannot tell them apart.
  it.each(METHOD_KINDS)('tells them as the headers of %s, too, as they came', (kind) => {
    const call = answer(kind, { headers: trailersOnly });
    expect(call.headers).toEqual(trailersOnly);
  });

  it.each(SINGLE_REPLY)('says unimplemented for status 0 in %s: there is no message', (kind) => {
    expect(answer(kind, { headers: [...TYPE, ...OK] }).error?.code).toBe(Code.Unimplemented);
  });

  it.each(METHOD_KINDS)('tells nothing of %s before the end: the headers may still be headers', (kind) => {
    const call = start(kind);
    call.exchange.headers(200, trailersOnly);
    expect([call.events, call.outcome]).toEqual([[], undefined]);
    call.exchange.finish();
    expect(call.outcome).toEqual([5, 'grün']);
  });

  it.each(METHOD_KINDS)('ignores a status in the headers of %s when a body follows: internal', (kind) => {
    const call = answer(kind, { headers: trailersOnly, body: HI });
    expect([call.error?.code, call.headers, call.trailers]).toEqual([Code.Internal, trailersOnly, undefined]);
    expect(call.events[0]).toBe('headers');
  });

  it.each(METHOD_KINDS)('ignores a status in the headers of %s when trailers follow', (kind) => {
    const trailers = ['grpc-status', '9', 'x-t', '3'];
    const call = answer(kind, { headers: trailersOnly, trailers });
    expect([call.outcome, call.headers, call.trailers]).toEqual([[9, ''], trailersOnly, ['x-t', '3']]);
  });

  it('takes an empty piece of body for none', () => {
    expect(answer('unary', { headers: trailersOnly, body: [new Uint8Array(0)] }).error?.code).toBe(5);
  });
});

describe('GrpcClientCall: foreign responses ("HTTP to gRPC Status Code Mapping")', () => {
  it.each([400, 401, 403, 404, 409, 418, 429, 431, 500, 502, 503, 504, 800])('maps status %d', (status) => {
    for (const kind of METHOD_KINDS) {
      const headers = ['content-type', 'text/html', 'retry-after', '3'];
      const call = start(kind);
      call.exchange.headers(status, headers);
      expect(call.outcome).toEqual([
        codeFromHttpStatus(status),
        `unexpected response: HTTP status ${status} with content type "text/html"`,
      ]);
      expect([call.error?.metadata.get('retry-after'), call.exchange.isReset]).toEqual(['3', true]);
    }
  });

  it.each(METHOD_KINDS)('lets a grpc-status of %s win over the HTTP status', (kind) => {
    const call = start(kind);
    call.exchange.headers(503, [...TYPE, ...ERROR]);
    expect([call.outcome, call.trailers, call.exchange.isReset]).toEqual([[5, 'grün'], ['x-t', '2'], true]);
  });

  it('makes no success of an HTTP error', () => {
    expect(answer('server_streaming', { status: 503, headers: [...TYPE, ...OK] }).error?.code).toBe(
      Code.Unavailable,
    );
  });

  it.each([
    ['image/jpeg', Code.Unknown],
    ['text/html; charset=utf-8', Code.Unknown],
    ['application/grpc-web', Code.Unknown],
    ['application/grpcx', Code.Unknown],
    ['application/proto', Code.Unknown],
    ['application/grpc+json', Code.Internal],
    ['application/grpc+thrift', Code.Internal],
  ])('refuses the content type %s with code %d, and names it', (type, code) => {
    for (const kind of METHOD_KINDS) {
      const call = start(kind);
      call.exchange.headers(200, ['content-type', type]);
      expect([call.outcome, call.events, call.exchange.isReset]).toEqual([
        [code, expect.stringContaining(`"${type}"`)],
        ['error'],
        true,
      ]);
    }
  });

  it('refuses a response without a content type', () => {
    expect(answer('unary', { headers: [] }).outcome).toEqual([
      Code.Unknown,
      'unexpected response: HTTP status 200 without a content type',
    ]);
  });

  it.each(['application/grpc', 'application/grpc+proto', 'Application/GRPC; x=y'])(
    'reads proto under %s',
    (type) => {
      const call = answer('unary', { headers: ['content-type', type], body: HI, trailers: OK });
      expect(call.texts).toEqual(['hi']);
    },
  );

  it.each<[string, readonly string[], unknown]>([
    ['application/grpc+json', ['hi'], 'end'],
    ['application/grpc', [], [Code.Internal, expect.stringContaining('instead of "application/grpc+json"')]],
  ])('reads JSON under %s: %j', (type, texts, outcome) => {
    const headers = ['content-type', type];
    const call = answer(
      'unary',
      { headers, body: [frame(0, json('hi'))], trailers: OK },
      { options: { codec: jsonCodec } },
    );
    expect([call.texts, call.outcome]).toEqual([texts, outcome]);
  });
});

describe('GrpcClientCall: compression (gRPC, "Compression")', () => {
  const encoded = [...TYPE, 'grpc-encoding', 'gzip'];

  it.each(METHOD_KINDS)('reads compressed messages of %s, and others beside them', (kind) => {
    const call = answer(kind, {
      headers: encoded,
      body: [frame(1, gzipped(proto('hi')))],
      trailers: OK,
    });
    expect([call.texts, call.outcome]).toEqual([['hi'], 'end']);
    expect(answer(kind, { headers: encoded, body: HI, trailers: OK }).texts).toEqual(['hi']);
  });

  it.each<[string, HeaderList]>([
    ['no encoding', TYPE],
    ['identity', [...TYPE, 'grpc-encoding', 'identity']],
  ])('says internal for a compressed message under %s', (_, headers) => {
    for (const kind of METHOD_KINDS) {
      const call = answer(kind, { headers, body: [frame(1, gzipped(proto('hi')))], trailers: OK });
      expect(call.outcome).toEqual([Code.Internal, expect.stringContaining('declares no compression')]);
    }
  });

  it.each(METHOD_KINDS)('says internal for an encoding of %s that it did not offer', (kind) => {
    const call = start(kind);
    call.exchange.headers(200, [...TYPE, 'grpc-encoding', 'snappy']);
    expect(call.outcome).toEqual([Code.Internal, 'unknown compression "snappy": supported are gzip']);
  });

  it('says internal for a body that is compressed as a whole', () => {
    const call = answer('unary', { headers: [...TYPE, 'content-encoding', 'gzip'] });
    expect(call.outcome).toEqual([Code.Internal, expect.stringContaining('grpc-encoding')]);
  });

  it.each(METHOD_KINDS)('says internal for bytes of %s that do not inflate', (kind) => {
    const call = answer(kind, { headers: encoded, body: [frame(1, 'not gzip')], trailers: OK });
    expect(call.outcome).toEqual([Code.Internal, 'cannot inflate the message: its bytes are not gzip']);
  });

  it.each(METHOD_KINDS)(
    'says resource_exhausted for a message of %s that inflates beyond the limit',
    (kind) => {
      const response = { headers: encoded, body: [frame(1, gzipped(proto('0'.repeat(100))))], trailers: OK };
      expect(answer(kind, response, { options: { receiveLimitBytes: 101 } }).outcome).toEqual([
        Code.ResourceExhausted,
        'message is larger than the limit of 101 bytes',
      ]);
      expect(answer(kind, response, { options: { receiveLimitBytes: 102 } }).outcome).toBe('end');
    },
  );

  it.each(METHOD_KINDS)('compresses the requests of %s, and says how', (kind) => {
    const { exchange } = start(kind, { options: { requestCompression: gzip } });
    const [[flags, payload] = [-1, ''], ...rest] = framesIn(exchange.body);
    expect([exchange.header('grpc-encoding'), flags, gunzipped(payload), rest]).toEqual([
      'gzip',
      1,
      proto('hi'),
      [],
    ]);
  });

  it('does not compress below the threshold', () => {
    const { exchange } = start('unary', { options: { requestCompression: gzip, compressMinBytes: 5 } });
    expect(framesIn(exchange.body)).toEqual([textFrame('hi')]);
  });

  it('offers nothing when it has nothing', () => {
    expect(
      start('unary', { options: { compressions: [] } }).exchange.header('grpc-accept-encoding'),
    ).toBeUndefined();
  });
});
