/**
 * Connect's envelopes, all there is to its streams: a byte of flags, four of length, the message.
 */
const PREFIX_BYTES = 5;
/** Flag of the last envelope of a response: JSON that says how the call has ended. */
const END_STREAM = 2;

export interface Envelope {
  readonly isLast: boolean;
  readonly payload: Buffer;
}

export function toEnvelope(payload: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(payload.length, 1);
  return Buffer.concat([prefix, payload]);
}

/** Reads no further than it is iterated: who takes envelopes slowly holds the server back. */
export async function* envelopesIn(body: AsyncIterable<Buffer>): AsyncGenerator<Envelope> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of body) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= PREFIX_BYTES && bytes.length >= PREFIX_BYTES + bytes.readUInt32BE(1)) {
      const end = PREFIX_BYTES + bytes.readUInt32BE(1);
      yield { isLast: bytes.readUInt8() === END_STREAM, payload: bytes.subarray(PREFIX_BYTES, end) };
      bytes = bytes.subarray(end);
    }
  }
}
