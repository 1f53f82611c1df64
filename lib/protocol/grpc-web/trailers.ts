/**
 * The trailer frame: an envelope with flag 0x80 whose payload is an HTTP/1 header block.
 *
 * Spec: gRPC-Web, "Message framing": lower-case names, `name: value` and CRLF for each, no blank line.
 */
import { type HeaderList } from '../../rpc/headers.js';
import { encodeEnvelope } from '../../wire/envelope.js';

const FLAG_TRAILERS = 0b1000_0000;

export function encodeTrailerFrame(trailers: HeaderList): Uint8Array {
  let block = '';
  for (let i = 0; i + 1 < trailers.length; i += 2) {
    block += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  }
  // Header values are bytes; above 0x7F they were read as latin1, and so they go out.
  return encodeEnvelope(FLAG_TRAILERS, Buffer.from(block, 'latin1'));
}
