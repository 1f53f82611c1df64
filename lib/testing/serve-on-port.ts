/**
 * The services of a test on a port of their own, for what a socket adds.
 */
import { type INestApplication, type INestMicroservice } from '@nestjs/common';
import { type ConnectionSettings, createChannel } from '../client/create-channel.js';
import { type ConnectServerOptions } from '../nest/connect-server-options.js';
import { ConnectServer } from '../nest/connect.server.js';
import {
  type AppSettings,
  DRAIN_TIMEOUT_MS,
  isModule,
  startMicroservice,
  type TestModule,
  transportOf,
} from './test-module.js';
import { ConnectTestServer } from './test-server.js';

/** Options of {@link serveOnPort} for a module. */
export interface OnPortModuleOptions
  extends AppSettings, Omit<ConnectServerOptions, 'host' | 'port' | 'path'> {}

/** Server and client are on one machine. */
const LOOPBACK = '127.0.0.1';

interface WithPort {
  readonly port: number;
}

/**
 * As {@link serveInMemory}, on a free port of the loopback interface: for tests of connections, HTTP versions, TLS, and
 * for clients of other kinds, which find it at `server.url`.
 *
 * ```ts
 * const server = await serveOnPort(module);
 * await fetch(`${server.url}/eliza.v1.ElizaService/Say`, { … });
 * await server.client(ElizaService, { protocol: 'grpc' }).say({ sentence: 'hi' });
 * await server.close();
 * ```
 *
 * @param target A `TestingModule`, or an application with `ConnectModule`, which is told to listen.
 */
export async function serveOnPort(
  target: TestModule,
  options?: OnPortModuleOptions,
): Promise<ConnectTestServer<INestMicroservice, ConnectionSettings>>;
export async function serveOnPort(
  target: INestApplication,
): Promise<ConnectTestServer<INestApplication, ConnectionSettings>>;
export async function serveOnPort(
  target: TestModule | INestApplication,
  options: OnPortModuleOptions = {},
): Promise<ConnectTestServer<INestMicroservice | INestApplication, ConnectionSettings>> {
  if (!isModule(target)) {
    await target.listen(0, LOOPBACK);
    const { prefix } = transportOf(target);
    return testServer(target, (await target.getUrl()) + prefix);
  }
  const { configure, logger, ...serverOptions } = options;
  const strategy = new ConnectServer({
    drainTimeoutMs: DRAIN_TIMEOUT_MS,
    ...serverOptions,
    host: LOOPBACK,
    port: 0,
  });
  const { app, address } = await startMicroservice(target, strategy, { configure, logger });
  const scheme = options.tls === undefined ? 'http' : 'https';
  return testServer(app, `${scheme}://${LOOPBACK}:${(address as WithPort).port}`);
}

function testServer<App extends INestMicroservice | INestApplication>(
  app: App,
  url: string,
): ConnectTestServer<App, ConnectionSettings> {
  return new ConnectTestServer(app, url, (settings) => createChannel({ url, ...settings }));
}
