/**
 * Routes of the four kinds, for specs that need a route but no message: paths are `/test.v1.TestService/<Name>`.
 */
import { createFileRegistry, create } from '@bufbuild/protobuf';
import {
  EmptySchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_empty,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import { createMethodSpec, type MethodKind, type MethodSpec } from '../../lib/rpc/method-spec.js';
import { type Route } from '../../lib/wire/route.js';

const NAMES = {
  unary: 'Unary',
  server_streaming: 'ServerStream',
  client_streaming: 'ClientStream',
  bidi_streaming: 'Bidi',
} as const satisfies Record<MethodKind, string>;

export interface TestMethod {
  /** Default: unary. */
  readonly kind?: MethodKind;
  /** Default: by kind, `Unary`, `ServerStream`, `ClientStream` or `Bidi`. */
  readonly name?: string;
  /** Default: false. */
  readonly hasNoSideEffects?: boolean;
}

/** A route whose handler is never called: its protocol is a fake one. */
export function testRoute(method: TestMethod = {}): Route {
  const kind = method.kind ?? 'unary';
  return {
    spec: specOf({
      kind,
      name: method.name ?? NAMES[kind],
      hasNoSideEffects: method.hasNoSideEffects ?? false,
    }),
    handler: { kind: 'unary', invoke: notCalled },
    options: {
      codecs: [],
      compressions: [],
      receiveLimitBytes: 4_194_304,
      sendLimitBytes: Infinity,
      compressMinBytes: Infinity,
      maxTimeoutMs: Infinity,
      requireProtocolVersion: false,
    },
    report: notCalled,
  };
}

function specOf({ kind, name, hasNoSideEffects }: Required<TestMethod>): MethodSpec {
  const empty = `.${EmptySchema.typeName}`;
  const file = create(FileDescriptorProtoSchema, {
    name: 'test/v1/test.proto',
    package: 'test.v1',
    syntax: 'proto3',
    dependency: ['google/protobuf/empty.proto'],
    service: [
      {
        name: 'TestService',
        method: [
          {
            name,
            inputType: empty,
            outputType: empty,
            clientStreaming: kind === 'client_streaming' || kind === 'bidi_streaming',
            serverStreaming: kind === 'server_streaming' || kind === 'bidi_streaming',
            options: hasNoSideEffects
              ? { idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS }
              : {},
          },
        ],
      },
    ],
  });
  const service = createFileRegistry(file, (path) =>
    path === 'google/protobuf/empty.proto' ? file_google_protobuf_empty : undefined,
  ).getService('test.v1.TestService');
  const [desc] = service?.methods ?? [];
  if (desc === undefined) {
    throw new Error('the descriptor of the test service has no method');
  }
  return createMethodSpec(desc);
}

function notCalled(): never {
  throw new Error('a test route has no handler: its protocol must not call it');
}
