/**
 * What the wire needs to know of a method, read once from its descriptor.
 */
import { type DescMessage, type DescMethod } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';

/** The four kinds of call, by protobuf-es's own names. */
export type MethodKind = DescMethod['methodKind'];

export interface MethodSpec {
  readonly method: DescMethod;
  readonly kind: MethodKind;
  /** The wire path, `/package.Service/Method`. */
  readonly path: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  /** The client sends any number of messages (client and bidi streaming). */
  readonly streamsRequests: boolean;
  /** The server sends any number of messages (server and bidi streaming). */
  readonly streamsResponses: boolean;
  /** `idempotency_level = NO_SIDE_EFFECTS`: may be called by GET. */
  readonly hasNoSideEffects: boolean;
}

export function createMethodSpec(method: DescMethod): MethodSpec {
  const kind = method.methodKind;
  return Object.freeze({
    method,
    kind,
    path: procedureOf(method),
    input: method.input,
    output: method.output,
    streamsRequests: kind === 'client_streaming' || kind === 'bidi_streaming',
    streamsResponses: kind === 'server_streaming' || kind === 'bidi_streaming',
    hasNoSideEffects: method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
  });
}

/** @returns The wire path, `/package.Service/Method`. */
export function procedureOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}
