/**
 * What clients are injected by. Tokens are made of the service's full name, which no two services share, and come from the
 * process-wide registry of symbols: two copies of the package, or of the generated code, agree on them.
 */
import { type DescService } from '@bufbuild/protobuf';
import { Inject } from '@nestjs/common';

/** What {@link InjectConnectClient} is, for a constructor's parameter or a property. */
export type InjectClient = PropertyDecorator & ParameterDecorator;

/**
 * The token of a `ConnectClient`: for `overrideProvider` in tests, `inject` of factories, `app.get()`, and providers of
 * your own.
 *
 * @param name Of the entry in {@link ConnectClientsModule}. Default: the one without a name.
 */
export function getConnectClientToken(service: DescService, name?: string): symbol {
  return tokenOf('ConnectClient', service, name);
}

/** The token of an `RxConnectClient`; see {@link getConnectClientToken}. */
export function getRxConnectClientToken(service: DescService, name?: string): symbol {
  return tokenOf('RxConnectClient', service, name);
}

/**
 * Injects a client that a {@link ConnectClientsModule} provides. Its type is `ConnectClient`:
 *
 * ```ts
 * constructor(@InjectConnectClient(ElizaService) private readonly eliza: ConnectClient<typeof ElizaService>) {}
 * ```
 *
 * @param name Of the entry. Default: the one without a name.
 */
export function InjectConnectClient(service: DescService, name?: string): InjectClient {
  return Inject(getConnectClientToken(service, name));
}

/**
 * {@link InjectConnectClient} for Observables: its type is `RxConnectClient`.
 *
 * @param name Of the entry. Default: the one without a name.
 */
export function InjectRxConnectClient(service: DescService, name?: string): InjectClient {
  return Inject(getRxConnectClientToken(service, name));
}

/** Nest prints it when nothing provides the client: it reads like the type that was asked for. */
function tokenOf(type: string, { typeName }: DescService, name: string | undefined): symbol {
  const named = name === undefined ? '' : `, ${JSON.stringify(name)}`;
  return Symbol.for(`nestjs-connect:${type}<${typeName}${named}>`);
}
