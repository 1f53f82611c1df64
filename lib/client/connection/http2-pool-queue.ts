/**
 * Requests that wait for a connection, in their order. How long, their callers decide: one that gives up leaves no trace.
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
} from '../../wire/client-exchange.js';
import { DeferredExchange } from './deferred-exchange.js';
import { Waiters } from '../waiters.js';

class WaitingExchange extends DeferredExchange {
  constructor(
    private readonly queue: Set<WaitingExchange>,
    private readonly onLeave: () => void,
    listener: ClientExchangeListener,
    send: (client: HttpClient) => ClientExchange,
  ) {
    super(listener, send);
  }

  override reset(): void {
    super.reset();
    if (this.queue.delete(this)) {
      this.onLeave();
    }
  }
}

export class Http2PoolQueue {
  readonly #waiting = new Set<WaitingExchange>();
  readonly #closing = new Waiters();
  readonly #left = (): void => {
    this.onLeave();
    if (this.#waiting.size === 0) {
      this.#closing.release();
    }
  };

  /** @param onLeave Somebody waits no more. */
  constructor(private readonly onLeave: () => void) {}

  get size(): number {
    return this.#waiting.size;
  }

  add(listener: ClientExchangeListener, send: (client: HttpClient) => ClientExchange): ClientExchange {
    const exchange = new WaitingExchange(this.#waiting, this.#left, listener, send);
    this.#waiting.add(exchange);
    return exchange;
  }

  /** Sends the first one. */
  begin(client: HttpClient): void {
    const [first] = this.#waiting;
    if (first !== undefined) {
      this.#waiting.delete(first);
      first.begin(client);
      this.#left();
    }
  }

  /** Fails all that wait now; those that come back at once, wait again. */
  cut(reason: () => ConnectError): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    waiting.forEach((exchange) => exchange.cut(reason()));
    this.#left();
  }

  /** Settles when nobody waits. */
  async whenEmpty(): Promise<void> {
    if (this.#waiting.size > 0) {
      await this.#closing.wait();
    }
  }
}
