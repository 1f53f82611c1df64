/**
 * The content types of gRPC and its variants: a base, and behind "+" the codec.
 *
 * Spec: gRPC over HTTP/2, "Content-Type" (`application/grpc [("+proto" / "+json" / {custom})]`).
 */
import { type Codec } from '../../codec/codec.js';

const DEFAULT_CODEC = 'proto';

/**
 * @param base For example `"application/grpc"`: alone it stands for the default codec.
 * @returns Every content type of the codec; requests say the first, because some front ends know no other.
 */
export function contentTypesOf(base: string, { name }: Codec): [string, ...string[]] {
  return name === DEFAULT_CODEC ? [base, `${base}+${name}`] : [`${base}+${name}`];
}

/** Tells whether a content type is the base with any codec. */
export function isOfBase(contentType: string, base: string): boolean {
  return contentType === base || contentType.startsWith(`${base}+`);
}
