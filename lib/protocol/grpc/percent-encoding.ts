/**
 * The percent encoding of `grpc-message`.
 *
 * Not `encodeURIComponent`, which encodes spaces and throws on a lone surrogate.
 *
 * Spec: gRPC over HTTP/2, "Status-Message": every byte outside 0x20-0x7E, and "%" itself, in upper-case hex.
 */

const NEEDS_ENCODING = /[^\x20-\x24\x26-\x7e]|^\x20|\x20$/;

/** @returns The text with every byte escaped that a header cannot carry. Never fails. */
export function percentEncode(text: string): string {
  return NEEDS_ENCODING.test(text) ? percentEncodeSlow(text) : text;
}

function percentEncodeSlow(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    encoded += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : escapeByte(byte);
  }
  // A header's value neither begins nor ends with a space; nghttp2 drops one that does. (RFC 9113, section 8.2.1)
  return encoded.replaceAll(/^\x20|\x20$/g, '%20');
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/**
 * Reads what a server wrote, whatever that is: "implementations MUST NOT error or throw away the message". What is no
 * escape is left as it is, bytes that are not UTF-8 become U+FFFD, and unescaped bytes above 0x7F are read as UTF-8 too.
 */
export function percentDecode(text: string): string {
  return NEEDS_DECODING.test(text) ? percentDecodeSlow(text) : text;
}

const NEEDS_DECODING = /[%\x80-\xff]/;

function percentDecodeSlow(text: string): string {
  const bytes = text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
