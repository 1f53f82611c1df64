import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { framesIn, hex } from '../../../test/support/frames.js';
import { Code, CODES } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { RpcHeaders } from '../../rpc/headers.js';
import { type Outcome } from '../../wire/outgoing-call.js';
import { decodeEndStream, encodeEndStream } from './end-stream.js';

function endStream(error?: ConnectError, trailers?: RpcHeaders): string {
  const [[flags, payload] = [-1, ''], ...rest] = framesIn(encodeEndStream(error, trailers));
  expect([flags, rest]).toEqual([2, []]);
  return Buffer.from(payload, 'latin1').toString('utf8');
}

describe('encodeEndStream (Connect protocol, "Streaming-Response")', () => {
  it('writes the smallest success byte by byte', () => {
    expect(hex(encodeEndStream(undefined, undefined))).toBe('02 00 00 00 02 7b 7d');
  });

  it('leaves out metadata that is empty', () => {
    expect(endStream(undefined, new RpcHeaders())).toBe('{}');
  });

  it('writes trailers as lists, repeated names in order', () => {
    const trailers = new RpcHeaders([
      ['X-B', '2'],
      ['x-a', '1'],
      ['x-b', '3'],
    ]);
    expect(endStream(undefined, trailers)).toBe('{"metadata":{"x-b":["2","3"],"x-a":["1"]}}');
  });

  it('writes an error', () => {
    expect(endStream(new ConnectError('grün', { code: Code.Aborted }))).toBe(
      '{"error":{"code":"aborted","message":"grün"}}',
    );
  });

  it('joins the metadata of an error with the trailers', () => {
    const error = new ConnectError('', { code: Code.Aborted, metadata: { 'x-a': 'error', 'x-b': 'b' } });
    expect(endStream(error, new RpcHeaders({ 'x-a': 'trailer' }))).toBe(
      '{"error":{"code":"aborted"},"metadata":{"x-a":["error","trailer"],"x-b":["b"]}}',
    );
  });

  it('drops reserved names', () => {
    const trailers = RpcHeaders.fromWire([
      'grpc-status',
      '0',
      'content-type',
      'x',
      'connect-x',
      'y',
      'x-a',
      '1',
    ]);
    const error = new ConnectError('', { metadata: { 'content-length': '7', 'trailer-connect-x': 'z' } });
    expect(endStream(error, trailers)).toBe('{"error":{"code":"unknown"},"metadata":{"x-a":["1"]}}');
  });

  it('writes names that are names of object properties', () => {
    const trailers = RpcHeaders.fromWire(['__proto__', '1', 'constructor', '2', '__proto__', '3']);
    expect(endStream(undefined, trailers)).toBe('{"metadata":{"__proto__":["1","3"],"constructor":["2"]}}');
  });

  it('writes binary trailers as unpadded base64', () => {
    const trailers = new RpcHeaders({ 'x-data-bin': Uint8Array.of(0xfb) });
    expect(endStream(undefined, trailers)).toBe('{"metadata":{"x-data-bin":["+w"]}}');
  });
});

function decode(value: unknown, headers: readonly string[] = []) {
  return decodeEndStream(Buffer.from(JSON.stringify(value)), headers);
}

describe('decodeEndStream (Connect protocol, "Streaming-Response")', () => {
  it.each([{}, { error: null }, { metadata: null }, { metadata: {} }, { metadata: { 'x-a': [] } }, { x: 1 }])(
    'reads %j as success without trailers',
    (value) => {
      expect(decode(value)).toEqual({ error: undefined, trailers: new RpcHeaders() });
    },
  );

  it('reads trailers with names in any case, repeated ones in order', () => {
    const { trailers } = decode({ metadata: { 'X-B': ['2', '3'], 'x-a': ['1'], 'x-b': ['4'] } });
    expect(trailers?.toList()).toEqual(['x-b', '2', 'x-b', '3', 'x-a', '1', 'x-b', '4']);
  });

  it.each<[string, unknown]>([
    ['a value that is no list', { 'x-b': '1' }],
    ['a value that is no text', { 'x-b': [1, null, {}] }],
    ['a value with a line break', { 'x-b': ['1\r\nx-c: 2'] }],
    ['a value that HTTP cannot carry', { 'x-b': ['😀'] }],
    ['a name that is none', { 'x b': ['1'], '': ['1'], ':status': ['200'], 'x\r\n': ['1'] }],
  ])('leaves out %s: who passes it on must not fail for it', (_, metadata) => {
    const { trailers } = decode({ metadata: { ...(metadata as object), 'x-a': ['1'] } });
    expect(trailers?.toList()).toEqual(['x-a', '1']);
  });

  it('reads an error with headers and trailers as its metadata', () => {
    const { error, trailers } = decode(
      { error: { code: 'aborted', message: 'oops' }, metadata: { 'x-t': ['2'] } },
      ['x-h', '1'],
    );
    expect([error?.code, error?.rawMessage, error?.metadata.toList()]).toEqual([
      Code.Aborted,
      'oops',
      ['x-h', '1', 'x-t', '2'],
    ]);
    expect(trailers?.toList()).toEqual(['x-t', '2']);
  });

  it('reads an error whose code is not known as unknown: the HTTP status tells nothing', () => {
    expect(decode({ error: { code: 'foobar' } }).error?.code).toBe(Code.Unknown);
  });

  it.each(['', 'null', 'true', '"text"', '[]', '{', '{"error":1}', '{"error":"text"}', '{"error":[]}'])(
    'refuses %j with internal',
    (text) => {
      expect(() => decodeEndStream(Buffer.from(text), [])).toThrow(
        expect.objectContaining({
          code: Code.Internal,
          rawMessage: 'the end-stream message is not JSON of an EndStreamResponse',
        }),
      );
    },
  );

  it('reads what encodeEndStream writes', () => {
    const error = new ConnectError('grün', { code: Code.Aborted });
    const [, payload] = framesIn(encodeEndStream(error, new RpcHeaders({ 'x-t': ['1', '2'] })))[0] ?? [];
    const outcome = decodeEndStream(Buffer.from(payload ?? '', 'latin1'), []);
    expect([outcome.error?.code, outcome.error?.rawMessage]).toEqual([Code.Aborted, 'grün']);
    expect(outcome.trailers?.toList()).toEqual(['x-t', '1', 'x-t', '2']);
  });
});

function decodeOrFail(value: unknown): Outcome {
  try {
    return decode(value, ['x-h', '1']);
  } catch (thrown) {
    return { error: thrown as ConnectError, trailers: undefined };
  }
}

describe('decodeEndStream: any JSON (property)', () => {
  const error = fc.record(
    { code: fc.jsonValue(), message: fc.jsonValue(), details: fc.jsonValue() },
    { requiredKeys: [] },
  );
  const endStreams = fc.record(
    {
      error: fc.oneof(error, fc.jsonValue()),
      metadata: fc.oneof(fc.dictionary(fc.string(), fc.array(fc.string())), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );

  it('is an outcome whose trailers can be sent on, or an error', () => {
    fc.assert(
      fc.property(fc.oneof(endStreams, fc.jsonValue()), (value) => {
        const { trailers = new RpcHeaders(), error: told } = decodeOrFail(value);
        expect(new RpcHeaders([...trailers]).toList()).toEqual(trailers.toList());
        expect(told === undefined || CODES.includes(told.code)).toBe(true);
      }),
      { seed: 20_261_122, numRuns: 500 },
    );
  });
});
