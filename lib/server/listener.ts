/**
 * One listening socket: TCP or unix, clear text or TLS, and the connections that came through it.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { nodeTimeoutMs } from './durations.js';
import { LiveSet } from './live-set.js';
import { type EngineOptions } from './options.js';
import { removeStaleSocket } from './unix-socket.js';

/** Where to listen. */
export interface ListenTarget {
  /** Default: every address of the machine. */
  readonly host?: string | undefined;
  /** Default: 0, a free port that {@link ListenAddress} names. */
  readonly port?: number | undefined;
  /** A unix socket, instead of host and port. */
  readonly path?: string | undefined;
  /**
   * Serves TLS: what `tls.createServer` takes, for example `{ key, cert }`, and `requestCert` and `ca` for
   * client certificates. Default: clear text.
   */
  readonly tls?: TlsOptions | undefined;
}

/** Where a listener listens: host and port, or the path of a unix socket. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** Who takes the connections. */
export interface ConnectionHandler {
  /** A fresh clear-text socket; nothing was read from it. */
  onConnection(socket: Socket): void;
  /** A TLS socket after its handshake. */
  onSecureConnection(socket: TLSSocket): void;
  /** A connection could not be accepted, for example because the process has too many open files. */
  onAcceptError(error: Error): void;
}

export class Listener {
  readonly server: Server;
  /** All sockets below TLS, so that none outlives the listener. */
  readonly #sockets = new LiveSet<Socket>();

  private constructor(
    private readonly target: ListenTarget,
    private readonly handler: ConnectionHandler,
    options: EngineOptions,
  ) {
    this.server = createServerFor(target, handler, options);
    if (options.maxConnections !== Infinity) {
      this.server.maxConnections = options.maxConnections;
    }
    this.server.on('connection', (socket: Socket) => this.#track(socket));
  }

  /**
   * @throws Error As Node has it, for example `EADDRINUSE`; and when another server listens on the unix socket.
   */
  static async open(
    target: ListenTarget,
    handler: ConnectionHandler,
    options: EngineOptions,
  ): Promise<Listener> {
    if (target.path !== undefined) {
      await removeStaleSocket(target.path);
    }
    const listener = new Listener(target, handler, options);
    await listener.#listen();
    return listener;
  }

  get address(): ListenAddress {
    const address = this.server.address();
    return isAddressInfo(address)
      ? { host: address.address, port: address.port }
      : { path: address ?? this.target.path ?? '' };
  }

  /** Stops accepting. @returns A promise that settles when the last connection has closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
    });
  }

  /** Waits until all connections have closed, and destroys those that are left after the time. */
  async destroyAfter(timeoutMs: number): Promise<void> {
    await this.#sockets.whenEmpty(timeoutMs);
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  #listen(): Promise<void> {
    const { host, port = 0, path } = this.target;
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(path === undefined ? { port, host } : { path }, () => {
        this.server.off('error', reject);
        this.server.on('error', (error) => this.handler.onAcceptError(error));
        resolve();
      });
    });
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

function createServerFor(target: ListenTarget, handler: ConnectionHandler, options: EngineOptions): Server {
  // As node:http has it: a client may close its side and still read the response.
  const shared = { allowHalfOpen: true, noDelay: true };
  if (target.tls === undefined) {
    return createServer(shared, (socket) => handler.onConnection(socket));
  }
  const tls: TlsOptions = {
    handshakeTimeout: nodeTimeoutMs(options.timeouts.prefaceMs),
    ...target.tls,
    ...shared,
    ALPNProtocols: ['h2', 'http/1.1'],
  };
  const server = createTlsServer(tls, (socket) => handler.onSecureConnection(socket));
  // A client that does not speak TLS, is silent, or has the wrong certificate: Node tells, and leaves it open.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

function isAddressInfo(address: string | AddressInfo | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
