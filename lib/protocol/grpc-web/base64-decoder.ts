/**
 * Base64 in pieces: groups of four characters may be cut anywhere, and any group may be padded.
 *
 * Spec: gRPC-Web, "Text-encoded (response) streams".
 */
import { decodeBase64 } from '../../rpc/base64.js';

export class Base64Decoder {
  /** Up to three characters of a group that is not complete. */
  #rest = '';

  /** @returns The bytes of all groups that are complete now; `undefined` when the text is not base64. */
  decode(chunk: Uint8Array): Uint8Array | undefined {
    const text =
      this.#rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    const end = text.length - (text.length % 4);
    this.#rest = text.slice(end);
    return decodeGroups(text.slice(0, end));
  }

  /** @returns The bytes of a last group that lacks its padding; `undefined` when it is no group. */
  finish(): Uint8Array | undefined {
    return decodeBase64(this.#rest);
  }
}

/** Padding ends a group, not the text: decode from padding to padding. */
function decodeGroups(text: string): Uint8Array | undefined {
  if (!text.includes('=')) {
    return decodeBase64(text);
  }
  const parts: Uint8Array[] = [];
  for (let start = 0; start < text.length;) {
    const padding = text.indexOf('=', start);
    const end = padding === -1 ? text.length : padding - (padding % 4) + 4;
    const part = decodeBase64(text.slice(start, end));
    if (part === undefined) {
      return undefined;
    }
    parts.push(part);
    start = end;
  }
  return Buffer.concat(parts);
}
