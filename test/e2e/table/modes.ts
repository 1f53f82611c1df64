/**
 * Every way of starting a Nest app that serves RPCs.
 */
import {
  type CanActivate,
  type ExceptionFilter,
  type INestApplication,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ConnectModule, ConnectServer } from 'nestjs-connect';

/** An app or a microservice, before it listens. */
export interface EnhancedApp {
  useGlobalGuards(...guards: CanActivate[]): unknown;
  useGlobalPipes(...pipes: PipeTransform[]): unknown;
  useGlobalInterceptors(...interceptors: NestInterceptor[]): unknown;
  useGlobalFilters(...filters: ExceptionFilter[]): unknown;
}

export interface StartedApp {
  readonly baseUrl: string;
  close(): Promise<void>;
}

/** What an app is made of. */
export interface AppParts {
  readonly module: ModuleMetadata;
  readonly useGlobals: (app: EnhancedApp) => void;
}

export interface Mode {
  readonly name: string;
  /** Whether what is global in the app stands around RPCs. */
  readonly hasGlobals: boolean;
  /** Whether services may be providers. */
  readonly isMounted: boolean;
  start(parts: AppParts): Promise<StartedApp>;
}

const SETTINGS = { logger: false, abortOnError: false } as const;
const HOST = '127.0.0.1';

export const MODES: readonly Mode[] = [
  { name: 'createMicroservice', hasGlobals: true, isMounted: false, start: startMicroservice },
  hybrid('connectMicroservice with inheritAppConfig', true),
  hybrid('connectMicroservice without inheritAppConfig', false),
  mounted('ConnectModule on Express', (root) => NestFactory.create(root, SETTINGS)),
  mounted('ConnectModule on Fastify', (root) => NestFactory.create(root, new FastifyAdapter(), SETTINGS)),
  mounted('ConnectModule on Fastify with http2', (root) =>
    NestFactory.create(root, new FastifyAdapter({ http2: true }), SETTINGS),
  ),
];

async function startMicroservice({ module, useGlobals }: AppParts): Promise<StartedApp> {
  const strategy = createServer();
  const app = await NestFactory.createMicroservice(moduleOf(module), { ...SETTINGS, strategy });
  useGlobals(app);
  await app.listen();
  return { baseUrl: urlOf(strategy.unwrap()), close: () => app.close() };
}

function hybrid(name: string, inheritAppConfig: boolean): Mode {
  return {
    name,
    hasGlobals: inheritAppConfig,
    isMounted: false,
    async start({ module, useGlobals }) {
      const strategy = createServer();
      const app = await NestFactory.create(moduleOf(module), SETTINGS);
      useGlobals(app);
      app.connectMicroservice({ strategy }, { inheritAppConfig });
      await app.startAllMicroservices();
      return { baseUrl: urlOf(strategy.unwrap()), close: () => app.close() };
    },
  };
}

function mounted(name: string, create: (root: new () => object) => Promise<INestApplication>): Mode {
  return {
    name,
    hasGlobals: true,
    isMounted: true,
    async start({ module, useGlobals }) {
      const root = moduleOf({ ...module, imports: [ConnectModule.forRoot({ http1Bidi: true })] });
      const app = await create(root);
      useGlobals(app);
      await app.listen(0, HOST);
      return { baseUrl: urlOf(app.getHttpServer()), close: () => app.close() };
    },
  };
}

function createServer(): ConnectServer {
  return new ConnectServer({ host: HOST, port: 0, http1Bidi: true });
}

function moduleOf(metadata: ModuleMetadata): new () => object {
  @Module(metadata)
  class AppModule {}
  return AppModule;
}

function urlOf(server: { address(): unknown }): string {
  const { port } = server.address() as { port: number };
  return `http://${HOST}:${port}`;
}
