import { describe, expect, it } from '@jest/globals';
import { Code } from '../rpc/code.js';
import {
  foreignResponse,
  headerOf,
  mediaTypeOf,
  refuseEncodedBody,
  unexpectedCodec,
} from './response-head.js';

describe('headerOf', () => {
  const headers = ['a', 'b', 'b', '1', 'b', '2', 'c', ''];

  it.each([
    ['a', 'b'],
    // Not the value of "a", and the first of two.
    ['b', '1'],
    ['c', ''],
    ['d', undefined],
    ['1', undefined],
  ])('reads %j as %j', (name, value) => {
    expect(headerOf(headers, name)).toBe(value);
  });
});

describe('mediaTypeOf (RFC 9110, section 8.3.1)', () => {
  it.each([
    ['application/proto', 'application/proto'],
    ['Application/JSON', 'application/json'],
    ['application/json;charset=utf-8', 'application/json'],
    [' application/json ; charset=UTF-8', 'application/json'],
    ['', ''],
    [';', ''],
  ])('reads %j as %j', (value, type) => {
    expect(mediaTypeOf(['content-type', value])).toBe(type);
  });

  it('reads no header as no type', () => {
    expect(mediaTypeOf(['x', 'text/plain'])).toBe('');
  });
});

describe('foreignResponse', () => {
  it.each([
    [
      502,
      ['content-type', 'text/html; charset=utf-8'],
      'HTTP status 502 with content type "text/html; charset=utf-8"',
    ],
    [502, [], 'HTTP status 502 without a content type'],
  ])('names status and content type of %d %j', (status, headers, text) => {
    expect(foreignResponse(status, headers)).toMatchObject({
      code: Code.Unavailable,
      rawMessage: `unexpected response: ${text}`,
      fromWire: true,
    });
  });

  it('names the peer, where it has a name', () => {
    expect(foreignResponse(502, [], 'http://eliza:8080').rawMessage).toBe(
      'unexpected response from http://eliza:8080: HTTP status 502 without a content type',
    );
  });

  it('keeps the headers, which may say when to come back', () => {
    const { metadata } = foreignResponse(503, ['retry-after', '7', ':status', '503']);
    expect(metadata.toList()).toEqual(['retry-after', '7']);
  });
});

describe('unexpectedCodec', () => {
  it('blames the server, and names both types', () => {
    const expected = { expected: 'application/proto', peer: 'http://eliza:8080' };
    expect(unexpectedCodec(200, ['content-type', 'application/json'], expected)).toMatchObject({
      code: Code.Internal,
      rawMessage:
        'unexpected response from http://eliza:8080: HTTP status 200 with content type "application/json" instead of "application/proto"',
      fromWire: true,
    });
  });
});

describe('refuseEncodedBody (Connect protocol, "Streaming-Request"; gRPC, "Compression")', () => {
  it.each([[[]], [['content-encoding', 'identity']], [['content-encoding', '']]])(
    'lets %j pass',
    (headers) => {
      expect(() => refuseEncodedBody(headers, 'grpc-encoding')).not.toThrow();
    },
  );

  it.each(['gzip', 'br', 'identity, gzip'])('refuses %s with internal, and says what to use', (encoding) => {
    expect(() => refuseEncodedBody(['content-encoding', encoding], 'grpc-encoding')).toThrow(
      expect.objectContaining({
        code: Code.Internal,
        rawMessage: `content-encoding "${encoding}" of a whole response: expected grpc-encoding, for each message`,
      }),
    );
  });
});
