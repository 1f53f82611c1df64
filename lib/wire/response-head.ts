/**
 * What a client reads in the head of a response before it knows that the protocol has answered, and the errors of
 * responses where something else has: a proxy, a login page, another server.
 *
 * Those errors name the peer, the HTTP status and the content type, which tell an operator who it was.
 */
import { isIdentity } from '../compression/negotiate.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../rpc/headers.js';
import { codeFromHttpStatus } from './http-status.js';

/** @param name In lower case. @returns The header's first value; `undefined` when there is none. */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) {
      return headers[i + 1];
    }
  }
  return undefined;
}

/** @returns The content type in lower case, without parameters; `""` when there is none. (RFC 9110, section 8.3.1) */
export function mediaTypeOf(headers: HeaderList): string {
  const value = headerOf(headers, 'content-type') ?? '';
  const end = value.indexOf(';');
  return (end === -1 ? value : value.slice(0, end)).trim().toLowerCase();
}

/** The error of a response that is not the protocol's: all it tells is its HTTP status. */
export function foreignResponse(status: number, headers: HeaderList, peer?: string): ConnectError {
  return ConnectError.wire({
    message: `${unexpected(peer)}: ${describe(status, headers)}`,
    code: codeFromHttpStatus(status),
    metadata: RpcHeaders.fromWire(headers),
  });
}

/** The error of a response in the right protocol, but in another codec than its request. */
export function unexpectedCodec(
  status: number,
  headers: HeaderList,
  { expected, peer }: { readonly expected: string; readonly peer: string | undefined },
): ConnectError {
  return ConnectError.wire({
    message: `${unexpected(peer)}: ${describe(status, headers)} instead of "${expected}"`,
    code: Code.Internal,
    metadata: RpcHeaders.fromWire(headers),
  });
}

/**
 * Refuses a response whose whole body is compressed: envelopes are compressed one by one.
 *
 * @param instead The header that names the compression of envelopes.
 * @throws ConnectError `internal`.
 */
export function refuseEncodedBody(headers: HeaderList, instead: string): void {
  const encoding = headerOf(headers, 'content-encoding');
  if (encoding !== undefined && !isIdentity(encoding)) {
    throw ConnectError.wire({
      message: `content-encoding "${encoding}" of a whole response: expected ${instead}, for each message`,
      code: Code.Internal,
      metadata: RpcHeaders.fromWire(headers),
    });
  }
}

function unexpected(peer: string | undefined): string {
  return peer === undefined ? 'unexpected response' : `unexpected response from ${peer}`;
}

function describe(status: number, headers: HeaderList): string {
  const contentType = headerOf(headers, 'content-type');
  return contentType === undefined
    ? `HTTP status ${status} without a content type`
    : `HTTP status ${status} with content type "${contentType}"`;
}
