/**
 * The server's HTTP engine: listeners, connections of both HTTP versions, their limits in time, and the end
 * of all of it. What a request means is the dispatcher's business.
 *
 *   listen()  socket ──► sniffer or ALPN ──► Http1Server / Http2Server ──► exchange ──► Dispatcher
 *   attach()  the same in front of an application's own server (mount.ts)
 *   connect() exchanges without a socket, made in this process
 */
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Server, type Socket } from 'node:net';
import { type TLSSocket } from 'node:tls';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type Peer } from '../rpc/server-call.js';
import { ConnectionSniffer } from './connection-sniffer.js';
import { type CorsPolicy, isPreflight, preflightHeaders, shareAnswer } from './cors.js';
import { type Dispatcher } from './dispatcher.js';
import { Http1Connections } from './http1-connections.js';
import { Http1Server } from './http1-server.js';
import { Http2Server } from './http2-server.js';
import { IdleMonitor } from './idle-monitor.js';
import { LINGER_MS } from './linger.js';
import { type ConnectionHandler, type ListenAddress, Listener, type ListenTarget } from './listener.js';
import { LiveSet } from './live-set.js';
import { type EngineLogger } from './logger.js';
import { Mount, type MountableServer } from './mount.js';
import { type EngineOptions } from './options.js';
import { type ServerExchange } from './server-exchange.js';
import { type TrustedProxies } from './trusted-proxies.js';
import { VirtualConnection } from './virtual-connection.js';

/** How long calls that were told to end at a drain have to send their answers, in milliseconds. */
const TERMINATE_GRACE_MS = 1_000;

const MIN_SWEEP_MS = 10;
const MAX_SWEEP_MS = 1_000;

/** Settings of the engine, and what browsers are told. */
export interface HttpEngineOptions extends EngineOptions {
  /** Default: nothing about other origins, and a preflight is a request like any other. */
  readonly cors?: CorsPolicy | undefined;
  /** In front of the server. Default: none. */
  readonly proxies?: TrustedProxies | undefined;
}

export class HttpEngine implements ConnectionHandler {
  readonly #calls = new LiveSet<ServerExchange>();
  readonly #http1: Http1Connections;
  readonly #http1Server: Http1Server;
  readonly #http2Server: Http2Server;
  readonly #sniffer: ConnectionSniffer;
  readonly #idleMonitor: IdleMonitor;
  readonly #listeners: Listener[] = [];
  readonly #mounts: Mount[] = [];
  readonly #virtualConnections: VirtualConnection[] = [];
  #sweep: NodeJS.Timeout | undefined;
  #drained: Promise<void> | undefined;
  #isStopped = false;

  constructor(
    private readonly options: HttpEngineOptions,
    private readonly dispatcher: Dispatcher,
    private readonly logger: EngineLogger,
  ) {
    this.#http1 = new Http1Connections({ calls: this.#calls, options, closesIdle: true });
    this.#http1Server = new Http1Server(this.#http1, (...http) => this.#onHttp1(...http), options);
    this.#http2Server = new Http2Server(this.#calls, (exchange) => this.#serve(exchange), options);
    this.#idleMonitor = new IdleMonitor(this.#calls, options.timeouts);
    this.#sniffer = new ConnectionSniffer(options.timeouts.prefaceMs, {
      onHttp1: (socket) => this.#http1Server.accept(socket),
      onHttp2: (socket) => this.#http2Server.accept(socket),
    });
  }

  /** Calls that are under way, up to the last byte of their responses. */
  get activeCalls(): number {
    return this.#calls.size;
  }

  /** The servers of {@link listen}, for those who need something that is not here. */
  get servers(): readonly Server[] {
    return this.#listeners.map((listener) => listener.server);
  }

  /**
   * Listens on a port or a unix socket; call it again for another one.
   *
   * @returns Where it listens: with port 0, the port that was free.
   * @throws Error As Node has it, for example with code `EADDRINUSE`; after {@link drain} or {@link close}.
   */
  async listen(target: ListenTarget): Promise<ListenAddress> {
    this.#assertRunning();
    const listener = await Listener.open(target, this, this.options);
    if (this.#drained !== undefined || this.#isStopped) {
      await listener.close();
      this.#assertRunning();
    }
    this.#listeners.push(listener);
    this.#startSweep();
    return listener.address;
  }

  /**
   * Serves RPCs on the server of an application: HTTP/1.1 requests that are no RPCs go on to the listeners
   * that the server has now.
   */
  attach(server: MountableServer): void {
    this.#assertRunning();
    const mount = new Mount({
      server,
      calls: this.#calls,
      options: this.options,
      handles: (exchange) => this.dispatcher.handles(exchange),
      serve: (exchange) => this.#serve(exchange),
      refuse: (exchange, status) => this.#refuse(exchange, status),
    });
    this.#mounts.push(mount);
    this.#startSweep();
  }

  /** Opens a connection that has no socket. @param peer Who calls, as handlers see it. */
  connect(peer: Peer): VirtualConnection {
    this.#assertRunning();
    const connection = new VirtualConnection(peer, this.#calls, (exchange) => this.#serve(exchange));
    this.#virtualConnections.push(connection);
    this.#startSweep();
    return connection;
  }

  /**
   * Stops gracefully: no new connections, GOAWAY and `connection: close`, and `drainTimeoutMs` for the calls
   * under way; then those are answered `unavailable`, and all connections end. The server of an application
   * is not closed. Safe to call twice.
   */
  drain(): Promise<void> {
    return (this.#drained ??= this.#drain());
  }

  /** Stops at once: calls under way are cut off. Safe to call at any time, during a drain as well. */
  async close(): Promise<void> {
    const closed = this.#listeners.map((listener) => listener.close());
    this.#mounts.forEach((mount) => mount.drain());
    this.#virtualConnections.forEach((connection) => connection.drain());
    await this.#stop(closed, 0);
  }

  /** @internal */
  onConnection(socket: Socket): void {
    this.#sniffer.accept(socket);
  }

  /** @internal */
  onSecureConnection(socket: TLSSocket): void {
    if (socket.alpnProtocol === 'h2') {
      this.#http2Server.accept(socket);
    } else {
      this.#http1Server.accept(socket);
    }
  }

  /** @internal */
  onAcceptError(error: Error): void {
    this.logger.warn(`a connection could not be accepted: ${error.message}`);
  }

  #onHttp1(request: IncomingMessage, response: ServerResponse): void {
    const exchange = this.#http1.exchangeOf(request, response);
    if (exchange !== undefined) {
      this.#serve(exchange);
    }
  }

  #serve(exchange: ServerExchange): void {
    if (exchange.headerCount > this.options.maxHeaderPairs) {
      this.#refuse(exchange, 431);
      return;
    }
    exchange.proxies = this.options.proxies;
    exchange.open();
    try {
      if (this.options.cors === undefined) {
        this.dispatcher.dispatch(exchange);
      } else {
        this.#serveShared(exchange, this.options.cors);
      }
    } catch (error) {
      this.#giveUp(exchange, error);
    }
  }

  #serveShared(exchange: ServerExchange, cors: CorsPolicy): void {
    if (isPreflight(exchange) && this.dispatcher.has(exchange.path)) {
      exchange.respondAndEnd(204, preflightHeaders(cors, exchange));
    } else {
      this.dispatcher.dispatch(shareAnswer(cors, exchange));
    }
  }

  /** Answers without asking the dispatcher. */
  #refuse(exchange: ServerExchange, status: number): void {
    const { cors } = this.options;
    exchange.open();
    try {
      const answered = cors === undefined ? exchange : shareAnswer(cors, exchange);
      answered.respondAndEnd(status, []);
    } catch (error) {
      this.#giveUp(exchange, error);
    }
  }

  #giveUp(exchange: ServerExchange, error: unknown): void {
    this.logger.error(`${exchange.path} could not be served`, error);
    exchange.reset();
  }

  async #drain(): Promise<void> {
    const closed = this.#listeners.map((listener) => listener.close());
    this.#sniffer.drain();
    this.#http1.drain();
    this.#http2Server.drain();
    this.#mounts.forEach((mount) => mount.drain());
    this.#virtualConnections.forEach((connection) => connection.drain());
    await this.#calls.whenEmpty(this.options.drainTimeoutMs);
    if (this.#calls.size > 0) {
      await this.#terminateCalls();
    }
    await this.#stop(closed, LINGER_MS);
  }

  async #terminateCalls(): Promise<void> {
    const reason = new ConnectError('the server is shutting down', { code: Code.Unavailable });
    for (const exchange of this.#calls) {
      exchange.terminate(reason);
    }
    await this.#calls.whenEmpty(TERMINATE_GRACE_MS);
  }

  /** Ends all connections: those that close by themselves have some time for it. */
  async #stop(closed: readonly Promise<void>[], graceMs: number): Promise<void> {
    this.#isStopped = true;
    for (const exchange of this.#calls) {
      exchange.reset();
    }
    await Promise.all([
      ...this.#listeners.map((listener) => listener.destroyAfter(graceMs)),
      ...this.#mounts.map((mount) => mount.destroyAfter(graceMs)),
    ]);
    await Promise.all(closed);
    clearInterval(this.#sweep);
    this.#http1Server.close();
  }

  #startSweep(): void {
    const { timeouts, keepalive, maxConnectionAgeMs, maxConnectionAgeGraceMs } = this.options;
    const shortestMs = Math.min(
      ...Object.values(timeouts),
      ...Object.values(keepalive),
      maxConnectionAgeMs,
      // 0 means "at once": the sweep that finds the age ends the calls as well.
      maxConnectionAgeGraceMs || Infinity,
    );
    const everyMs = Math.max(MIN_SWEEP_MS, Math.min(shortestMs / 4, MAX_SWEEP_MS));
    this.#sweep ??= setInterval(() => this.#check(), everyMs).unref();
  }

  #check(): void {
    const now = performance.now();
    this.#idleMonitor.check(now);
    this.#http1.check(now);
    this.#http2Server.check(now);
    this.#mounts.forEach((mount) => mount.check(now));
  }

  #assertRunning(): void {
    if (this.#drained !== undefined || this.#isStopped) {
      throw new Error('the server engine has been stopped: make a new one');
    }
  }
}
