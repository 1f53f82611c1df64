/**
 * Eliza's service under other names, for apps with several of them: the same methods and messages, other paths.
 */
import { create, createFileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  ElizaService,
  file_connectrpc_eliza_v1_eliza,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';

export type ElizaDesc = typeof ElizaService;

/** @returns `<pkg>.<name>`, for example `test.v1.First`. */
export function elizaNamed(name: string, pkg = 'test.v1'): ElizaDesc {
  const file = create(FileDescriptorProtoSchema, {
    name: `${pkg}.${name}.proto`,
    package: pkg,
    syntax: 'proto3',
    dependency: [file_connectrpc_eliza_v1_eliza.proto.name],
    service: [{ name, method: ElizaService.proto.method }],
  });
  const service = createFileRegistry(file, () => file_connectrpc_eliza_v1_eliza).getService(`${pkg}.${name}`);
  if (service === undefined) {
    throw new Error(`the registry has no service ${pkg}.${name}`);
  }
  // The methods are Eliza's own, by their protos.
  return service as unknown as ElizaDesc;
}
