/**
 * The content types of Connect, which tell unary calls, streams and their codecs apart.
 *
 * Spec: Connect protocol, "Unary-Request" (Unary-Content-Type) and "Streaming-Request" (Streaming-Content-Type).
 */

export const UNARY_PREFIX = 'application/';
export const STREAM_PREFIX = 'application/connect+';

/** Of the errors of unary calls, whatever their codec. */
export const ERROR_TYPE = 'application/json';

/** @param type In lower case, without parameters. */
export function isConnectType(type: string): boolean {
  return type.startsWith(STREAM_PREFIX) || type === 'application/proto' || type === 'application/json';
}
