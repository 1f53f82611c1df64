/**
 * Trailers that HTTP/2 can carry.
 *
 * nghttp2 sends no more than 64 KiB of headers, and resets the stream instead: the caller would not even learn the code.
 * Clients accept less (8 KiB is what gRPC asks servers to keep to, 64 KiB what most take), but that is theirs to say.
 */
import { type HeaderList } from '../../rpc/headers.js';

/** Leaves room for the headers that go with a trailers-only response. */
const MAX_BYTES = 48 * 1024;

/** Of the error's text, when not everything fits. */
const MAX_MESSAGE_BYTES = 8 * 1024;

/** What a field costs besides name and value. (RFC 9113, section 6.5.2) */
const FIELD_BYTES = 32;

/** @returns The trailers; too large ones without the fields that do not fit, and with the beginning of the text. */
export function fitTrailers(trailers: HeaderList): HeaderList {
  return sizeOf(trailers) <= MAX_BYTES ? trailers : cutTrailers(trailers);
}

function sizeOf(trailers: HeaderList): number {
  return trailers.reduce((size, text) => size + text.length + FIELD_BYTES / 2, 0);
}

function cutTrailers(trailers: HeaderList): HeaderList {
  const fitting: string[] = [];
  let room = MAX_BYTES;
  for (let i = 0; i + 1 < trailers.length; i += 2) {
    const name = trailers[i] ?? '';
    const value = name === 'grpc-message' ? cutMessage(trailers[i + 1] ?? '') : (trailers[i + 1] ?? '');
    const size = name.length + value.length + FIELD_BYTES;
    if (size <= room) {
      fitting.push(name, value);
      room -= size;
    }
  }
  return fitting;
}

/** Between two characters of the decoded text. */
function cutMessage(encoded: string): string {
  let cut = encoded.slice(0, MAX_MESSAGE_BYTES).replace(/%.?$/, '');
  while (!isDecodable(cut)) {
    cut = cut.slice(0, -'%00'.length);
  }
  return cut;
}

function isDecodable(encoded: string): boolean {
  try {
    decodeURIComponent(encoded);
    return true;
  } catch {
    return false;
  }
}
