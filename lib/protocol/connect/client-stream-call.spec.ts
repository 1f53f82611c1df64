import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { makeCall, openCall, type TestCall, type TestCallSetup } from '../../../test/support/client-call.js';
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
import { type MemoryClientExchange } from '../../../test/support/memory-http-client.js';
import { METHOD_OF_KIND, textMessage } from '../../../test/support/test-service.js';
import { createJsonCodec } from '../../codec/json-codec.js';
import { gzip } from '../../compression/zlib.js';
import { Code, CODES, codeToName } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';
import { VERSION } from '../../wire/user-agent.js';
import { connectClientProtocol } from './client.js';

const PROTO: HeaderList = ['content-type', 'application/connect+proto'];
const GZIP: HeaderList = [...PROTO, 'connect-content-encoding', 'gzip'];
const STREAMS = ['client_streaming', 'server_streaming', 'bidi_streaming'] as const;
type Stream = (typeof STREAMS)[number];
const REPLIES = ['server_streaming', 'bidi_streaming'] as const;
const jsonCodec = createJsonCodec();

function call(kind: Stream, setup: TestCallSetup = {}, requests: readonly string[] = ['hi']) {
  const begun = makeCall(connectClientProtocol, METHOD_OF_KIND[kind], setup, requests);
  return { ...begun, exchange: begun.http.request };
}

/** What the caller sees of a whole response. */
function answered(
  kind: Stream,
  headers: HeaderList,
  chunks: readonly Uint8Array[],
  setup: TestCallSetup = {},
): TestCall & { exchange: MemoryClientExchange } {
  const begun = call(kind, setup);
  begun.exchange
    .headers(200, headers)
    .data(...chunks)
    .finish();
  return begun;
}

function endStream(value: unknown): Buffer {
  return frame(2, JSON.stringify(value));
}

function endOf(...response: Parameters<typeof answered>): 'complete' | ConnectError | undefined {
  return answered(...response).seen.end;
}

const message = (text: string): Buffer => frame(0, proto(text));
const requestFrame = (text: string, flags = 0): Frame => [flags, proto(text).toString('latin1')];
const SUCCESS = frame(2, '{}');

describe('Connect client, streaming request (Connect protocol, "Streaming-Request")', () => {
  it.each(STREAMS)('sends envelopes, in %s', (kind) => {
    const { exchange } = call(kind, {}, kind === 'server_streaming' ? ['a'] : ['a', '', 'b']);
    expect(framesIn(exchange.body)).toEqual(
      (kind === 'server_streaming' ? ['a'] : ['a', '', 'b']).map((text) => requestFrame(text)),
    );
    expect([exchange.isRequestComplete, exchange.isOneStep]).toEqual([true, kind === 'server_streaming']);
    expect(exchange.head).toEqual({
      method: 'POST',
      target: `/test.v1.TestService/${METHOD_OF_KIND[kind]}`,
      headers: [
        ...PROTO,
        'connect-protocol-version',
        '1',
        'connect-accept-encoding',
        'gzip',
        'accept-encoding',
        'identity',
        'user-agent',
        `nestjs-connect/${VERSION}`,
      ],
    });
  });

  it.each(STREAMS)('sends JSON, in %s', (kind) => {
    const { exchange } = call(kind, { options: { codec: jsonCodec } });
    expect(exchange.header('content-type')).toBe('application/connect+json');
    expect(framesIn(exchange.body)).toEqual([[0, '"hi"']]);
  });

  it.each(['client_streaming', 'bidi_streaming'] as const)('sends the head of %s at once', (kind) => {
    const { http } = openCall(connectClientProtocol, METHOD_OF_KIND[kind]);
    expect([http.request.head.method, http.request.chunks, http.request.isRequestComplete]).toEqual([
      'POST',
      [],
      false,
    ]);
  });

  it.each(STREAMS)('sends timeout and headers of the caller, in %s', (kind) => {
    const headers = new RpcHeaders({ 'x-a': '1', 'connect-accept-encoding': 'x', 'user-agent': 'mine/1' });
    const { exchange } = call(kind, { timeoutMs: 2.5, headers });
    expect(exchange.head.headers.slice(0, 2)).toEqual(['connect-timeout-ms', '2']);
    expect(exchange.head.headers.slice(-4)).toEqual(['x-a', '1', 'user-agent', 'mine/1']);
    expect(exchange.header('connect-accept-encoding')).toBe('gzip');
  });

  it.each(STREAMS)('compresses messages from the minimum on, and declares it, in %s', (kind) => {
    const options = { requestCompression: gzip, compressMinBytes: 6 };
    const long = framesIn(call(kind, { options }, ['long']).exchange.body);
    expect(long).toEqual([[1, expect.any(String)]]);
    expect(gunzipped(long[0]?.[1] ?? '')).toEqual(proto('long'));
    const { exchange } = call(kind, { options }, ['a']);
    expect(framesIn(exchange.body)).toEqual([requestFrame('a')]);
    expect(exchange.header('connect-content-encoding')).toBe('gzip');
    expect(exchange.header('content-encoding')).toBeUndefined();
  });

  it('fails a server stream whose request is over the send limit, and sends nothing', () => {
    const begun = makeCall(connectClientProtocol, 'Watch', { options: { sendLimitBytes: 3 } });
    expect(begun.seen.end).toMatchObject({ code: Code.ResourceExhausted });
    expect(begun.http.requests).toHaveLength(0);
  });

  it('accepts nothing compressed without compressions', () => {
    const { exchange } = call('bidi_streaming', { options: { compressions: [] } });
    expect(exchange.header('connect-accept-encoding')).toBeUndefined();
  });
});

describe('Connect client, streaming response (Connect protocol, "Streaming-Response")', () => {
  it.each(REPLIES)('reads messages and the end, in %s', (kind) => {
    const chunks = [message('a'), message(''), message('b'), SUCCESS];
    expect(answered(kind, PROTO, chunks).seen).toEqual({ texts: ['a', '', 'b'], end: 'complete' });
  });

  it.each(REPLIES)('reads a %s response cut anywhere', (kind) => {
    const chunks = byteByByte(Buffer.concat([message('a'), message('bc'), SUCCESS]));
    expect(answered(kind, PROTO, chunks).seen).toEqual({ texts: ['a', 'bc'], end: 'complete' });
  });

  it('reads the one message of a client stream', () => {
    const { seen } = answered('client_streaming', PROTO, [message('a'), SUCCESS]);
    expect(seen).toEqual({ texts: ['a'], end: 'complete' });
  });

  it('reads JSON, with any charset in its type', () => {
    const headers = ['content-type', 'Application/Connect+JSON; charset=utf-8'];
    const setup = { options: { codec: jsonCodec } };
    const { seen } = answered('bidi_streaming', headers, [frame(0, json('a')), SUCCESS], setup);
    expect(seen).toEqual({ texts: ['a'], end: 'complete' });
  });

  it('delivers each message when its bytes are complete, before the request is', () => {
    const { call: bidi, http, seen } = openCall(connectClientProtocol, 'Talk');
    bidi.write(bidi.encode(textMessage('hi')));
    http.request.headers(200, PROTO).data(message('a'));
    expect([seen, http.request.isRequestComplete]).toEqual([{ texts: ['a'], end: undefined }, false]);
  });

  it.each(REPLIES)('reads compressed and plain messages of one %s response', (kind) => {
    const chunks = [frame(1, gzipped(proto('a'))), message('b'), frame(1, ''), SUCCESS];
    expect(answered(kind, GZIP, chunks).seen).toEqual({ texts: ['a', 'b', ''], end: 'complete' });
  });

  it.each<[string, HeaderList]>([
    ['no encoding', PROTO],
    ['identity', [...PROTO, 'connect-content-encoding', 'identity']],
    ['an encoding in the header of another protocol', [...PROTO, 'grpc-encoding', 'gzip']],
  ])('answers a compressed message under %s with internal', (_, headers) => {
    for (const kind of STREAMS) {
      const end = endOf(kind, headers, [frame(1, gzipped(proto('a'))), SUCCESS]);
      expect(end).toMatchObject({ code: Code.Internal });
    }
  });

  it.each(STREAMS)('answers an unknown encoding with internal, in %s', (kind) => {
    const end = endOf(kind, [...PROTO, 'connect-content-encoding', 'foo'], [SUCCESS]);
    expect(end).toMatchObject({
      code: Code.Internal,
      rawMessage: 'unknown compression "foo": supported are gzip',
    });
  });

  it.each(STREAMS)('answers a compressed whole body with internal, in %s', (kind) => {
    const end = endOf(kind, [...PROTO, 'content-encoding', 'gzip'], [gzipped(SUCCESS)]);
    expect(end).toMatchObject({ code: Code.Internal, rawMessage: expect.stringContaining('"gzip"') });
  });

  it.each(STREAMS)('answers broken messages with internal, in %s', (kind) => {
    for (const bytes of [frame(0, Buffer.from([0xff])), frame(1, 'not gzip')]) {
      expect(endOf(kind, GZIP, [bytes, SUCCESS])).toMatchObject({ code: Code.Internal });
    }
  });

  it.each([4, 0x80, 0xff, 6])('answers the flags %d with internal', (flags) => {
    for (const kind of STREAMS) {
      expect(endOf(kind, PROTO, [frame(flags, '{}')])).toMatchObject({ code: Code.Internal });
    }
  });

  it.each(STREAMS)('answers a message over the limit by its prefix, in %s', (kind) => {
    const begun = call(kind, { options: { receiveLimitBytes: 12 } });
    begun.exchange.headers(200, PROTO).data(Buffer.from([0, 0, 0, 0, 13]));
    expect(begun.seen.end).toMatchObject({ code: Code.ResourceExhausted });
    expect(begun.exchange.isReset).toBe(true);
  });

  it.each(STREAMS)('answers a message that inflates beyond the limit, in %s', (kind) => {
    const chunks = [frame(1, gzipped(proto('0'.repeat(100)))), SUCCESS];
    const end = endOf(kind, GZIP, chunks, { options: { receiveLimitBytes: 101 } });
    expect(end).toMatchObject({ code: Code.ResourceExhausted });
  });
});

describe('Connect client, end-stream message (Connect protocol, "Streaming-Response", EndStreamResponse)', () => {
  it.each(STREAMS)('reads an error with its details, as one from the wire, in %s', (kind) => {
    const details = [{ type: 'google.protobuf.Duration', value: 'CAM', debug: 'garbage' }];
    const end = endOf(kind, PROTO, [
      endStream({ error: { code: 'out_of_range', message: 'oops', details } }),
    ]);
    expect(end).toMatchObject({ code: Code.OutOfRange, rawMessage: 'oops', fromWire: true });
    expect((end as ConnectError).findDetails(DurationSchema)).toMatchObject([{ seconds: 3n }]);
  });

  it.each(CODES)('reads code %d', (code) => {
    for (const kind of STREAMS) {
      expect(endOf(kind, PROTO, [endStream({ error: { code: codeToName(code) } })])).toMatchObject({ code });
    }
  });

  it.each<[string, unknown, Code, string]>([
    ['whose code is null', { code: null, message: 'oops' }, Code.Unknown, 'oops'],
    ['whose code is missing', { message: 'oops' }, Code.Unknown, 'oops'],
    ['whose code is unknown', { code: 'foobar', message: 'oops' }, Code.Unknown, 'oops'],
    ['without a message', { code: 'unauthenticated' }, Code.Unauthenticated, ''],
    ['with other fields', { code: 'aborted', message: 'oops', x: 1 }, Code.Aborted, 'oops'],
  ])('reads an error %s', (_, error, code, rawMessage) => {
    for (const kind of STREAMS) {
      expect(endOf(kind, PROTO, [endStream({ error })])).toMatchObject({ code, rawMessage });
    }
  });

  it.each(REPLIES)('delivers what came before an error, in %s', (kind) => {
    const chunks = [message('a'), message('b'), endStream({ error: { code: 'aborted' } })];
    expect(answered(kind, PROTO, chunks).seen).toEqual({
      texts: ['a', 'b'],
      end: expect.objectContaining({ code: Code.Aborted }),
    });
  });

  it.each([{ error: null }, { code: 'out_of_range', message: 'at the wrong place' }, { x: 1 }])(
    'reads %j as success',
    (value) => {
      for (const kind of REPLIES) {
        expect(endOf(kind, PROTO, [endStream(value)])).toBe('complete');
      }
    },
  );

  it.each(STREAMS)('inflates a compressed one, in %s', (kind) => {
    const payload = gzipped(Buffer.from('{"error":{"code":"aborted","message":"oops"}}'));
    expect(endOf(kind, GZIP, [frame(3, payload)])).toMatchObject({ code: Code.Aborted, rawMessage: 'oops' });
  });

  it.each(STREAMS)('answers one over the limit with resource_exhausted, in %s', (kind) => {
    const value = { error: { code: 'aborted', message: '0'.repeat(100) } };
    const options = { receiveLimitBytes: 50 };
    const inflating = frame(3, gzipped(Buffer.from(JSON.stringify(value))));
    for (const end of [endStream(value), inflating]) {
      expect(endOf(kind, GZIP, [end], { options })).toMatchObject({ code: Code.ResourceExhausted });
    }
  });

  it.each(['', 'null', '17', '[]', '{', '{"error":"text"}', '{"error":[]}'])(
    'answers %j, which is none, with internal',
    (text) => {
      for (const kind of STREAMS) {
        expect(endOf(kind, PROTO, [frame(2, text)])).toMatchObject({ code: Code.Internal });
      }
    },
  );

  it.each<[string, Buffer]>([
    ['without one', message('a')],
    ['within a prefix', Buffer.concat([message('a'), Buffer.alloc(3)])],
    ['within a message', Buffer.concat([message('a'), message('bcd').subarray(0, 7)])],
    ['within the end-stream message', Buffer.concat([message('a'), SUCCESS.subarray(0, 6)])],
  ])('answers a response that ends %s with internal, after what came', (_, bytes) => {
    for (const kind of STREAMS) {
      expect(answered(kind, PROTO, [bytes]).seen).toEqual({
        texts: kind === 'client_streaming' ? [] : ['a'],
        end: expect.objectContaining({ code: Code.Internal, fromWire: true }),
      });
    }
  });

  it.each<[string, Buffer]>([
    ['another one', SUCCESS],
    ['a message', message('a')],
    ['a byte', Buffer.alloc(1)],
  ])('answers %s after it with internal', (_, bytes) => {
    for (const kind of STREAMS) {
      const end = endOf(kind, PROTO, [message('a'), SUCCESS, bytes]);
      expect(end).toMatchObject({ code: Code.Internal, rawMessage: 'the response goes on after its end' });
    }
  });

  it.each([0, 2])('answers a client stream with %d messages and success with unimplemented', (count) => {
    const chunks = [...Array.from({ length: count }, () => message('a')), SUCCESS];
    expect(endOf('client_streaming', PROTO, chunks)).toMatchObject({ code: Code.Unimplemented });
  });

  it.each([0, 2])('reads the error of a client stream with %d messages', (count) => {
    const chunks = [
      ...Array.from({ length: count }, () => message('a')),
      endStream({ error: { code: 'aborted' } }),
    ];
    expect(endOf('client_streaming', PROTO, chunks)).toMatchObject({ code: Code.Aborted });
  });
});

describe('Connect client, metadata of streams (Connect protocol, "Leading-Metadata", "Trailing-Metadata")', () => {
  const headers = [...PROTO, 'x-a', '1', 'x-a', '2', 'trailer-x', '3'];
  const metadata = { 'X-T': ['4', '5'], 'x-data-bin': ['+w'] };
  const trailing = ['x-t', '4', 'x-t', '5', 'x-data-bin', '+w'];

  it.each(STREAMS)('tells headers before messages and trailers after them, in %s', (kind) => {
    const { exchange, told, seen } = call(kind);
    exchange.headers(200, headers);
    expect(told.map(([what, bag]) => [what, bag.toList()])).toEqual([['headers', headers]]);
    exchange.data(message('a'), endStream({ metadata })).finish();
    expect(told.slice(1).map(([what, bag]) => [what, bag.toList()])).toEqual([['trailers', trailing]]);
    expect(seen).toEqual({ texts: ['a'], end: 'complete' });
  });

  it.each(STREAMS)('puts both into the metadata of an error, and tells the trailers, in %s', (kind) => {
    const { seen, told } = answered(kind, headers, [endStream({ error: { code: 'aborted' }, metadata })]);
    expect((seen.end as ConnectError).metadata.toList()).toEqual([...headers, ...trailing]);
    expect(told[1]?.[1].toList()).toEqual(trailing);
  });

  it.each(STREAMS)('tells nobody who does not want to know, in %s', (kind) => {
    const setup = { onHeaders: undefined, onTrailers: undefined };
    const { seen, told } = answered(kind, headers, [message('a'), endStream({ metadata })], setup);
    expect([seen, told]).toEqual([{ texts: ['a'], end: 'complete' }, []]);
  });
});

describe('Connect client, foreign responses to streams (Connect protocol, "HTTP to Error Code")', () => {
  it.each<[number, HeaderList, Code, string]>([
    [503, ['content-type', 'text/html'], Code.Unavailable, 'HTTP status 503 with content type "text/html"'],
    [404, ['content-type', 'application/json'], Code.Unimplemented, 'HTTP status 404 with content type'],
    [500, PROTO, Code.Unknown, 'HTTP status 500 with content type "application/connect+proto"'],
    [200, ['content-type', 'text/html'], Code.Unknown, 'HTTP status 200 with content type "text/html"'],
    [200, [], Code.Unknown, 'HTTP status 200 without a content type'],
  ])('maps status %d with %j to code %d, before the body has come', (status, headers, code, text) => {
    for (const kind of STREAMS) {
      const { exchange, seen, told } = call(kind);
      exchange.headers(status, [...headers, 'retry-after', '7']);
      expect(seen.end).toMatchObject({ code, rawMessage: expect.stringContaining(text), fromWire: true });
      expect((seen.end as ConnectError).metadata.get('retry-after')).toBe('7');
      expect([exchange.isReset, told]).toEqual([true, []]);
    }
  });

  it.each(['application/connect+json', 'application/proto'])(
    'answers %s, which is Connect but not what was asked for, with internal',
    (type) => {
      for (const kind of STREAMS) {
        expect(endOf(kind, ['content-type', type], [SUCCESS])).toMatchObject({
          code: Code.Internal,
          rawMessage: `unexpected response: HTTP status 200 with content type "${type}" instead of "application/connect+proto"`,
        });
      }
    },
  );
});

describe('Connect client, streams that break off', () => {
  const gone = new ConnectError('connection lost', { code: Code.Unavailable });

  it.each(REPLIES)('deliver what came, then the error of the transport, in %s', (kind) => {
    const { exchange, seen } = call(kind);
    exchange.headers(200, PROTO).data(message('a'), message('b').subarray(0, 6)).abort(gone);
    expect(seen).toEqual({
      texts: ['a'],
      end: expect.objectContaining({ code: Code.Unavailable, fromWire: true }),
    });
  });

  it.each(STREAMS)('have ended well when the end-stream message came before, in %s', (kind) => {
    const { exchange, seen } = call(kind);
    exchange.headers(200, PROTO).data(message('a'), SUCCESS).abort(gone);
    expect(seen).toEqual({ texts: ['a'], end: 'complete' });
  });
});
