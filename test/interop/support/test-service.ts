/**
 * The service that our client calls on foreign servers: `test.v1.TestService` of test/support, typed for clients, and as
 * grpc-js takes it. The servers in Go and Python need no generated code for it, either.
 */
import { create, type DescFile, toBinary } from '@bufbuild/protobuf';
import { type GenService } from '@bufbuild/protobuf/codegenv2';
import { FileDescriptorSetSchema, type StringValueSchema } from '@bufbuild/protobuf/wkt';
import { loadFileDescriptorSetFromBuffer, type PackageDefinition } from '@grpc/proto-loader';
import { testMethodNamed } from '../../support/test-service.js';

interface Method<Kind extends string> {
  readonly methodKind: Kind;
  readonly input: typeof StringValueSchema;
  readonly output: typeof StringValueSchema;
}

/** No interface: those have no index signature. `Look` has no side effects. */
type Methods = {
  readonly say: Method<'unary'>;
  readonly look: Method<'unary'>;
  readonly collect: Method<'client_streaming'>;
  readonly watch: Method<'server_streaming'>;
  readonly talk: Method<'bidi_streaming'>;
};

export type TestServiceDesc = GenService<Methods>;

// Made at run time, so that the compiler cannot know its methods.
export const TestService = testMethodNamed('Say').parent as unknown as TestServiceDesc;

/** @returns What grpc-js and Nest's transport would read from a `.proto` file. */
export function packageDefinition(): PackageDefinition {
  const files = [...TestService.file.dependencies, TestService.file].map(({ proto }: DescFile) => proto);
  const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files }));
  return loadFileDescriptorSetFromBuffer(Buffer.from(set), { defaults: true });
}
