/**
 * The public API of `nestjs-connect/testing`: services under test, called with typed clients.
 */
export { type InMemoryModuleOptions, type InMemoryOptions, serveInMemory } from './serve-in-memory.js';
export { type OnPortModuleOptions, serveOnPort } from './serve-on-port.js';
export { type AppSettings, type TestModule } from './test-module.js';
export { type ConnectTestServer } from './test-server.js';
export { type CallSettings } from '../client/channel.js';
export { type ConnectionSettings } from '../client/create-channel.js';
export { type TlsOptions } from '../client/connection/dialer.js';
export {
  type CallOptions,
  type ConnectClient,
  type RequestMessages,
  type RxConnectClient,
} from '../client/client-types.js';
