import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { percentDecode, percentEncode } from './percent-encoding.js';

describe('percentEncode (gRPC over HTTP/2, "Status-Message")', () => {
  it.each([
    ['', ''],
    ['plain text, with "all" kinds of <signs>!', 'plain text, with "all" kinds of <signs>!'],
    ['! ~', '! ~'],
    // nghttp2 drops a header with these (RFC 9113, section 8.2.1).
    [' ', '%20'],
    ['  a  b  ', '%20 a  b %20'],
    ['%', '%25'],
    ['100%', '100%25'],
    ['%41', '%2541'],
    ['\n', '%0A'],
    ['\r\n', '%0D%0A'],
    ['\t', '%09'],
    ['\0', '%00'],
    ['\x1f\x20', '%1F%20'],
    ['~\x7f', '~%7F'],
    ['\x80', '%C2%80'],
    ['ü', '%C3%BC'],
    ['☺', '%E2%98%BA'],
    ['😈', '%F0%9F%98%88'],
    [
      // grpc/grpc, interop test special_status_message
      '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n',
      '%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A',
    ],
  ])('writes %j as %j', (text, encoded) => {
    expect(percentEncode(text)).toBe(encoded);
  });

  it.each(['\ud800', 'a\udc00b', '\udc00\ud800', '\ud83d'])(
    'replaces the lone surrogates of %j, and does not throw',
    (text) => {
      expect(decodeURIComponent(percentEncode(text))).toBe(text.replaceAll(/[\ud800-\udfff]/g, '\ufffd'));
    },
  );

  it('can be decoded to the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeURIComponent(percentEncode(text))).toBe(text);
      }),
      { seed: 20_260_105, numRuns: 500 },
    );
  });

  it('writes nothing that a header cannot carry, whatever the text', () => {
    const anyUnits = fc.array(fc.integer({ min: 0, max: 0xffff })).map((u) => String.fromCharCode(...u));
    fc.assert(
      fc.property(anyUnits, (text) => {
        expect(percentEncode(text)).toMatch(/^(?:[\x20-\x24\x26-\x7e]|%[0-9A-F]{2})*$/);
      }),
      { seed: 20_260_106, numRuns: 500 },
    );
  });

  it('escapes every byte outside 0x20-0x7E, and the percent sign', () => {
    const ascii = Array.from({ length: 128 }, (_, code) => code);
    const escaped = ascii.filter((code) => percentEncode(`a${String.fromCharCode(code)}a`).length === 5);
    expect(escaped).toEqual(ascii.filter((code) => code < 0x20 || code === 0x25 || code === 0x7f));
  });
});

describe('percentDecode (gRPC over HTTP/2, "Status-Message")', () => {
  it.each([
    ['', ''],
    ['plain text', 'plain text'],
    ['%25', '%'],
    ['%2541', '%41'],
    ['gr%C3%BCn', 'grün'],
    ['gr%c3%bcn', 'grün'],
    ['%F0%9F%98%88', '😈'],
    ['%20 a %20', '  a  '],
    [
      // grpc/grpc, interop test special_status_message
      '%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A',
      '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n',
    ],
  ])('reads %j as %j', (encoded, text) => {
    expect(percentDecode(encoded)).toBe(text);
  });

  it.each([
    ['100%', '100%'],
    ['%', '%'],
    ['%4', '%4'],
    ['%zz', '%zz'],
    ['%%41', '%A'],
    ['% 41', '% 41'],
    ['%u0041', '%u0041'],
    ['%+1%-1', '%+1%-1'],
    ['50% off, %C3%BC', '50% off, ü'],
  ])('leaves what is no escape as it is: %j', (encoded, text) => {
    expect(percentDecode(encoded)).toBe(text);
  });

  it.each([
    ['%FF', '\ufffd'],
    ['a%C3b', 'a\ufffdb'],
    ['%ED%A0%80', '\ufffd\ufffd\ufffd'],
  ])('replaces bytes that are not UTF-8: %j', (encoded, text) => {
    expect(percentDecode(encoded)).toBe(text);
  });

  it('reads UTF-8 that a server did not escape', () => {
    expect(percentDecode(Buffer.from('grün', 'utf8').toString('latin1'))).toBe('grün');
  });

  it('reads everything that percentEncode writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(percentDecode(percentEncode(text))).toBe(text);
      }),
      { seed: 20_261_122, numRuns: 500 },
    );
  });

  it('does not fail, whatever the header', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[%0-9A-Fa-g\x80-\xff ]{0,20}$/), (header) => {
        expect(percentDecode(header).length).toBeLessThanOrEqual(header.length);
      }),
      { seed: 20_261_123, numRuns: 500 },
    );
  });
});
