/**
 * Base64 as the protocols use it: written without padding, read with or without.
 *
 * Node's decoder skips characters that are not base64, which would turn garbage into data, so the
 * alphabet is checked here first.
 *
 * Spec: gRPC over HTTP/2, "Custom-Metadata" ("implementations must accept padded and un-padded values
 * and should emit un-padded values"); Connect protocol, "Unary-Get-Request" (URL-safe alphabet).
 */

const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;

/** @returns Standard base64 without padding. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('base64');
  return text.endsWith('==') ? text.slice(0, -2) : text.endsWith('=') ? text.slice(0, -1) : text;
}

/** @returns The bytes, or `undefined` when the text is not standard base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  return STANDARD.test(text) && hasWholeBytes(text) ? Buffer.from(text, 'base64') : undefined;
}

/** @returns The bytes, or `undefined` when the text is not URL-safe base64. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  return URL_SAFE.test(text) && hasWholeBytes(text) ? Buffer.from(text, 'base64url') : undefined;
}

/** Four characters hold three bytes; one character alone holds none, and padding must fill up to four. */
function hasWholeBytes(text: string): boolean {
  return text.endsWith('=') ? text.length % 4 === 0 : text.length % 4 !== 1;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
