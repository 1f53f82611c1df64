import { describe, expect, it } from '@jest/globals';
import { hex } from '../../../test/support/frames.js';
import { encodeTrailerFrame } from './trailers.js';

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
