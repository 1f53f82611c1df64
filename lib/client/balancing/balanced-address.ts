/**
 * One address of a balanced client: the client that goes there, and whether it is worth to be tried.
 *
 *   well ──► resting     a request failed: 1 s, then 1.6 times longer at every failure, up to 30 s, ±20 %
 *   resting ──► trial    the next request, when the rest is over; the others stay away until that one has an answer
 *   any ──► well         a response has begun
 */
import { Code } from '../../rpc/code.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from '../../wire/client-exchange.js';
import { type ClientEngine } from '../channel.js';
import { fateOf } from '../connection/exchange-failure.js';
import { type Target } from './target.js';

// gRPC's connection backoff, but for its maximum of two minutes: a server that was restarted should not wait that long.
const FIRST_REST_MS = 1_000;
const MAX_REST_MS = 30_000;
const FACTOR = 1.6;
const JITTER = 0.2;

export interface BalancedAddressInit {
  readonly target: Target;
  readonly createClient: (target: Target) => ClientEngine;
  /** The address has failed. */
  readonly onFailure: () => void;
}

export class BalancedAddress implements HttpClient {
  readonly target: Target;
  readonly #createClient: (target: Target) => ClientEngine;
  readonly #onFailure: () => void;
  #client: ClientEngine | undefined;
  /** In succession, and ever. */
  #failures = 0;
  #allFailures = 0;
  #restsUntil = 0;

  constructor({ target, createClient, onFailure }: BalancedAddressInit) {
    this.target = target;
    this.#createClient = createClient;
    this.#onFailure = onFailure;
  }

  /** Not to be used while another address is not resting. */
  get isResting(): boolean {
    return this.#failures > 0 && performance.now() < this.#restsUntil;
  }

  /** Of one that is resting, or was: on the clock of `performance`. */
  get restsUntil(): number {
    return this.#restsUntil;
  }

  open(head: RequestHead, listener: ClientExchangeListener): ClientExchange {
    return this.#open().open(head, this.#watch(listener));
  }

  send(head: RequestHead, body: Uint8Array | undefined, listener: ClientExchangeListener): ClientExchange {
    return this.#open().send(head, body, this.#watch(listener));
  }

  /** Takes no requests any more; settles when those under way have ended. */
  async close(): Promise<void> {
    await this.#client?.close();
  }

  destroy(): void {
    this.#client?.destroy();
  }

  /** @internal A response has begun. */
  answered(): void {
    this.#failures = 0;
  }

  /** @internal @param earlier Failures that there were ever when the request was sent: what breaks together counts once. */
  failed(earlier: number): void {
    if (earlier === this.#allFailures) {
      this.#allFailures++;
      this.#failures++;
      this.#rest();
      this.#onFailure();
    }
  }

  #open(): ClientEngine {
    return (this.#client ??= this.#createClient(this.target));
  }

  #watch(listener: ClientExchangeListener): ClientExchangeListener {
    if (this.#failures > 0) {
      this.#rest(); // Until this request has an answer.
    }
    return new WatchedListener(this, this.#allFailures, listener);
  }

  #rest(): void {
    const restMs = Math.min(FIRST_REST_MS * FACTOR ** (this.#failures - 1), MAX_REST_MS);
    this.#restsUntil = performance.now() + restMs * (1 + JITTER * (2 * Math.random() - 1));
  }
}

/** Tells the address what became of its request, before the caller hears of it and asks for another one. */
class WatchedListener implements ClientExchangeListener {
  constructor(
    private readonly address: BalancedAddress,
    private readonly earlierFailures: number,
    private readonly listener: ClientExchangeListener,
  ) {}

  onHeaders(status: number, headers: HeaderList): void {
    this.address.answered();
    this.listener.onHeaders(status, headers);
  }

  onData(chunk: Uint8Array): void {
    this.listener.onData(chunk);
  }

  onEnd(trailers: HeaderList): void {
    this.listener.onEnd(trailers);
  }

  onDrain(): void {
    this.listener.onDrain();
  }

  onAbort(reason: ConnectError): void {
    if (blamesAddress(reason)) {
      this.address.failed(this.earlierFailures);
    }
    this.listener.onAbort(reason);
  }
}

/** No connection, a lost one, or a server that takes no requests; a kept connection may be stale at any address. */
function blamesAddress(reason: ConnectError): boolean {
  return reason.code === Code.Unavailable && fateOf(reason) !== 'stale';
}
