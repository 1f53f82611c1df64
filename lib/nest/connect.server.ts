/**
 * The stand-alone server: a strategy for `createMicroservice` and `connectMicroservice`.
 */
import { type CustomTransportStrategy } from '@nestjs/microservices';
import { type ListenTarget } from '../server/listener.js';
import { type ConnectServerOptions, resolveListenTarget } from './connect-server-options.js';
import { ConnectTransport } from './connect-transport.js';

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
  // connectMicroservice() may have given it another configuration.
  protected readonly hasAppConfig = false;
  readonly #target: ListenTarget;

  /** @throws ConnectConfigError, TypeError or RangeError when an option is wrong. */
  constructor(options: ConnectServerOptions = {}) {
    super(options);
    this.#target = resolveListenTarget(options);
  }

  /** Called by Nest. The callback gets an error, or nothing and the address. */
  listen(callback: (error?: unknown, info?: unknown) => void): void {
    this.completeServices();
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
}
