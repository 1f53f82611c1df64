import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { hex } from '../../../test/support/frames.js';
import { Code } from '../../rpc/code.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { encodeTrailerFrame, parseTrailers } from './trailers.js';

describe('encodeTrailerFrame (gRPC-Web, "Message framing")', () => {
  it('is flag 0x80, the length, and a header block, byte by byte', () => {
    expect(hex(encodeTrailerFrame(['grpc-status', '0']))).toBe(
      // "grpc-status: 0" CR LF
      '80 00 00 00 10 67 72 70 63 2d 73 74 61 74 75 73 3a 20 30 0d 0a',
    );
  });

  it('has a line for each value, CRLF behind each, and no blank line', () => {
    const trailers = ['grpc-status', '3', 'grpc-message', 'no%0A', 'x-a', '1', 'x-a', '2'];
    const frame = Buffer.from(encodeTrailerFrame(trailers));
    expect(frame.toString('latin1', 5)).toBe('grpc-status: 3\r\ngrpc-message: no%0A\r\nx-a: 1\r\nx-a: 2\r\n');
    expect([frame.readUInt8(0), frame.readUInt32BE(1)]).toEqual([0x80, frame.length - 5]);
  });

  it('keeps an empty value', () => {
    const frame = encodeTrailerFrame(['grpc-status', '2', 'grpc-message', '']);
    expect(Buffer.from(frame).toString('latin1', 5)).toBe('grpc-status: 2\r\ngrpc-message: \r\n');
  });

  it('writes a value above 0x7F as the byte that it was read from', () => {
    expect(hex(encodeTrailerFrame(['x', '\u00e9']))).toBe('80 00 00 00 06 78 3a 20 e9 0d 0a');
  });
});

function parse(block: string): HeaderList {
  return parseTrailers(Buffer.from(block, 'latin1'));
}

describe('parseTrailers (gRPC-Web, "Message framing")', () => {
  it.each<[string, HeaderList]>([
    ['', []],
    ['grpc-status: 0\r\n', ['grpc-status', '0']],
    ['grpc-status:0\r\n', ['grpc-status', '0']],
    ['Grpc-Status: 9\r\ngRPC-Message: no\r\n', ['grpc-status', '9', 'grpc-message', 'no']],
    ['x-a: 1\r\nx-a: 2\r\nX-A: 1\r\n', ['x-a', '1', 'x-a', '2', 'x-a', '1']],
    ['x-a: 1, 2\r\n', ['x-a', '1, 2']],
    ['x-a:  b:c \t\r\n', ['x-a', 'b:c']],
    ['x-a:\r\nx-b: \r\n', ['x-a', '', 'x-b', '']],
    ['x-a: 1\nx-b: 2\n', ['x-a', '1', 'x-b', '2']],
    ['x-a: 1\r\nx-b: 2', ['x-a', '1', 'x-b', '2']],
    ['x-a: 1\r\n\r\n', ['x-a', '1']],
    ['x-a: \xe9\r\n', ['x-a', '\xe9']],
  ])('reads %j', (block, trailers) => {
    expect(parse(block)).toEqual(trailers);
  });

  it.each([
    'no colon\r\n',
    ': no name\r\n',
    'a name: 1\r\n',
    'x-a : 1\r\n',
    ' x-a: 1\r\n',
    'x-a: 1\r\n folded\r\n',
    'x-a: \0\r\n',
    'x-a: 1\r2\r\n',
    'x-\xe9: 1\r\n',
    '\0\0\0\0',
  ])('refuses %j with internal: nobody could pass it on', (block) => {
    expect(() => parse(block)).toThrow(
      expect.objectContaining({
        code: Code.Internal,
        rawMessage: expect.stringMatching(/^the trailers cannot be read: "/),
      }),
    );
  });

  it('quotes only the beginning of a line', () => {
    expect(() => parse('x'.repeat(1_000))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,150}$/) }),
    );
  });

  it('reads what encodeTrailerFrame writes, and any bytes without another error (property)', () => {
    const pairs = fc.array(
      fc.tuple(fc.stringMatching(/^[a-z0-9_.-]+$/), fc.stringMatching(/^([!-~\x80-\xff]+)?$/)),
    );
    fc.assert(
      fc.property(pairs, (list) => {
        expect(parseTrailers(encodeTrailerFrame(list.flat()).subarray(5))).toEqual(list.flat());
      }),
      { seed: 20_261_122 },
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const outcome = ((): unknown => {
          try {
            return parseTrailers(bytes).length % 2;
          } catch (error) {
            return (error as ConnectError).code;
          }
        })();
        expect([0, Code.Internal]).toContain(outcome);
      }),
      { seed: 20_261_123, numRuns: 500 },
    );
  });
});
