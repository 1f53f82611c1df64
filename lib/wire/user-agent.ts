/**
 * How a client names itself. The version stands here and not only in package.json, which a bundle does not carry;
 * the spec beside this file compares the two.
 *
 * Spec: RFC 9110, section 10.1.5 (product/version); gRPC over HTTP/2, "User Agents".
 */

/** This package's version. */
export const VERSION = '0.1.0';

/**
 * @param prefix What a protocol wants in front, for example `"grpc-node-"`. Default: nothing.
 * @returns For example `"nestjs-connect/0.1.0"`.
 */
export function userAgent(prefix = ''): string {
  return `${prefix}nestjs-connect/${VERSION}`;
}
