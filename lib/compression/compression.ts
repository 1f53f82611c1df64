/**
 * The Compression port: bytes to fewer bytes and back. Each message is its own compression context.
 *
 * Spec: gRPC, "Compression"; Connect protocol, "Content-Coding".
 */

export interface Compression {
  /** As it stands in encoding headers, for example `"gzip"`. */
  readonly name: string;
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * @param limitBytes Largest result; inflating stops there.
   * @throws DecompressionLimitError When the result would be larger.
   * @throws Error When the bytes are not in this format.
   */
  decompress(bytes: Uint8Array, limitBytes: number): Uint8Array;
}

/** Thrown by {@link Compression.decompress} for a message that is larger than allowed. */
export class DecompressionLimitError extends Error {
  override readonly name = 'DecompressionLimitError';
}
