/**
 * What a `ConnectClientsModule` consists of: for each entry a channel, for each of its services two clients.
 */
import { type DescService } from '@bufbuild/protobuf';
import { type DynamicModule, type ExistingProvider, type FactoryProvider } from '@nestjs/common';
import { type ConnectClient, type RxConnectClient } from '../../client/client-types.js';
import { createClient, createRxClient } from '../../client/create-client.js';
import { ClientChannel, type ConnectClientOptions } from './client-channel.js';
import { CLIENT_ENTRIES, type ClientServices, describeEntry } from './client-entry.js';
import { getConnectClientToken, getRxConnectClientToken } from './client-tokens.js';
import { descOf, type GeneratedClient, isGeneratedClient } from './generated-client.js';

/** An entry as both forms of registration have it. */
export interface ClientRecipe {
  readonly entry: ClientServices;
  readonly inject: NonNullable<FactoryProvider['inject']>;
  /** Given what is injected. */
  readonly options: FactoryProvider<ConnectClientOptions>['useFactory'];
}

/** The provider with the tokens of a module's channels, in the order of its entries. */
export const CHANNEL_TOKENS = Symbol('ConnectClientsModule channels');

interface WithToken extends ClientRecipe {
  /** Of its channel. */
  readonly token: symbol;
}

type ClientProvider =
  FactoryProvider<ConnectClient<DescService> | RxConnectClient<DescService>> | ExistingProvider;

/** @returns Channels, which stay in the module, and clients, which it exports. */
export function clientProviders(
  recipes: readonly ClientRecipe[],
): Required<Pick<DynamicModule, 'providers' | 'exports'>> {
  const entries = recipes.map((recipe) => ({
    ...recipe,
    token: Symbol(`channel of ${describeEntry(recipe.entry)}`),
  }));
  const clients = entries.flatMap(({ entry: { name, services }, token }) =>
    services.flatMap((listed) => [
      ...clientsOf(descOf(listed), name, token),
      ...(isGeneratedClient(listed) ? [aliasOf(listed)] : []),
    ]),
  );
  return {
    providers: [
      { provide: CLIENT_ENTRIES, useValue: entries.map(({ entry }) => entry) },
      { provide: CHANNEL_TOKENS, useValue: entries.map(({ token }) => token) },
      ...entries.map(channelProvider),
      ...clients,
    ],
    exports: clients.map(({ provide }) => provide),
  };
}

function channelProvider({ entry, inject, options, token }: WithToken): FactoryProvider<ClientChannel> {
  return {
    provide: token,
    inject,
    useFactory: async (...dependencies) =>
      new ClientChannel(describeEntry(entry), await options(...dependencies)),
  };
}

function clientsOf(service: DescService, name: string | undefined, channel: symbol): ClientProvider[] {
  return [
    {
      provide: getConnectClientToken(service, name),
      inject: [channel],
      useFactory: ({ channel: open }: ClientChannel) => createClient(service, open),
    },
    {
      provide: getRxConnectClientToken(service, name),
      inject: [channel],
      useFactory: ({ channel: open }: ClientChannel) => createRxClient(service, open),
    },
  ];
}

/** The same object as by the service's token: who overrides that, overrides both. */
function aliasOf(generated: GeneratedClient): ExistingProvider {
  const tokenOf = generated.style === 'rx' ? getRxConnectClientToken : getConnectClientToken;
  return { provide: generated, useExisting: tokenOf(generated.service) };
}
