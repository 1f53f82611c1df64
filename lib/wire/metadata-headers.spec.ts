import { describe, expect, it } from '@jest/globals';
import { RpcHeaders } from '../rpc/headers.js';
import { appendHeaders, isReservedHeader } from './metadata-headers.js';

// Hop-by-hop names of RFC 9110, section 7.6.1, and those that frame or negotiate a response.
const RESERVED = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'content-type',
  'content-length',
  'content-encoding',
  'accept-encoding',
  'date',
  'host',
  'grpc-status',
  'grpc-message',
  'grpc-status-details-bin',
  'grpc-encoding',
  'grpc-timeout',
  'grpc-previous-rpc-attempts',
  'grpc-retry-pushback-ms-bin',
  'grpc-anything',
  'connect-content-encoding',
  'connect-protocol-version',
  'connect-anything',
  'trailer-connect-anything',
  ':status',
];
const FREE = [
  'x-custom',
  'x-data-bin',
  'etag',
  'cache-control',
  'set-cookie',
  'vary',
  'content-language',
  'trailer-x',
  // How a handler tells when its call may be tried again. (gRPC A6, "Pushback")
  'grpc-retry-pushback-ms',
  'grpcx',
  'connection-id',
  'connectx',
  '__proto__',
  'constructor',
];

describe('isReservedHeader (gRPC over HTTP/2, "Custom-Metadata"; Connect protocol, "Leading-Metadata")', () => {
  it.each(RESERVED)('reserves %s', (name) => {
    expect(isReservedHeader(name)).toBe(true);
  });

  it.each(FREE)('leaves %s to applications', (name) => {
    expect(isReservedHeader(name)).toBe(false);
  });
});

describe('appendHeaders', () => {
  it('adds names and values by turns, repeated names in order', () => {
    const headers = new RpcHeaders([
      ['X-B', '2'],
      ['x-a', '1'],
      ['x-b', '3'],
    ]);
    expect(appendHeaders(['content-type', 'text/plain'], headers)).toEqual([
      'content-type',
      'text/plain',
      'x-b',
      '2',
      'x-a',
      '1',
      'x-b',
      '3',
    ]);
  });

  it('drops reserved names, also those that came from a wire', () => {
    const pairs = [...RESERVED, 'x-kept'].flatMap((name) => [name, 'v']);
    expect(appendHeaders([], RpcHeaders.fromWire(pairs))).toEqual(['x-kept', 'v']);
  });

  it('drops reserved names in any case', () => {
    expect(appendHeaders([], RpcHeaders.fromWire(['Content-Type', 'a', 'GRPC-Status', '0']))).toEqual([]);
  });

  it('puts the prefix before each name, after reserved ones are dropped', () => {
    const headers = new RpcHeaders({ 'x-a': '1', 'content-type': 'text/plain', 'grpc-status': '0' });
    expect(appendHeaders([], headers, 'trailer-')).toEqual(['trailer-x-a', '1']);
  });

  it('adds nothing when the application never asked for headers', () => {
    const list = ['a', 'b'];
    expect(appendHeaders(list, undefined)).toBe(list);
    expect(list).toEqual(['a', 'b']);
  });
});
