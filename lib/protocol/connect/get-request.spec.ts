import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { gzip } from '../../compression/zlib.js';
import { Code } from '../../rpc/code.js';
import { formatGetTarget, MAX_TARGET_CHARACTERS, parseGetRequest } from './get-request.js';

describe('parseGetRequest (Connect protocol, "Unary-Get-Request")', () => {
  it('reads every parameter', () => {
    expect(parseGetRequest('connect=v1&base64=1&compression=gzip&encoding=proto&message=CgJoaQ')).toEqual({
      version: 'v1',
      compression: 'gzip',
      encoding: 'proto',
      message: Buffer.from([0x0a, 0x02, 0x68, 0x69]),
    });
  });

  it('needs no more than encoding and message', () => {
    expect(parseGetRequest('encoding=json&message=%22hi%22')).toEqual({
      version: undefined,
      compression: undefined,
      encoding: 'json',
      message: Buffer.from('"hi"'),
    });
  });

  it('reads parameters in any order', () => {
    const parts = ['connect=v1', 'base64=1', 'compression=gzip', 'encoding=proto', 'message=CgJoaQ'];
    const expected = parseGetRequest(parts.join('&'));
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), (shuffled) => {
        expect(parseGetRequest(shuffled.join('&'))).toEqual(expected);
      }),
      { seed: 20_260_102, numRuns: 120 },
    );
  });

  it.each([
    'utm=1&encoding=json&message=1&other',
    '&&encoding=json&&message=1&',
    'Encoding=x&MESSAGE=y&encoding=json&message=1',
    '__proto__=x&constructor=y&toString=z&encoding=json&message=1',
    '=&=x&encoding=json&message=1',
  ])('ignores what it does not know in %j', (query) => {
    expect(parseGetRequest(query)).toEqual({
      version: undefined,
      compression: undefined,
      encoding: 'json',
      message: Buffer.from('1'),
    });
  });

  it('takes the first of repeated parameters', () => {
    expect(parseGetRequest('encoding=json&message=1&encoding=proto&message=2')).toMatchObject({
      encoding: 'json',
      message: Buffer.from('1'),
    });
  });
});

describe('parseGetRequest: message as text', () => {
  it.each([
    ['%22gr%C3%BC%C3%9Fe%22', '"grüße"'],
    ['%22%F0%9F%98%80%22', '"😀"'],
    ['%7B%22a%22%3A1%7D', '{"a":1}'],
    ['{"a":1}', '{"a":1}'],
    ['a+b%2Bc%20d', 'a b+c d'],
    ['a=b', 'a=b'],
    ['a%26b%3Dc', 'a&b=c'],
    ['%00', '\0'],
    ['', ''],
  ])('reads %j as %j', (value, text) => {
    expect(parseGetRequest(`encoding=json&message=${value}`).message).toEqual(Buffer.from(text));
  });

  it.each(['0', '', 'true', '01', '1%20'])('stays text when base64 is %j, not 1', (flag) => {
    expect(parseGetRequest(`base64=${flag}&encoding=json&message=CgJoaQ`).message).toEqual(
      Buffer.from('CgJoaQ'),
    );
  });

  it('reads a name without "=" as an empty value', () => {
    expect(parseGetRequest('encoding=proto&message').message).toEqual(Buffer.alloc(0));
  });

  it('reads any text that is percent-encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const { message } = parseGetRequest(`message=${encodeURIComponent(text)}&encoding=json`);
        expect(Buffer.from(message).toString()).toBe(text);
      }),
      { seed: 20_260_103 },
    );
  });
});

describe('parseGetRequest: message as base64', () => {
  it.each([
    ['', []],
    ['-w', [0xfb]],
    ['-w%3D%3D', [0xfb]],
    ['-w==', [0xfb]],
    ['-_8', [0xfb, 0xff]],
    ['-_8%3d', [0xfb, 0xff]],
    ['-_8=', [0xfb, 0xff]],
    ['-__-', [0xfb, 0xff, 0xfe]],
  ])('reads %j', (value, bytes) => {
    expect(parseGetRequest(`base64=1&encoding=proto&message=${value}`).message).toEqual(Buffer.from(bytes));
  });

  it.each([
    ['the standard alphabet', '%2Bw'],
    ['the standard alphabet', '_%2F8'],
    ['a plus sign, which is a space', '+w'],
    ['a line break', '-w%0A'],
    ['one character too many', 'AAAAA'],
    ['too little padding', '-w%3D'],
    ['too much padding', '-w%3D%3D%3D'],
    ['padding in the middle', '-w%3D%3D-w'],
    ['padding alone', '%3D'],
    ['another character', 'a!bc'],
  ])('rejects %s', (_, value) => {
    expect(() => parseGetRequest(`base64=1&encoding=proto&message=${value}`)).toThrow(
      expect.objectContaining({
        code: Code.InvalidArgument,
        rawMessage: 'query parameter "message" is not URL-safe base64',
      }),
    );
  });

  it('reads any bytes, padded or not', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (bytes, isPadded) => {
        const plain = Buffer.from(bytes).toString('base64url');
        const value = isPadded ? plain.padEnd(Math.ceil(plain.length / 4) * 4, '=') : plain;
        const { message } = parseGetRequest(`base64=1&encoding=p&message=${encodeURIComponent(value)}`);
        expect([...message]).toEqual([...bytes]);
      }),
      { seed: 20_260_104 },
    );
  });
});

describe('parseGetRequest: failures', () => {
  it.each([
    ['message=1', 'query parameter "encoding" is missing'],
    ['encoding=json', 'query parameter "message" is missing'],
    ['', 'query parameter "message" is missing'],
    ['connect=v1&base64=1', 'query parameter "message" is missing'],
    ['messages=1&encoding=json', 'query parameter "message" is missing'],
  ])('rejects %j: %s', (query, message) => {
    expect(() => parseGetRequest(query)).toThrow(
      expect.objectContaining({ code: Code.InvalidArgument, rawMessage: message }),
    );
  });

  it.each([
    ['a lone percent sign', '%'],
    ['half an escape', '%2'],
    ['no hex digits', '%zz'],
    ['a byte that is not UTF-8', '%ff'],
    ['a sequence that is cut off', '%c3'],
    ['an overlong form', '%c0%af'],
    ['a surrogate', '%ed%a0%80'],
  ])('rejects %s', (_, value) => {
    expect(() => parseGetRequest(`encoding=json&message=${value}`)).toThrow(
      expect.objectContaining({
        code: Code.InvalidArgument,
        rawMessage: 'the query is not percent-encoded UTF-8',
      }),
    );
  });
});

describe('formatGetTarget (Connect protocol, "Unary-Get-Request")', () => {
  const hi = Buffer.from([0x0a, 0x02, 0x68, 0x69]);

  it.each([
    ['binary', 'proto', undefined, 'connect=v1&base64=1&encoding=proto&message=CgJoaQ'],
    ['compressed', 'proto', gzip, 'connect=v1&base64=1&compression=gzip&encoding=proto&message=CgJoaQ'],
    ['text', 'json', undefined, 'connect=v1&encoding=json&message=%0A%02hi'],
    ['compressed text', 'json', gzip, 'connect=v1&base64=1&compression=gzip&encoding=json&message=CgJoaQ'],
  ])('writes a %s message with the parameters in their order', (_, encoding, compression, query) => {
    expect(formatGetTarget('/a.B/C', { bytes: hi, encoding, compression })).toBe(`/a.B/C?${query}`);
  });

  it('writes a view of a larger buffer as what it shows', () => {
    const bytes = Buffer.concat([hi, hi]).subarray(4);
    expect(formatGetTarget('/', { bytes, encoding: 'proto', compression: undefined })).toMatch(/=CgJoaQ$/);
  });

  it.each([
    [0, true],
    [1, false],
  ])('writes nothing that is longer than the limit: by %d', (excess, fits) => {
    const rest = '/?connect=v1&encoding=json&message='.length;
    const bytes = Buffer.alloc(MAX_TARGET_CHARACTERS - rest + excess, 'a');
    const target = formatGetTarget('/', { bytes, encoding: 'json', compression: undefined });
    expect(target?.length).toBe(fits ? MAX_TARGET_CHARACTERS : undefined);
  });

  it('counts characters as they are written', () => {
    const bytes = Buffer.alloc(MAX_TARGET_CHARACTERS / 2, ' ');
    expect(formatGetTarget('/', { bytes, encoding: 'json', compression: undefined })).toBeUndefined();
  });

  it('writes what parseGetRequest reads (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.boolean(), (text, isText) => {
        const bytes = Buffer.from(JSON.stringify(text));
        const encoding = isText ? 'json' : 'proto';
        const target = formatGetTarget('/p', { bytes, encoding, compression: undefined }) ?? '';
        expect(parseGetRequest(target.slice('/p?'.length))).toEqual({
          version: 'v1',
          compression: undefined,
          encoding,
          message: bytes,
        });
      }),
      { seed: 20_261_122 },
    );
  });
});
