/**
 * The query of a Connect GET, written and read: the whole request in a URL.
 *
 * Read strictly: what is not percent-encoded UTF-8 or base64 is the client's mistake and must not turn into
 * other data.
 *
 * Spec: Connect protocol, "Unary-Get-Request".
 */
import { type Compression } from '../../compression/compression.js';
import { decodeBase64Url } from '../../rpc/base64.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';

export interface GetRequest {
  /** The codec's name. */
  readonly encoding: string;
  readonly message: Uint8Array;
  /** The compression's name; `undefined` for none. */
  readonly compression: string | undefined;
  /** The protocol version, `"v1"`; `undefined` when it is not declared. */
  readonly version: string | undefined;
}

/**
 * @param query Without the `?`. Parameters in any order; unknown ones are ignored, of repeated ones the first
 * counts.
 * @throws ConnectError `invalid_argument` when `encoding` or `message` is missing or malformed.
 */
export function parseGetRequest(query: string): GetRequest {
  const parameters = parseQuery(query);
  const message = required(parameters, 'message');
  return {
    encoding: required(parameters, 'encoding'),
    message: parameters.get('base64') === '1' ? decodeMessage(message) : Buffer.from(message, 'utf8'),
    compression: parameters.get('compression'),
    version: parameters.get('connect'),
  };
}

function required(parameters: ReadonlyMap<string, string>, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) {
    throw new ConnectError(`query parameter "${name}" is missing`, { code: Code.InvalidArgument });
  }
  return value;
}

function decodeMessage(text: string): Uint8Array {
  const bytes = decodeBase64Url(text);
  if (bytes === undefined) {
    throw new ConnectError('query parameter "message" is not URL-safe base64', {
      code: Code.InvalidArgument,
    });
  }
  return bytes;
}

function parseQuery(query: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const name = decodePart(equals === -1 ? part : part.slice(0, equals));
    if (!parameters.has(name)) {
      parameters.set(name, equals === -1 ? '' : decodePart(part.slice(equals + 1)));
    }
  }
  return parameters;
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new ConnectError('the query is not percent-encoded UTF-8', { code: Code.InvalidArgument });
  }
}

/** "at a minimum, URIs with lengths of 8000 octets": what everything on the way supports. (RFC 9110, section 4.1) */
export const MAX_TARGET_CHARACTERS = 8_000;

export interface GetMessage {
  readonly bytes: Uint8Array;
  /** The codec's name. */
  readonly encoding: string;
  /** How the bytes are compressed; `undefined` for not at all. */
  readonly compression: Compression | undefined;
}

/**
 * Equal messages make equal URLs, which is what caches live from, as long as their maps were filled in the same order.
 *
 * @returns Path and query, parameters in the order of the spec; `undefined` beyond {@link MAX_TARGET_CHARACTERS}.
 */
export function formatGetTarget(path: string, message: GetMessage): string | undefined {
  // Neither form of a message is shorter than its bytes: one that cannot fit is not even encoded.
  if (message.bytes.byteLength > MAX_TARGET_CHARACTERS) {
    return undefined;
  }
  const target = `${path}?${formatQuery(message)}`;
  return target.length > MAX_TARGET_CHARACTERS ? undefined : target;
}

function formatQuery({ bytes, encoding, compression }: GetMessage): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const codec = `encoding=${encodeURIComponent(encoding)}`;
  if (compression !== undefined) {
    const name = encodeURIComponent(compression.name);
    return `connect=v1&base64=1&compression=${name}&${codec}&message=${buffer.toString('base64url')}`;
  }
  return encoding === 'json'
    ? `connect=v1&${codec}&message=${encodeURIComponent(buffer.toString('utf8'))}`
    : `connect=v1&base64=1&${codec}&message=${buffer.toString('base64url')}`;
}
