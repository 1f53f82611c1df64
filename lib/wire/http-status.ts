/**
 * The code of a response that carries none: something between client and server answered, and only its HTTP status is
 * known.
 *
 * Spec: Connect protocol, "HTTP to Error Code"; gRPC, "HTTP to gRPC Status Code Mapping". A server never uses it in
 * reverse.
 */
import { Code } from '../rpc/code.js';

const CODES: ReadonlyMap<number, Code> = new Map([
  [400, Code.Internal],
  [401, Code.Unauthenticated],
  [403, Code.PermissionDenied],
  [404, Code.Unimplemented],
  [429, Code.Unavailable],
  [502, Code.Unavailable],
  [503, Code.Unavailable],
  [504, Code.Unavailable],
]);

export function codeFromHttpStatus(status: number): Code {
  return CODES.get(status) ?? Code.Unknown;
}
