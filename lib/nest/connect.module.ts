/**
 * The mounted server: RPCs on the HTTP server of an ordinary Nest app, beside its REST routes.
 */
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Logger,
  Module,
  type ModuleMetadata,
  type OnModuleInit,
  Optional,
} from '@nestjs/common';
import {
  ApplicationConfig,
  GraphInspector,
  HttpAdapterHost,
  ModuleRef,
  ModulesContainer,
} from '@nestjs/core';
import { NestMicroservice } from '@nestjs/microservices';
import { type MountableServer } from '../server/mount.js';
import { type ConnectModuleOptions } from './connect-server-options.js';
import { onFurtherServers } from './further-servers.js';
import { MountedServer } from './mounted.server.js';
import { refuseServiceProviders, withServiceProviders } from './service-providers.js';

/** How {@link ConnectModule.forRootAsync} gets its options. */
export interface ConnectModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** Tokens of what `useFactory` takes. */
  readonly inject?: NonNullable<FactoryProvider['inject']>;
  readonly useFactory: (...dependencies: never[]) => ConnectModuleOptions | Promise<ConnectModuleOptions>;
}

// Nest prints it when it cannot find them: of an import of the class itself, or of an async one without a factory.
const OPTIONS = Symbol('options of ConnectModule.forRoot() or forRootAsync({ useFactory })');

/** The part of `ModuleRef` that builds transports; Nest has no public way to one. */
interface WithContainer {
  readonly container: ConstructorParameters<typeof NestMicroservice>[0];
}

/**
 * Serves every `@ConnectService` class of the application on the application's own HTTP server and port, on Express or
 * Fastify. Classes under `providers` are served too, when they are singletons.
 *
 * ```ts
 * @Module({ imports: [ConnectModule.forRoot()], controllers: [ElizaRpc] })
 * export class AppModule {}
 * ```
 *
 * RPCs do not pass the HTTP adapter: its middleware, `enableCors`, versioning and global prefix do not apply to
 * them. Under `createMicroservice` there is no HTTP server, and the module does nothing.
 */
@Module({})
export class ConnectModule implements OnModuleInit, BeforeApplicationShutdown {
  readonly #logger = new Logger(ConnectModule.name);
  #server: MountedServer | undefined;

  constructor(
    @Inject(OPTIONS) private readonly options: ConnectModuleOptions,
    @Optional() @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost | undefined,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /** @internal `undefined` before the app is initialized, and where nothing is mounted. */
  get transport(): MountedServer | undefined {
    return this.#server;
  }

  static forRoot(options: ConnectModuleOptions = {}): DynamicModule {
    return { module: ConnectModule, providers: [{ provide: OPTIONS, useValue: options }] };
  }

  static forRootAsync({ imports = [], inject = [], useFactory }: ConnectModuleAsyncOptions): DynamicModule {
    return {
      module: ConnectModule,
      imports,
      providers: [{ provide: OPTIONS, inject, useFactory }],
    };
  }

  /** The app's HTTP server exists by now. */
  onModuleInit(): void {
    const adapter = this.adapterHost?.httpAdapter;
    const httpServer = adapter?.getHttpServer() as MountableServer | null | undefined;
    if (httpServer === undefined || httpServer === null) {
      this.#logger.warn(
        'no HTTP server to mount on: under createMicroservice, ConnectServer serves the RPCs',
      );
      refuseServiceProviders(this.modules);
      return;
    }
    const server = new MountedServer(this.options, httpServer);
    this.#server = server;
    withServiceProviders(this.modules, this.config, () => this.#registerHandlers(server));
    server.mount();
    onFurtherServers(adapter?.getInstance(), (further) => server.mountAlso(further));
    this.#tellBypass();
  }

  /** Nest closes its HTTP server after this, and would wait for every open stream. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#server?.close();
  }

  /** What is in use and known here makes it worth a line; middleware and CORS are the adapter's secret. */
  #tellBypass(): void {
    const prefix = this.config.getGlobalPrefix();
    const isInUse = prefix !== '' || this.config.getVersioning() !== undefined;
    const named = prefix === '' ? '' : ` "${prefix}"`;
    this.#logger[isInUse ? 'log' : 'debug'](
      `RPCs bypass the HTTP adapter: its middleware, enableCors, versioning and the global prefix${named} do not ` +
        `apply to them, the options "cors" and "prefix" of ConnectModule do`,
    );
  }

  /**
   * Nest binds handlers to transports in `NestMicroservice`. This one is thrown away after that: it is neither
   * started nor closed, and shares the app's container and global enhancers.
   */
  #registerHandlers(strategy: MountedServer): void {
    const { container } = this.moduleRef as unknown as WithContainer;
    new NestMicroservice(
      container,
      { strategy },
      new GraphInspector(container),
      this.config,
    ).registerListeners();
  }
}
