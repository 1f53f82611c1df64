/**
 * The transport behind `ConnectModule`: it does not listen, it takes RPCs out of another server's requests.
 */
import { type MountableServer } from '../server/mount.js';
import { checkModuleOptions, type ConnectModuleOptions } from './connect-server-options.js';
import { ConnectTransport } from './connect-transport.js';

export class MountedServer extends ConnectTransport {
  readonly #httpServer: MountableServer;
  #isClosed = false;

  constructor(options: ConnectModuleOptions, httpServer: MountableServer) {
    checkModuleOptions(options);
    super(options);
    this.#httpServer = httpServer;
  }

  mount(): void {
    this.completeServices();
    this.engine.attach(this.#httpServer);
    this.setStatus('listening');
  }

  /** The same on one more server of the app, which may come when the app is about to stop. */
  mountAlso(server: MountableServer): void {
    if (!this.#isClosed) {
      this.engine.attach(server);
    }
  }

  override close(): Promise<void> {
    this.#isClosed = true;
    return super.close();
  }

  /** Part of the strategy's shape; the app itself listens. */
  listen(callback: () => void): void {
    callback();
  }

  unwrap<T>(): T {
    // The caller names the type, as in every Nest transport.
    return this.#httpServer as T;
  }
}
