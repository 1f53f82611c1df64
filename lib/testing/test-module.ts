/**
 * What the servers of tests take: modules and applications as `@nestjs/testing` makes them, which is not needed for it.
 */
import {
  type INestApplication,
  type INestMicroservice,
  type LoggerService,
  type LogLevel,
} from '@nestjs/common';
import { ConnectModule } from '../nest/connect.module.js';
import { type ConnectTransport } from '../nest/connect-transport.js';

/** The part of `TestingModule` that is used. */
export interface TestModule {
  createNestMicroservice(options: MicroserviceOptions): INestMicroservice;
  get<T>(token: abstract new (...args: never[]) => T, options: { strict: false }): T;
}

interface MicroserviceOptions {
  readonly strategy: ConnectTransport;
  readonly logger?: Logging;
}

type Logging = LoggerService | LogLevel[] | false;

/** For what the app's `main.ts` does. */
export interface AppSettings {
  /** Called before the app starts, for example `(app) => app.useGlobalPipes(new ValidationPipe())`. Default: nothing. */
  readonly configure?: (app: INestMicroservice) => void | Promise<void>;
  /** As in `NestFactory`. Default: the module's, which logs errors. */
  readonly logger?: Logging;
}

/** How long calls that a test has left open may hold its end, in milliseconds: below jest's own limit for hooks. */
export const DRAIN_TIMEOUT_MS = 1_000;

/**
 * Tells a module from an application.
 *
 * @throws TypeError When it is neither.
 */
export function isModule(target: TestModule | INestApplication): target is TestModule {
  const members = typeof target === 'object' && target !== null ? target : {};
  if ('createNestMicroservice' in members) {
    return true;
  }
  if ('getHttpServer' in members) {
    return false;
  }
  throw new TypeError(
    'expected a TestingModule, as `await Test.createTestingModule(…).compile()` gives it, or an application of ' +
      '`createNestApplication()`',
  );
}

/**
 * Starts the module's services on a transport.
 *
 * @returns The app, and what its `listen()` gave.
 * @throws Error When the module has a `ConnectModule`, whose options would be ignored.
 */
export async function startMicroservice(
  module: TestModule,
  strategy: ConnectTransport,
  { configure, logger }: { readonly [K in keyof AppSettings]: AppSettings[K] | undefined },
): Promise<{ app: INestMicroservice; address: unknown }> {
  if (findConnectModule(module) !== undefined) {
    throw new Error(
      'the module has a ConnectModule, whose options are for an application: give module.createNestApplication() instead',
    );
  }
  const app = module.createNestMicroservice({ strategy, ...(logger === undefined ? {} : { logger }) });
  await configure?.(app);
  // Nest types it as nothing; ConnectServer gives its address.
  const address: unknown = await app.listen();
  return { app, address };
}

/** @throws Error When the application has no `ConnectModule`, or no HTTP server. */
export function transportOf(app: INestApplication): ConnectTransport {
  const transport = findConnectModule(app)?.transport;
  if (transport === undefined) {
    throw new Error(
      'the application serves no RPCs: import ConnectModule.forRoot() into its module, or give the TestingModule instead',
    );
  }
  return transport;
}

function findConnectModule(app: Pick<TestModule, 'get'>): ConnectModule | undefined {
  try {
    return app.get(ConnectModule, { strict: false });
  } catch {
    return undefined;
  }
}
