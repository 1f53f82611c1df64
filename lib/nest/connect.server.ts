/**
 * The stand-alone server: a strategy for `createMicroservice` and `connectMicroservice`.
 */
import { type CustomTransportStrategy } from '@nestjs/microservices';
import { type ListenTarget } from '../server/listener.js';
import {
  checkServerOptions,
  type ConnectServerOptions,
  resolveListenTarget,
} from './connect-server-options.js';
import { ConnectModule } from './connect.module.js';
import { ConnectTransport } from './connect-transport.js';
import { missedEnhancers } from './missed-enhancers.js';
import { type ServedApplication, servedApplicationOf } from './served-application.js';
import { refuseServiceProviders, serviceProviderNames } from './service-providers.js';

/**
 * ```ts
 * const app = await NestFactory.createMicroservice(AppModule, { strategy: new ConnectServer({ port: 8080 }) });
 * await app.listen();
 * ```
 *
 * One port for Connect, gRPC and gRPC-Web over HTTP/1.1 and HTTP/2. `listen()` resolves with `{ host, port }` and
 * rejects when it is taken; `close()` drains.
 */
export class ConnectServer extends ConnectTransport implements CustomTransportStrategy {
  readonly #target: ListenTarget;

  /** @throws ConnectConfigError, TypeError or RangeError when an option is wrong. */
  constructor(options: ConnectServerOptions = {}) {
    checkServerOptions(options);
    super(options);
    this.#target = resolveListenTarget(options);
  }

  /** Called by Nest. The callback gets an error, or nothing and the address. */
  listen(callback: (error?: unknown, info?: unknown) => void): void {
    this.prepare();
    this.engine.listen(this.#target).then(
      (address) => {
        this.setStatus('listening');
        return callback(undefined, address);
      },
      (error: Error) => {
        this.setStatus('error', error);
        return callback(error);
      },
    );
  }

  /** @returns Node's server that listens: a `net.Server`, or a `tls.Server` with TLS. */
  unwrap<T>(): T {
    // The caller names the type, as in every Nest transport.
    return this.engine.servers[0] as T;
  }

  /** What comes before listening. @throws ConnectConfigError When nobody serves a service. */
  protected prepare(): void {
    this.#checkApplication();
    this.completeServices();
  }

  /**
   * What would be absent without a word.
   *
   * @throws ConnectConfigError When nobody serves a service.
   */
  #checkApplication(): void {
    const application = servedApplicationOf(this);
    if (application === undefined) {
      return;
    }
    const missed = missedEnhancers(application);
    if (missed !== undefined) {
      this.logger.warn(missed);
    }
    this.#checkProviders(application);
  }

  #checkProviders({ modules }: ServedApplication): void {
    const isMounted = [...modules.values()].some(({ metatype }) => metatype === ConnectModule);
    if (!isMounted) {
      refuseServiceProviders(modules);
      return;
    }
    // No error: ConnectModule serves them on the app's own port, which may be the one that their callers know.
    const names = serviceProviderNames(modules);
    if (names.length > 0) {
      this.logger.warn(
        `${names.join(', ')}: a @ConnectService under "providers" is served by ConnectModule, and not by ConnectServer. ` +
          'To serve it on both ports, list it under "controllers" of its module.',
      );
    }
  }
}
