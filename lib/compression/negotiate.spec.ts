import { describe, expect, it } from '@jest/globals';
import { Code } from '../rpc/code.js';
import { type Compression } from './compression.js';
import { CompressionTable } from './negotiate.js';

function named(name: string): Compression {
  return { name, compress: (bytes) => bytes, decompress: (bytes) => bytes };
}

const gzip = named('gzip');
const br = named('br');
const table = new CompressionTable([gzip, br], { compressMinBytes: 0 });
const none = new CompressionTable([], { compressMinBytes: 0 });

describe('CompressionTable.forRequest (gRPC, "Compression"; Connect protocol, "Unary-Request")', () => {
  it.each([
    ['gzip', gzip],
    ['br', br],
    ['identity', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('knows %j', (name, compression) => {
    expect(table.forRequest(name)).toBe(compression);
  });

  it.each(['snappy', 'GZIP!', 'gzip, br', '__proto__', 'constructor', 'toString'])(
    'refuses %j with unimplemented, and names what is supported',
    (name) => {
      expect(() => table.forRequest(name)).toThrow(
        expect.objectContaining({
          code: Code.Unimplemented,
          rawMessage: `unknown compression "${name}": supported are gzip,br`,
        }),
      );
    },
  );

  it('says so when none is supported', () => {
    expect(() => none.forRequest('gzip')).toThrow(
      expect.objectContaining({
        code: Code.Unimplemented,
        rawMessage: 'unknown compression "gzip": supported are none',
      }),
    );
  });
});

describe('CompressionTable.ofResponse (gRPC, "Compression"; Connect protocol, "Unary-Response")', () => {
  it.each([
    ['gzip', gzip],
    ['GZIP', gzip],
    ['identity', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('knows %j', (name, compression) => {
    expect(table.ofResponse(name)).toBe(compression);
  });

  it('refuses what was not offered with internal: it is the fault of the server', () => {
    expect(() => table.ofResponse('snappy')).toThrow(
      expect.objectContaining({
        code: Code.Internal,
        rawMessage: 'unknown compression "snappy": supported are gzip,br',
      }),
    );
  });
});

describe('CompressionTable.forResponse (gRPC, "Compression"; RFC 9110, section 12.5.3)', () => {
  it.each([
    ['gzip', gzip],
    ['br', br],
    // The client's order counts, not the server's.
    ['br,gzip', br],
    ['gzip,br', gzip],
    ['snappy, br, gzip', br],
    ['zstd,snappy', undefined],
    ['identity', undefined],
    ['identity,gzip', gzip],
    ['*', undefined],
    ['', undefined],
    [',,gzip', gzip],
    [' gzip ', gzip],
    ['\tgzip\t', gzip],
    // What browsers and proxies send.
    ['gzip, deflate, br, zstd', gzip],
    ['gzip;q=0', undefined],
    ['gzip;q=0.0', undefined],
    ['gzip; q=0.000', undefined],
    ['gzip;Q=0', undefined],
    ['gzip ; q=0 ,br', br],
    ['gzip;q=0.1', gzip],
    ['gzip;q=1.0', gzip],
    ['gzip;q=0.5, *;q=0', gzip],
    ['*;q=0', undefined],
    ['__proto__', undefined],
    ['constructor,toString', undefined],
  ])('of %j takes the first that is supported and not refused', (accepted, compression) => {
    expect(table.forResponse(accepted)).toBe(compression);
  });

  it('compresses nothing when the client names nothing', () => {
    expect(table.forResponse(undefined)).toBeUndefined();
  });

  it('compresses nothing when responses are not compressed at all', () => {
    const off = new CompressionTable([gzip], { compressMinBytes: Infinity });
    expect([off.forResponse('gzip'), off.forRequest('gzip')]).toEqual([undefined, gzip]);
  });

  it('compresses nothing when nothing is supported', () => {
    expect(none.forResponse('gzip, br')).toBeUndefined();
  });
});

describe('CompressionTable: case (RFC 9110, section 8.4.1)', () => {
  it('knows a compression in any case', () => {
    expect(table.forRequest('GZIP')?.name).toBe('gzip');
    expect(table.forResponse('Br')?.name).toBe('br');
  });
});

describe('CompressionTable.acceptHeader', () => {
  it('joins the names, in order of preference, and is nothing when there are none', () => {
    expect(table.acceptHeader('accept-encoding')).toEqual(['accept-encoding', 'gzip,br']);
    expect(none.acceptHeader('accept-encoding')).toEqual([]);
  });
});
