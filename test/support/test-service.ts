/**
 * `test.v1.TestService`: a method of every kind, and one without side effects, all of them from
 * `google.protobuf.StringValue` to the same. The descriptor is made here, so specs need no generated code.
 *
 * A StringValue is small enough to write by hand: "hi" is the bytes 0a 02 68 69, or `"hi"` with its quotes.
 */
import { create, createFileRegistry, type DescMethod, isMessage } from '@bufbuild/protobuf';
import {
  file_google_protobuf_wrappers,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
  type StringValue,
  StringValueSchema,
} from '@bufbuild/protobuf/wkt';
import { type MethodKind } from '../../lib/rpc/method-spec.js';

/** The methods of the service, by name. */
export type TestMethodName = 'Say' | 'Look' | 'Collect' | 'Watch' | 'Talk';

const TEXT = '.google.protobuf.StringValue';

const registry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      file_google_protobuf_wrappers.proto,
      {
        name: 'test/v1/test_service.proto',
        package: 'test.v1',
        dependency: ['google/protobuf/wrappers.proto'],
        syntax: 'proto3',
        service: [
          {
            name: 'TestService',
            method: [
              { name: 'Say', inputType: TEXT, outputType: TEXT },
              {
                name: 'Look',
                inputType: TEXT,
                outputType: TEXT,
                options: { idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS },
              },
              { name: 'Collect', inputType: TEXT, outputType: TEXT, clientStreaming: true },
              { name: 'Watch', inputType: TEXT, outputType: TEXT, serverStreaming: true },
              {
                name: 'Talk',
                inputType: TEXT,
                outputType: TEXT,
                clientStreaming: true,
                serverStreaming: true,
              },
            ],
          },
        ],
      },
    ],
  }),
);

/** @returns The method's descriptor. */
export function testMethodNamed(name: TestMethodName): DescMethod {
  const method = registry.getService('test.v1.TestService')?.methods.find((each) => each.name === name);
  if (method === undefined) {
    throw new Error(`the test service has no method ${name}`);
  }
  return method;
}

/** The method of each kind; `unary` is the one with side effects. */
export const METHOD_OF_KIND = {
  unary: 'Say',
  client_streaming: 'Collect',
  server_streaming: 'Watch',
  bidi_streaming: 'Talk',
} as const satisfies Record<MethodKind, TestMethodName>;

/** The four kinds, for loops over all of them. */
export const METHOD_KINDS = [
  'unary',
  'client_streaming',
  'server_streaming',
  'bidi_streaming',
] as const satisfies readonly MethodKind[];

/** A message of the service. */
export function textMessage(value: string): StringValue {
  return create(StringValueSchema, { value });
}

/** @param message What a handler was given. */
export function textOf(message: unknown): string {
  if (!isMessage(message, StringValueSchema)) {
    throw new TypeError('the handler was given something else than a StringValue');
  }
  return message.value;
}
