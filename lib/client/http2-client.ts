/**
 * Requests to one server over HTTP/2: one connection, opened with the first request and again after it has ended.
 */
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from '../wire/client-exchange.js';
import { Dialer, type TlsOptions } from './dialer.js';
import { clientClosed, clientDestroyed } from './exchange-failure.js';
import { FailedExchange } from './failed-exchange.js';
import { Http2ClientConnection } from './http2-client-connection.js';
import { type Target } from './target.js';

export interface HttpClientOptions {
  /** For `https:` targets. Default: Node's authorities, no client certificate. */
  readonly tls?: TlsOptions | undefined;
}

export class Http2Client implements HttpClient {
  readonly #dialer: Dialer;
  /** More than one while old ones finish their exchanges. */
  readonly #connections = new Set<Http2ClientConnection>();
  #current: Http2ClientConnection | undefined;
  #isClosed = false;

  /** @throws TypeError, Error When the TLS options are wrong. */
  constructor(
    private readonly target: Target,
    { tls }: HttpClientOptions = {},
  ) {
    this.#dialer = new Dialer({ target, tls, alpn: 'h2' });
  }

  open(head: RequestHead, listener: ClientExchangeListener): ClientExchange {
    return this.#isClosed ? this.#refuse(listener) : this.#connection().open(head, listener);
  }

  send(head: RequestHead, body: Uint8Array | undefined, listener: ClientExchangeListener): ClientExchange {
    return this.#isClosed ? this.#refuse(listener) : this.#connection().send(head, body, listener);
  }

  /** Takes no requests any more; settles when those under way have ended and all connections are closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#connections].map((connection) => connection.close()));
  }

  /** Cuts off what is under way; its listeners are told. */
  destroy(): void {
    this.#isClosed = true;
    const reason = clientDestroyed(this.target.name);
    for (const connection of this.#connections) {
      connection.destroy(reason);
    }
  }

  #connection(): Http2ClientConnection {
    if (this.#current?.takesRequests === true) {
      return this.#current;
    }
    const connection = new Http2ClientConnection({
      target: this.target,
      dialer: this.#dialer,
      onGone: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    this.#current = connection;
    return connection;
  }

  #refuse(listener: ClientExchangeListener): ClientExchange {
    return new FailedExchange(listener, clientClosed(this.target.name));
  }
}
