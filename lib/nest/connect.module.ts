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
import { ApplicationConfig, GraphInspector, HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { NestMicroservice } from '@nestjs/microservices';
import { type MountableServer } from '../server/mount.js';
import { type ConnectModuleOptions } from './connect-server-options.js';
import { MountedServer } from './mounted.server.js';

/** How {@link ConnectModule.forRootAsync} gets its options. */
export interface ConnectModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** Tokens of what `useFactory` takes. */
  readonly inject?: NonNullable<FactoryProvider['inject']>;
  readonly useFactory: (...dependencies: never[]) => ConnectModuleOptions | Promise<ConnectModuleOptions>;
}

const OPTIONS = Symbol('ConnectModule options');

/** The part of `ModuleRef` that builds transports; Nest has no public way to one. */
interface WithContainer {
  readonly container: ConstructorParameters<typeof NestMicroservice>[0];
}

/**
 * Serves every `@ConnectService` class of the application on the application's own HTTP server and port.
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
  ) {}

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

  /** The app's HTTP server exists by now, and its adapter's listeners are in place. */
  onModuleInit(): void {
    const httpServer = this.adapterHost?.httpAdapter?.getHttpServer() as MountableServer | null | undefined;
    if (httpServer === undefined || httpServer === null) {
      this.#logger.warn(
        'no HTTP server to mount on: under createMicroservice, ConnectServer serves the RPCs',
      );
      return;
    }
    this.#server = new MountedServer(this.options, httpServer);
    this.#registerHandlers(this.#server);
    this.#server.mount();
  }

  /** Nest closes its HTTP server after this, and would wait for every open stream. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#server?.close();
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
