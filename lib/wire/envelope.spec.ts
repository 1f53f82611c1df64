import { describe, expect, it } from '@jest/globals';
import { hex } from '../../test/support/frames.js';
import { ENVELOPE_PREFIX_BYTES, encodeEnvelope, MAX_ENVELOPE_BYTES, sealEnvelope } from './envelope.js';

/** A buffer that claims a payload of any length: its prefix is all that is written. */
function bufferClaiming(payloadBytes: number): Uint8Array {
  return Object.defineProperty(new Uint8Array(ENVELOPE_PREFIX_BYTES), 'byteLength', {
    value: ENVELOPE_PREFIX_BYTES + payloadBytes,
  });
}

describe('sealEnvelope (gRPC over HTTP/2, "Length-Prefixed-Message")', () => {
  it.each([
    [0, '00 00 00 00 00'],
    [1, '00 00 00 00 01'],
    [255, '00 00 00 00 ff'],
    [256, '00 00 00 01 00'],
    [65_536, '00 00 01 00 00'],
    [2 ** 31, '00 80 00 00 00'],
    [2 ** 32 - 1, '00 ff ff ff ff'],
  ])('writes a length of %d big-endian as %s', (length, prefix) => {
    expect(hex(sealEnvelope(bufferClaiming(length), 0))).toBe(prefix);
  });

  it.each([
    [0, '00 00 00 00 02 68 69'],
    [1, '01 00 00 00 02 68 69'],
    [2, '02 00 00 00 02 68 69'],
    [0x80, '80 00 00 00 02 68 69'],
    [0xff, 'ff 00 00 00 02 68 69'],
  ])('writes flags %d before the length and leaves the payload alone', (flags, bytes) => {
    expect(hex(sealEnvelope(Buffer.from('.....hi'), flags))).toBe(bytes);
  });

  it('works in place', () => {
    const buffer = Buffer.alloc(7);
    expect(sealEnvelope(buffer, 1)).toBe(buffer);
  });

  it('overwrites whatever stood in the gap', () => {
    expect(hex(sealEnvelope(Buffer.alloc(6, 0xee), 0))).toBe('00 00 00 00 01 ee');
  });
});

describe('encodeEnvelope (gRPC over HTTP/2, "Length-Prefixed-Message")', () => {
  it('puts the prefix before a copy of the payload', () => {
    const payload = Buffer.from('abc');
    const envelope = encodeEnvelope(2, payload);
    payload.fill(0);
    expect(hex(envelope)).toBe('02 00 00 00 03 61 62 63');
  });

  it('frames an empty payload', () => {
    expect(hex(encodeEnvelope(0, new Uint8Array(0)))).toBe('00 00 00 00 00');
  });
});

describe('MAX_ENVELOPE_BYTES', () => {
  it('is what four bytes can say', () => {
    expect(MAX_ENVELOPE_BYTES).toBe(4_294_967_295);
  });
});
