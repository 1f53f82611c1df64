/**
 * Which attempt of a call this is, as gRPC clients with a retry policy tell.
 *
 * Spec: gRPC A6, "Exposed Retry Metadata".
 */
import { type ConnectContext } from 'nestjs-connect';

/** @returns 1 for the first one, and for callers that do not count. */
export function attemptOf({ requestHeaders }: ConnectContext): number {
  return Number(requestHeaders.get('grpc-previous-rpc-attempts') ?? 0) + 1;
}
