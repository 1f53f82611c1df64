/**
 * Requests to one server over HTTP/2: a pool of connections, opened when requests need them.
 *
 *   request ──► the first connection with room
 *      └──────► none: it waits, and another connection is opened unless there are enough
 *
 * A request is put on a connection only when the server has sent its SETTINGS there: until then nothing was sent, and what
 * waits can go elsewhere without a doubt. The connections are filled one after the other, so that those that a peak has left
 * become idle and close.
 */
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from '../../wire/client-exchange.js';
import { outsideCalls } from './call-context.js';
import {
  type ConnectionOptions,
  type ResolvedConnectionOptions,
  resolveConnectionOptions,
} from './connection-options.js';
import { Dialer } from './dialer.js';
import { clientClosed, clientDestroyed } from './exchange-failure.js';
import { FailedExchange } from './failed-exchange.js';
import { type ConnectionWatcher, Http2ClientConnection } from './http2-client-connection.js';
import { Http2PoolQueue } from './http2-pool-queue.js';
import { type Target } from '../balancing/target.js';
import { pauseAfter } from '../transparent-retry/transparent-retry-pause.js';

export class Http2Client implements HttpClient, ConnectionWatcher {
  readonly #dialer: Dialer;
  readonly #options: ResolvedConnectionOptions;
  /** All, with those that only finish their exchanges. */
  readonly #connections = new Set<Http2ClientConnection>();
  /** Those that may take requests, the oldest first. */
  #active: Http2ClientConnection[] = [];
  readonly #queue = new Http2PoolQueue(() => this.#hold());
  /** Connections in a row that came to nothing. */
  #failures = 0;
  #pause: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @throws TypeError, Error When the options are wrong. */
  constructor(
    private readonly target: Target,
    options: ConnectionOptions = {},
  ) {
    this.#options = resolveConnectionOptions(options);
    const { connectTimeoutMs } = this.#options;
    this.#dialer = new Dialer({ target, tls: options.tls, alpn: 'h2', connectTimeoutMs });
  }

  open(head: RequestHead, listener: ClientExchangeListener): ClientExchange {
    const connection = this.#connectionForNew();
    return connection === undefined
      ? this.#wait(listener, (client) => client.open(head, listener))
      : connection.open(head, listener);
  }

  send(head: RequestHead, body: Uint8Array | undefined, listener: ClientExchangeListener): ClientExchange {
    const connection = this.#connectionForNew();
    return connection === undefined
      ? this.#wait(listener, (client) => client.send(head, body, listener))
      : connection.send(head, body, listener);
  }

  /** Takes no requests any more; settles when those under way have ended and all connections are closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#queue.whenEmpty();
    clearTimeout(this.#pause);
    await Promise.all([...this.#connections].map((connection) => connection.close()));
  }

  /** Cuts off what is under way; its listeners are told. */
  destroy(): void {
    this.#isClosed = true;
    clearTimeout(this.#pause);
    const reason = clientDestroyed(this.target.name);
    this.#queue.cut(() => reason);
    for (const connection of this.#connections) {
      connection.destroy(reason);
    }
  }

  connectionChanged(connection: Http2ClientConnection): void {
    if (connection.isProven) {
      this.#failures = 0;
    }
    if (this.#queue.size > 0) {
      this.#serveQueue();
    }
  }

  connectionGone(connection: Http2ClientConnection): void {
    this.#connections.delete(connection);
    this.#active = this.#active.filter((other) => other.takesRequests);
    if (!connection.isProven) {
      this.#connectionFailed(connection);
    }
    if (this.#queue.size > 0) {
      this.#serveQueue();
    }
  }

  #connectionFailed(connection: Http2ClientConnection): void {
    if (this.#isClosed && this.#queue.size === 0) {
      return;
    }
    const pauseMs = pauseAfter(++this.#failures);
    if (pauseMs > 0) {
      // Holds the process, for calls that wait: it is short.
      this.#pause = outsideCalls(() => setTimeout(() => this.#endPause(), pauseMs));
    }
    if (this.#active.length === 0) {
      this.#queue.cut(() => connection.failure);
    }
  }

  #endPause(): void {
    this.#pause = undefined;
    this.#serveQueue();
  }

  /** What waits goes first. */
  #connectionForNew(): Http2ClientConnection | undefined {
    return this.#queue.size === 0 && !this.#isClosed ? this.#withRoom() : undefined;
  }

  #withRoom(): Http2ClientConnection | undefined {
    for (const connection of this.#active) {
      if (connection.hasRoom) {
        return connection;
      }
    }
    return undefined;
  }

  #wait(listener: ClientExchangeListener, send: (client: HttpClient) => ClientExchange): ClientExchange {
    if (this.#isClosed) {
      return new FailedExchange(listener, clientClosed(this.target.name));
    }
    const exchange = this.#queue.add(listener, send);
    this.#connectForQueue();
    return exchange;
  }

  #serveQueue(): void {
    while (this.#queue.size > 0) {
      const connection = this.#withRoom();
      if (connection === undefined) {
        this.#connectForQueue();
        return;
      }
      this.#queue.begin(connection);
    }
  }

  /** One at a time: whether more are needed is known when it has told how much it takes. */
  #connectForQueue(): void {
    this.#active = this.#active.filter((connection) => connection.takesRequests);
    const isConnecting = this.#active.some((connection) => !connection.isProven);
    if (!isConnecting && this.#active.length < this.#options.sessionsPerTarget && this.#pause === undefined) {
      const connection = outsideCalls(() => this.#connect());
      this.#connections.add(connection);
      this.#active.push(connection);
    }
    this.#hold();
  }

  #connect(): Http2ClientConnection {
    return new Http2ClientConnection({
      target: this.target,
      dialer: this.#dialer,
      options: this.#options,
      watcher: this,
    });
  }

  /** A connection that nobody waits for any more does not hold the process. */
  #hold(): void {
    const isNeeded = this.#queue.size > 0;
    this.#active.find((connection) => !connection.isProven)?.hold(isNeeded);
  }
}
