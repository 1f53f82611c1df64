/**
 * The client classes that `protoc-gen-nestjs-connect` writes: abstract, and never instantiated. They are types that exist
 * at run time, so that a constructor's parameter needs no `@Inject()`.
 */
import { type DescService } from '@bufbuild/protobuf';
import { type Abstract } from '@nestjs/common';

/** What a generated class says of itself: the service, and which of its two clients the class stands for. */
export interface GeneratedClient extends Abstract<object> {
  readonly service: DescService;
  /** As of {@link ConnectClient}, or of {@link RxConnectClient}. */
  readonly style: 'promise' | 'rx';
}

export function isGeneratedClient(value: unknown): value is GeneratedClient {
  if (typeof value !== 'function') {
    return false;
  }
  const { service, style } = value as Partial<GeneratedClient>;
  return service?.kind === 'service' && (style === 'promise' || style === 'rx');
}

/** @returns The service of what an entry lists. */
export function descOf(listed: DescService | GeneratedClient): DescService {
  return isGeneratedClient(listed) ? listed.service : listed;
}
