/**
 * Sends requests again that no server has begun with: nobody can tell the second try from the first.
 *
 * Such are those that a server refused (REFUSED_STREAM), that came after the last stream of a GOAWAY, and that found no
 * connection. (gRPC A6, "Transparent Retries"; RFC 9113, section 8.7) They are tried until the call's deadline, ten times
 * where there is none; from the third try on after a pause.
 *
 * A kept HTTP/1.1 connection that a server closes in the moment of its use (RFC 9112, section 9.3.1) proves nothing. What
 * repeats without harm, a GET or a method without side effects, is tried once more; a POST is not. (RFC 9110, section
 * 9.2.2; so does Go's net/http)
 */
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from '../../wire/client-exchange.js';
import { type ClientEngine } from '../channel.js';
import { ByteBudget } from '../byte-budget.js';
import { bytesOf } from '../checked-options.js';
import { clientClosed, clientDestroyed } from '../connection/exchange-failure.js';
import { FailedExchange } from '../connection/failed-exchange.js';
import { Waiters } from '../waiters.js';
import { KeptRequest } from './kept-request.js';
import { RetriedExchange, type RetryOwner } from './transparent-retry-exchange.js';

export interface TransparentRetryOptions {
  /**
   * What is kept of a request until its response begins, to send it again when no server has begun with it; in bytes.
   * A larger one is sent once, and the call then fails with `unavailable`. All requests of a channel share 16 MiB.
   * Default: 262,144. 0: only requests without a body are sent again.
   */
  readonly retryBufferBytes?: number | undefined;
}

const DEFAULT_BUFFER_BYTES = 262_144;
const CHANNEL_BUFFER_BYTES = 16_777_216;

export class TransparentRetryClient implements ClientEngine, RetryOwner {
  readonly #budget: ByteBudget;
  /** Those that pause before their next try. */
  readonly #pausing = new Set<RetriedExchange>();
  #underWay = 0;
  #isClosed = false;
  readonly #closing = new Waiters();

  /** @throws TypeError When an option is wrong. */
  constructor(
    private readonly engine: ClientEngine,
    private readonly name: string,
    { retryBufferBytes = DEFAULT_BUFFER_BYTES }: TransparentRetryOptions = {},
  ) {
    this.#budget = new ByteBudget({
      perCall: bytesOf('retryBufferBytes', retryBufferBytes),
      perChannel: CHANNEL_BUFFER_BYTES,
    });
  }

  /** For tests: bytes of requests that are kept now. */
  get keptBytes(): number {
    return this.#budget.bytes;
  }

  open(head: RequestHead, listener: ClientExchangeListener): ClientExchange {
    return this.#isClosed ? this.#refuse(listener) : this.#begin(KeptRequest.opened(head), 0, listener);
  }

  send(head: RequestHead, body: Uint8Array | undefined, listener: ClientExchangeListener): ClientExchange {
    return this.#isClosed
      ? this.#refuse(listener)
      : this.#begin(KeptRequest.whole(head, body), body?.byteLength ?? 0, listener);
  }

  /** Takes no requests any more; settles when those under way have ended, after how many tries ever. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#underWay > 0) {
      await this.#closing.wait();
    }
    await this.engine.close();
  }

  /** Cuts off what is under way; its listeners are told. */
  destroy(): void {
    this.#isClosed = true;
    this.engine.destroy();
    for (const exchange of this.#pausing) {
      exchange.cut(clientDestroyed(this.name));
    }
  }

  /** @internal */
  get http(): HttpClient {
    return this.engine;
  }

  /** @internal */
  pausing(exchange: RetriedExchange, isPausing: boolean): void {
    if (isPausing) {
      this.#pausing.add(exchange);
    } else {
      this.#pausing.delete(exchange);
    }
  }

  /** @internal */
  exchangeOver(): void {
    this.#underWay--;
    if (this.#underWay === 0) {
      this.#closing.release();
    }
  }

  #begin(request: KeptRequest, bytes: number, listener: ClientExchangeListener): ClientExchange {
    this.#underWay++;
    return new RetriedExchange(this, this.#budget, listener).begin(request, bytes);
  }

  #refuse(listener: ClientExchangeListener): ClientExchange {
    return new FailedExchange(listener, clientClosed(this.name));
  }
}
