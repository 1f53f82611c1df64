import { describe, expect, it } from '@jest/globals';
import { framesIn, hex } from '../../../test/support/frames.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { RpcHeaders } from '../../rpc/headers.js';
import { encodeEndStream } from './end-stream.js';

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
