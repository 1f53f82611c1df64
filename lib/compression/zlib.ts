/**
 * The compressions that Node brings along: gzip, br, deflate, and zstd where its zlib reads it well.
 *
 * They run in place rather than in the thread pool: a message is small against the pool's own cost, the
 * receive limit bounds the work, and messages of a stream stay in order by themselves.
 */
import * as zlib from 'node:zlib';
import { type Compression, DecompressionLimitError } from './compression.js';

type Transform = (bytes: Uint8Array) => Uint8Array;
type BoundedTransform = (bytes: Uint8Array, options?: { maxOutputLength: number }) => Uint8Array;

// Brotli's default (11) is made for files that are compressed once: 4 MiB would hold the process for seconds.
const BROTLI_QUALITY = 4;

export const gzip: Compression = createCompression('gzip', (bytes) => zlib.gzipSync(bytes), zlib.gunzipSync);

export const br: Compression = createCompression(
  'br',
  (bytes) =>
    zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
  zlib.brotliDecompressSync,
);

/** RFC 1950, the "zlib" format, not the raw one of RFC 1951. (RFC 9110, section 8.4.1.2) */
export const deflate: Compression = createCompression(
  'deflate',
  (bytes) => zlib.deflateSync(bytes),
  zlib.inflateSync,
);

/**
 * `undefined` on a Node that lacks it, and on one that takes a message that was cut for a whole one: 22.15 to 22.23 at least
 * (nodejs/node#64592). What such a message lost, nobody would know.
 */
export const zstd: Compression | undefined = createZstd();

/** What this Node has, in order of preference. */
export const builtinCompressions: readonly Compression[] = Object.freeze(
  [gzip, br, zstd, deflate].filter((compression) => compression !== undefined),
);

function createZstd(): Compression | undefined {
  // Not in the types of the oldest Node that is supported.
  const { zstdCompressSync, zstdDecompressSync } = zlib as {
    zstdCompressSync?: Transform;
    zstdDecompressSync?: BoundedTransform;
  };
  return zstdCompressSync !== undefined &&
    zstdDecompressSync !== undefined &&
    refusesCuts(zstdCompressSync, zstdDecompressSync)
    ? createCompression('zstd', (bytes) => zstdCompressSync(bytes), zstdDecompressSync)
    : undefined;
}

function refusesCuts(compress: Transform, decompress: Transform): boolean {
  const cut = compress(Uint8Array.of(1, 2, 3)).subarray(0, -1);
  try {
    decompress(cut);
    return false;
  } catch {
    return true;
  }
}

function createCompression(name: string, compress: Transform, decompress: BoundedTransform): Compression {
  return Object.freeze({
    name,
    compress,
    decompress(bytes: Uint8Array, limitBytes: number): Uint8Array {
      try {
        // zlib refuses 0 as a maximum; one byte more than allowed is refused below.
        const inflated = decompress(bytes, {
          maxOutputLength: Math.min(Math.max(limitBytes, 1), MAX_OUTPUT),
        });
        if (inflated.byteLength > limitBytes) {
          throw new DecompressionLimitError();
        }
        return inflated;
      } catch (error) {
        throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
          ? new DecompressionLimitError()
          : error;
      }
    },
  });
}

/** Node refuses a larger `maxOutputLength`. */
const MAX_OUTPUT = 2 ** 32 - 1;
