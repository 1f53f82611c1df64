import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeBase64, decodeBase64Url, encodeBase64 } from './base64.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('base64 (gRPC over HTTP/2, "Custom-Metadata")', () => {
  it.each([
    [bytes(), ''],
    [bytes(0), 'AA'],
    [bytes(0, 0), 'AAA'],
    [bytes(0, 0, 0), 'AAAA'],
    [bytes(0xfb, 0xff, 0xbf), '+/+/'],
  ])('writes %p without padding as %j', (value, text) => {
    expect(encodeBase64(value)).toBe(text);
  });

  it.each([
    ['', bytes()],
    ['AA', bytes(0)],
    ['AA==', bytes(0)],
    ['AAA', bytes(0, 0)],
    ['AAA=', bytes(0, 0)],
    ['AAAA', bytes(0, 0, 0)],
    ['+/+/', bytes(0xfb, 0xff, 0xbf)],
  ])('reads %j', (text, value) => {
    expect(decodeBase64(text)).toEqual(Buffer.from(value));
  });

  it.each([
    'A',
    'AAAAA',
    'AA=',
    'A==',
    'A===',
    'AAAA=',
    'AAAA==',
    '=',
    '==',
    'A=A=',
    'AA AA',
    'AA\n',
    '-_-_',
    'é',
    '!!!!',
  ])('does not read %j', (text) => {
    expect(decodeBase64(text)).toBeUndefined();
  });

  it.each([
    ['-_-_', bytes(0xfb, 0xff, 0xbf)],
    ['AA', bytes(0)],
    ['AA==', bytes(0)],
    ['', bytes()],
  ])('reads the URL-safe %j (Connect protocol, "Unary-Get-Request")', (text, value) => {
    expect(decodeBase64Url(text)).toEqual(Buffer.from(value));
  });

  it.each(['+/+/', 'A', 'AA=', 'AA AA', '%3D', 'AA%3D%3D', '='])('does not read the URL-safe %j', (text) => {
    expect(decodeBase64Url(text)).toBeUndefined();
  });

  it('reads back what it writes, with and without padding, in both alphabets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (value) => {
        const padded = Buffer.from(value).toString('base64');
        const urlSafe = Buffer.from(value).toString('base64url');
        for (const decoded of [
          decodeBase64(encodeBase64(value)),
          decodeBase64(padded),
          decodeBase64Url(urlSafe),
          decodeBase64Url(padded.replaceAll('+', '-').replaceAll('/', '_')),
        ]) {
          expect(decoded).toEqual(Buffer.from(value));
        }
      }),
      { seed: 1 },
    );
  });

  it('writes a view of a larger buffer as what it views', () => {
    expect(encodeBase64(bytes(9, 0, 9).subarray(1, 2))).toBe('AA');
  });
});
