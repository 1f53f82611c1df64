/**
 * Clients for the application's providers: a channel for each entry, and two clients for each of its services.
 *
 * Not by Nest's ConfigurableModuleBuilder, which knows options only when providers are made: what a module exports here
 * depends on its entries. The form is that of `ClientsModule` in `@nestjs/microservices`.
 */
import { type DescService } from '@bufbuild/protobuf';
import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type ModuleMetadata,
  type OnModuleInit,
  Scope,
} from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { type ConnectClient, type RxConnectClient } from '../../client/client-types.js';
import { ConnectConfigError } from '../connect-config.error.js';
import { type ConnectClientOptions } from './client-channel.js';
import {
  checkEntries,
  CLIENT_ENTRIES,
  type ClientServices,
  describeEntry,
  refuseDuplicates,
} from './client-entry.js';
import { createClientMock, createRxClientMock, type MockedMethods } from './client-mock.js';
import { CHANNEL_TOKENS, clientProviders } from './client-providers.js';

/** One channel, and the services that are called over it. */
export interface ConnectClientEntry extends ClientServices, ConnectClientOptions {}

/** {@link ConnectClientEntry} whose options come from other providers. What it provides is known before them. */
export interface ConnectClientAsyncEntry extends ClientServices, Pick<ModuleMetadata, 'imports'> {
  /** Tokens of what `useFactory` takes; no request-scoped ones. Default: none. */
  readonly inject?: NonNullable<FactoryProvider['inject']>;
  /** Providers that only the factory needs, for example an interceptor that is an injectable class. Default: none. */
  readonly extraProviders?: NonNullable<ModuleMetadata['providers']>;
  /** Called once, when the application starts. */
  readonly useFactory: FactoryProvider<ConnectClientOptions>['useFactory'];
}

/** The entries, or an object with them and what concerns them all. */
export type ClientEntries<Entry> =
  | readonly Entry[]
  | {
      readonly clients: readonly Entry[];
      /** Every module of the application can inject the clients, without an import. Default: false. */
      readonly isGlobal?: boolean;
    };

/** Options of {@link ConnectClientsModule.register}. */
export type ConnectClientsOptions = ClientEntries<ConnectClientEntry>;

/** Options of {@link ConnectClientsModule.registerAsync}. */
export type ConnectClientsAsyncOptions = ClientEntries<ConnectClientAsyncEntry>;

/**
 * Provides typed clients, for {@link InjectConnectClient} and {@link InjectRxConnectClient}.
 *
 * ```ts
 * @Module({
 *   imports: [
 *     ConnectClientsModule.register([
 *       { url: 'http://eliza:8080', protocol: 'grpc', services: [ElizaService] },
 *       { name: 'backup', url: 'http://backup:8080', services: [ElizaService] },
 *     ]),
 *   ],
 *   providers: [Talk],
 * })
 * export class TalkModule {}
 *
 * @Injectable()
 * export class Talk {
 *   constructor(
 *     @InjectConnectClient(ElizaService) private readonly eliza: ConnectClient<typeof ElizaService>,
 *     @InjectRxConnectClient(ElizaService, 'backup') private readonly backup: RxConnectClient<typeof ElizaService>,
 *   ) {}
 * }
 * ```
 *
 * Each entry is a channel of its own. Nothing connects before the first call; wrong options fail at start-up. The channels
 * end with the application, in its last hook: every other hook may still call, and calls under way may finish within
 * `closeTimeoutMs`. Tests replace a client: `overrideProvider(getConnectClientToken(ElizaService)).useValue({ say: … })`.
 *
 * Generated client classes (`protoc-gen-nestjs-connect`) are tokens of their own, and need no decorator:
 * `services: [ElizaServiceClient]` and `constructor(private readonly eliza: ElizaServiceClient) {}`.
 *
 * A client from elsewhere needs no module, only a provider; its channel is then yours to close:
 *
 * ```ts
 * { provide: getConnectClientToken(ElizaService), useFactory: () => createClient(ElizaService, channel) }
 * ```
 */
@Module({})
export class ConnectClientsModule implements OnModuleInit {
  constructor(
    @Inject(CLIENT_ENTRIES) private readonly entries: readonly ClientServices[],
    @Inject(CHANNEL_TOKENS) private readonly channels: readonly symbol[],
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    refuseDuplicates(modules);
  }

  /**
   * @throws ConnectConfigError When an entry lists no service. At start-up, also when options are wrong, or when the
   * application has a client for the same service and name already.
   */
  static register(options: ConnectClientsOptions): DynamicModule {
    const { clients, isGlobal } = normalize(options);
    const recipes = clients.map(({ name, services, ...channelOptions }) => ({
      entry: { name, services },
      inject: [],
      options: () => channelOptions,
    }));
    return { module: ConnectClientsModule, global: isGlobal, ...clientProviders(recipes) };
  }

  /**
   * {@link register} with options from other providers, for each entry by its own factory:
   *
   * ```ts
   * ConnectClientsModule.registerAsync([
   *   {
   *     services: [ElizaService],
   *     imports: [ConfigModule],
   *     inject: [ConfigService],
   *     useFactory: (config: ConfigService) => ({ url: config.getOrThrow('ELIZA_URL') }),
   *   },
   * ]);
   * ```
   *
   * With `extraProviders: [TokenInterceptor], inject: [TokenInterceptor]` the factory also gets what Nest makes for it alone.
   * Imports and extra providers are shared by all entries of the list.
   *
   * @throws ConnectConfigError As {@link register}; and at start-up when a factory depends on something request-scoped.
   */
  static registerAsync(options: ConnectClientsAsyncOptions): DynamicModule {
    const { clients, isGlobal } = normalize(options);
    const recipes = clients.map(({ name, services, inject = [], useFactory }) => ({
      entry: { name, services },
      inject,
      options: useFactory,
    }));
    const { providers, exports } = clientProviders(recipes);
    return {
      module: ConnectClientsModule,
      global: isGlobal,
      imports: [...new Set(clients.flatMap((entry) => entry.imports ?? []))],
      providers: [...providers, ...clients.flatMap((entry) => entry.extraProviders ?? [])],
      exports,
    };
  }

  /**
   * A client without a server, for tests: each call is answered by a function. What that may return is what a handler may,
   * plain objects included; what it throws fails the call. Generated code has one for each service, `createElizaServiceMock`.
   *
   * ```ts
   * builder
   *   .overrideProvider(getConnectClientToken(ElizaService))
   *   .useValue(ConnectClientsModule.createMock(ElizaService, { say: ({ sentence }) => ({ sentence }) }));
   * ```
   *
   * @param methods By their names. Those that are left out fail with `unimplemented`, and their name. Default: none.
   */
  static createMock<S extends DescService>(service: S, methods: MockedMethods<S> = {}): ConnectClient<S> {
    return createClientMock(service, methods);
  }

  /** {@link createMock} for an `RxConnectClient`. */
  static createRxMock<S extends DescService>(service: S, methods: MockedMethods<S> = {}): RxConnectClient<S> {
    return createRxClientMock(service, methods);
  }

  /** A channel for each request would hold its connections long after it. */
  onModuleInit(): void {
    const scoped = this.channels.findIndex(
      (token) => this.moduleRef.introspect(token).scope !== Scope.DEFAULT,
    );
    const entry = this.entries[scoped];
    if (entry !== undefined) {
      throw new ConnectConfigError(
        `${describeEntry(entry)} takes options from a request-scoped provider, but its channel lives as long as the ` +
          'application: inject singletons into its useFactory, and give what differs with each call',
      );
    }
  }
}

function normalize<Entry extends ClientServices>(
  options: ClientEntries<Entry>,
): { readonly clients: readonly Entry[]; readonly isGlobal: boolean } {
  const { clients, isGlobal = false } = 'clients' in options ? options : { clients: options };
  checkEntries(clients);
  return { clients, isGlobal };
}
