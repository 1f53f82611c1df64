/**
 * The services of a test, called without sockets: everything else is as in production.
 */
import { type INestApplication, type INestMicroservice } from '@nestjs/common';
import { Channel } from '../client/channel.js';
import { type ConnectModuleOptions } from '../nest/connect-server-options.js';
import { type ConnectTransport } from '../nest/connect-transport.js';
import { type Peer } from '../rpc/server-call.js';
import { InProcessHttpClient } from './in-process-http-client.js';
import { InProcessServer } from './in-process.server.js';
import {
  type AppSettings,
  DRAIN_TIMEOUT_MS,
  isModule,
  startMicroservice,
  type TestModule,
  transportOf,
} from './test-module.js';
import { ConnectTestServer } from './test-server.js';

/** Options of {@link serveInMemory}. */
export interface InMemoryOptions {
  /** Who calls, as handlers see it in `context.peer`. Default: an address `"memory"` without a port. */
  readonly peer?: Peer;
}

/** Options of {@link serveInMemory} for a module, which has no server of its own. */
export interface InMemoryModuleOptions extends InMemoryOptions, AppSettings, ConnectModuleOptions {}

const IN_MEMORY: Peer = Object.freeze({ address: 'memory', port: undefined, tls: undefined });

/**
 * Serves the `@ConnectService` classes of a module without a socket.
 *
 * ```ts
 * const module = await Test.createTestingModule({ imports: [ElizaModule] })
 *   .overrideProvider(Brain).useValue({ reply: () => 'I see.' })
 *   .compile();
 * const server = await serveInMemory(module);
 * const eliza = server.client(ElizaService);
 * expect(await eliza.say({ sentence: 'hi' })).toMatchObject({ sentence: 'I see.' });
 * await server.close();
 * ```
 *
 * A call passes the real protocol, codec, limits, guards, pipes, interceptors and filters; deadlines and cancellation
 * work. Only the connection is missing: one exchange of HTTP/2 for each call, without bytes on a wire. `drainTimeoutMs` is
 * 1,000 by default.
 *
 * @param target A `TestingModule`, or an application with `ConnectModule`, whose options and global enhancers apply; it
 * is initialized if it is not.
 */
export async function serveInMemory(
  target: TestModule,
  options?: InMemoryModuleOptions,
): Promise<ConnectTestServer<INestMicroservice>>;
export async function serveInMemory(
  target: INestApplication,
  options?: InMemoryOptions,
): Promise<ConnectTestServer<INestApplication>>;
export async function serveInMemory(
  target: TestModule | INestApplication,
  options: InMemoryModuleOptions = {},
): Promise<ConnectTestServer<INestMicroservice | INestApplication>> {
  const { peer = IN_MEMORY, configure, logger, ...serverOptions } = options;
  if (!isModule(target)) {
    await target.init();
    return testServer(target, transportOf(target), peer);
  }
  const strategy = new InProcessServer({ drainTimeoutMs: DRAIN_TIMEOUT_MS, ...serverOptions });
  const { app } = await startMicroservice(target, strategy, { configure, logger });
  return testServer(app, strategy, peer);
}

function testServer<App extends INestMicroservice | INestApplication>(
  app: App,
  transport: ConnectTransport,
  peer: Peer,
): ConnectTestServer<App> {
  const http = new InProcessHttpClient(transport.connect(peer));
  const place = { name: IN_MEMORY.address, prefix: transport.prefix };
  return new ConnectTestServer(app, undefined, (settings) => new Channel(http, settings, place));
}
