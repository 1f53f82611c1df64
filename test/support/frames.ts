/**
 * Envelopes and messages of the test service as bytes, written without the code that the specs examine.
 */
import { gunzipSync, gzipSync } from 'node:zlib';

/** Flags and payload of an envelope; text that is not UTF-8 does not occur in specs. */
export type Frame = readonly [flags: number, payload: string];

/** @returns An envelope: one byte of flags, four of length, the payload. */
export function frame(flags: number, payload: Uint8Array | string): Buffer {
  const bytes = Buffer.from(payload);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** @returns Every envelope of a body. Throws when the last one is cut off. */
export function framesIn(body: Uint8Array): Frame[] {
  const bytes = Buffer.from(body);
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) {
      throw new Error(`the envelope at ${at} ends at ${end}, the body at ${bytes.length}`);
    }
    frames.push([bytes.readUInt8(at), bytes.toString('latin1', at + 5, end)]);
    at = end;
  }
  return frames;
}

/** A StringValue in protobuf's binary format; up to 127 bytes. */
export function proto(text: string): Buffer {
  const bytes = Buffer.from(text);
  return bytes.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
}

/** A StringValue in JSON. */
export function json(text: string): Buffer {
  return Buffer.from(JSON.stringify(text));
}

/** The bytes as `"00 0a ff"`. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Every byte in a chunk of its own. */
export function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

export function gzipped(bytes: Uint8Array): Buffer {
  return gzipSync(bytes);
}

export function gunzipped(latin1: string): Buffer {
  return gunzipSync(Buffer.from(latin1, 'latin1'));
}
