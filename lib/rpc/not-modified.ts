/**
 * HTTP's "not modified": no message and no error of a service, but an answer to a caller that has the message already.
 *
 * Spec: Connect protocol, "Unary-Get-Request"; RFC 9110, section 15.4.5.
 */
import { Code } from './code.js';
import { ConnectError } from './connect-error.js';
import { type RpcHeaders } from './headers.js';

// Beside the errors and not in them: no code means it.
const NOT_MODIFIED = new WeakSet();

/**
 * Tells whether a Connect call by GET failed only since its caller holds the answer already: the one that the `etag` in
 * its `if-none-match` header names. The error's `metadata` has the headers of the response.
 *
 * @param error Whatever a call has failed with.
 */
export function isNotModified(error: unknown): boolean {
  return typeof error === 'object' && error !== null && NOT_MODIFIED.has(error);
}

/** @param metadata The headers of the response. */
export function notModified(metadata: RpcHeaders): ConnectError {
  const error = ConnectError.wire({ message: 'HTTP status 304: not modified', code: Code.Unknown, metadata });
  NOT_MODIFIED.add(error);
  return error;
}
