/**
 * The envelope: what frames a message in every stream, and in every gRPC call.
 *
 *   byte 0      flags: bit 0 compressed; Connect: bit 1 end-stream; gRPC-Web: bit 7 trailers
 *   byte 1-4    length of the payload, big-endian
 *   byte 5-     payload
 *
 * Spec: gRPC over HTTP/2, "Length-Prefixed-Message"; Connect protocol, "Streaming-Request" (Enveloped-Message).
 */

/** Length of the prefix, in bytes. */
export const ENVELOPE_PREFIX_BYTES = 5;

export const FLAG_COMPRESSED = 0b0000_0001;

/** The largest payload whose length fits the prefix. */
export const MAX_ENVELOPE_BYTES = 2 ** 32 - 1;

/**
 * Writes the prefix into the first five bytes of a buffer whose rest is the payload.
 *
 * @returns The same buffer, now an envelope.
 */
export function sealEnvelope(buffer: Uint8Array, flags: number): Uint8Array {
  const length = buffer.byteLength - ENVELOPE_PREFIX_BYTES;
  buffer[0] = flags;
  buffer[1] = length >>> 24;
  buffer[2] = length >>> 16;
  buffer[3] = length >>> 8;
  buffer[4] = length;
  return buffer;
}

/** @returns A new envelope around a payload. */
export function encodeEnvelope(flags: number, payload: Uint8Array): Uint8Array {
  const buffer = Buffer.allocUnsafe(ENVELOPE_PREFIX_BYTES + payload.byteLength);
  buffer.set(payload, ENVELOPE_PREFIX_BYTES);
  return sealEnvelope(buffer, flags);
}
