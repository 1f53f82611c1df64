import * as fc from 'fast-check';
import { types } from 'node:util';
import * as zlib from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { type Compression, DecompressionLimitError } from './compression.js';
import { br, builtinCompressions, deflate, gzip, zstd } from './zlib.js';

type Transform = (bytes: Uint8Array) => Uint8Array;

const MIB = 2 ** 20;
const NO_LIMIT = 100 * MIB;
const all = builtinCompressions.map((compression) => [compression.name, compression] as const);

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

/** What a function throws, or `undefined`; by kind, because Node's own errors are of another realm than jest's. */
function thrownBy(run: () => unknown): 'limit' | 'error' | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof DecompressionLimitError
      ? 'limit'
      : types.isNativeError(error)
        ? 'error'
        : undefined;
  }
}

describe('the compressions of Node', () => {
  it('are listed in order of preference, zstd where this Node reads it well', () => {
    const expected = hasSoundZstd() ? ['gzip', 'br', 'zstd', 'deflate'] : ['gzip', 'br', 'deflate'];
    expect(builtinCompressions.map(({ name }) => name)).toEqual(expected);
    expect(zstd?.name).toBe(hasSoundZstd() ? 'zstd' : undefined);
    expect(Object.isFrozen(builtinCompressions)).toBe(true);
  });

  it('write the formats that their names mean in HTTP', () => {
    const bytes = Buffer.from('text');
    expect(text(zlib.gunzipSync(gzip.compress(bytes)))).toBe('text');
    expect(text(zlib.brotliDecompressSync(br.compress(bytes)))).toBe('text');
    // RFC 9110, section 8.4.1.2: "deflate" is the zlib format.
    expect(text(zlib.inflateSync(deflate.compress(bytes)))).toBe('text');
    expect(thrownBy(() => zlib.inflateRawSync(deflate.compress(bytes)))).toBe('error');
  });

  it('make fewer bytes of a repetitive message', () => {
    const message = Buffer.from('{"sentence":"hello"}'.repeat(100));
    expect(all.filter(([, compression]) => compression.compress(message).byteLength > 100)).toEqual([]);
  });
});

describe.each(all)('%s', (_, compression: Compression) => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
        const inflated = compression.decompress(compression.compress(bytes), NO_LIMIT);
        expect(Buffer.from(inflated)).toEqual(Buffer.from(bytes));
      }),
      { seed: 5, numRuns: 50 },
    );
  });

  it('reads a view of a larger buffer', () => {
    const compressed = compression.compress(Buffer.from('text'));
    const framed = Buffer.concat([Buffer.from('head'), compressed]);
    expect(text(compression.decompress(framed.subarray(4), NO_LIMIT))).toBe('text');
  });

  it.each([1, 2, 1000, 70_000, MIB])(
    'takes a message of exactly the limit of %d bytes, and not one byte more',
    (limitBytes) => {
      const exact = compression.compress(Buffer.alloc(limitBytes, 'ab'));
      expect(compression.decompress(exact, limitBytes)).toHaveLength(limitBytes);
      const larger = compression.compress(Buffer.alloc(limitBytes + 1, 'ab'));
      expect(thrownBy(() => compression.decompress(larger, limitBytes))).toBe('limit');
    },
  );

  it('takes the empty message and nothing else when the limit is 0', () => {
    expect(compression.decompress(compression.compress(new Uint8Array()), 0)).toHaveLength(0);
    const larger = compression.compress(Buffer.from('a'));
    expect(thrownBy(() => compression.decompress(larger, 0))).toBe('limit');
  });

  it.each([2 ** 32, Number.MAX_SAFE_INTEGER, Infinity])('takes a limit of %d', (limitBytes) => {
    expect(text(compression.decompress(compression.compress(Buffer.from('text')), limitBytes))).toBe('text');
  });

  it('stops a bomb of 64 MiB at a limit of 1 MiB without its memory', () => {
    const bomb = compression.compress(Buffer.alloc(64 * MIB));
    const before = memoryOfBuffers();
    expect(thrownBy(() => compression.decompress(bomb, MIB))).toBe('limit');
    expect(memoryOfBuffers() - before).toBeLessThan(16 * MIB);
  });

  it.each<[string, Uint8Array]>([
    ['text', Buffer.from('this is not compressed at all')],
    ['zeros', new Uint8Array(100)],
    ['0xFF', new Uint8Array(100).fill(0xff)],
  ])('throws an Error for %s, but none of the limit', (__, garbage) => {
    expect(thrownBy(() => compression.decompress(garbage, NO_LIMIT))).toBe('error');
  });

  it('throws an Error for a message that is cut anywhere', () => {
    const whole = compression.compress(
      Buffer.from('a message that is long enough to be cut in many places, 0123456789'),
    );
    const accepted = [...whole.keys()].filter(
      (length) => thrownBy(() => compression.decompress(whole.subarray(0, length), NO_LIMIT)) !== 'error',
    );
    expect(accepted).toEqual([]);
  });
});

/** Some take a message that was cut for a whole one. (nodejs/node#64592) */
function hasSoundZstd(): boolean {
  const { zstdCompressSync, zstdDecompressSync } = zlib as unknown as Record<string, Transform | undefined>;
  const message = Buffer.from('a message of several bytes');
  return (
    zstdCompressSync !== undefined &&
    thrownBy(() => zstdDecompressSync?.(zstdCompressSync(message).subarray(0, 20))) === 'error'
  );
}

function memoryOfBuffers(): number {
  const { arrayBuffers, external } = process.memoryUsage();
  return Math.max(arrayBuffers, external);
}
