import { describe, expect, it } from '@jest/globals';
import { MemoryExchange } from '../../test/support/memory-exchange.js';
import { Code } from '../rpc/code.js';
import { refuseContentEncoding } from './content-encoding.js';

describe('refuseContentEncoding (Connect protocol, "Streaming-Request"; gRPC, "Compression")', () => {
  it.each<[Record<string, string>]>([
    [{}],
    [{ 'content-encoding': 'identity' }],
    [{ 'content-encoding': '' }],
  ])('lets %o pass', (headers) => {
    expect(() => refuseContentEncoding(new MemoryExchange({ headers }), 'grpc-encoding')).not.toThrow();
  });

  it.each(['gzip', 'br', 'identity, gzip'])(
    'refuses %s with unimplemented, and says what to use',
    (encoding) => {
      const exchange = new MemoryExchange({ headers: { 'content-encoding': encoding } });
      expect(() => refuseContentEncoding(exchange, 'grpc-encoding')).toThrow(
        expect.objectContaining({
          code: Code.Unimplemented,
          rawMessage: `content-encoding "${encoding}" is not possible here: use grpc-encoding`,
        }),
      );
    },
  );
});
