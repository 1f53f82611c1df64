/**
 * The trailer frame: an envelope with flag 0x80 whose payload is an HTTP/1 header block.
 *
 * Spec: gRPC-Web, "Message framing": lower-case names, `name: value` and CRLF for each, no blank line.
 */
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../rpc/headers.js';
import { encodeEnvelope } from '../../wire/envelope.js';

export const FLAG_TRAILERS = 0b1000_0000;

export function encodeTrailerFrame(trailers: HeaderList): Uint8Array {
  let block = '';
  for (let i = 0; i + 1 < trailers.length; i += 2) {
    block += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  }
  // Header values are bytes; above 0x7F they were read as latin1, and so they go out.
  return encodeEnvelope(FLAG_TRAILERS, Buffer.from(block, 'latin1'));
}

/**
 * Reads the payload of a trailer frame. Servers differ: names in any case, no blank behind the colon, LF alone.
 *
 * @returns Names in lower case.
 * @throws ConnectError `internal` for a line that is no header: no parser of HTTP has looked at them before.
 */
export function parseTrailers({ buffer, byteOffset, byteLength }: Uint8Array): HeaderList {
  const trailers = new RpcHeaders();
  for (const line of Buffer.from(buffer, byteOffset, byteLength).toString('latin1').split('\n')) {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (text !== '') {
      addLine(trailers, text);
    }
  }
  return trailers.toList();
}

function addLine(trailers: RpcHeaders, line: string): void {
  const colon = line.indexOf(':');
  try {
    // The bag refuses what is neither a name nor a value: an empty name too, of a line without a colon.
    trailers.append(line.slice(0, Math.max(colon, 0)), line.slice(colon + 1));
  } catch (cause) {
    throw new ConnectError(`the trailers cannot be read: ${JSON.stringify(line.slice(0, 100))}`, {
      code: Code.Internal,
      cause,
    });
  }
}
