/**
 * Wire types, and the tags that they are part of.
 *
 * Spec: protobuf.dev, "Encoding", "Message Structure". Groups (3 and 4) are left to protobuf-es.
 */
export const WIRE_VARINT = 0;
export const WIRE_64_BIT = 1;
export const WIRE_LENGTH = 2;
export const WIRE_32_BIT = 5;

/** @returns An unsigned number of 32 bits. */
export function tagOf(fieldNumber: number, wireType: number): number {
  return ((fieldNumber << 3) | wireType) >>> 0;
}
