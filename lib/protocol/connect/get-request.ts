/**
 * The query of a Connect GET: the whole request in a URL.
 *
 * Read strictly: what is not percent-encoded UTF-8 or base64 is the client's mistake and must not turn into
 * other data.
 *
 * Spec: Connect protocol, "Unary-Get-Request".
 */
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
