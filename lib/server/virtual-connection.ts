/**
 * A connection without a socket: exchanges that somebody makes in this process, with the engine's limits, timers and
 * drain.
 */
import { type Peer } from '../rpc/server-call.js';
import { type ActiveCalls, type ExchangeOwner, type ServerExchange } from './server-exchange.js';

export class VirtualConnection implements ExchangeOwner {
  readonly #calls: ActiveCalls;
  readonly #serve: (exchange: ServerExchange) => void;
  #isDraining = false;

  constructor(
    readonly peer: Peer,
    calls: ActiveCalls,
    serve: (exchange: ServerExchange) => void,
  ) {
    this.#calls = calls;
    this.#serve = serve;
  }

  /** False once the server drains: a new exchange is for another connection. */
  get isOpen(): boolean {
    return !this.#isDraining;
  }

  /** Serves a request. */
  accept(exchange: ServerExchange): void {
    this.#serve(exchange);
  }

  drain(): void {
    this.#isDraining = true;
  }

  exchangeOpened(exchange: ServerExchange): void {
    this.#calls.add(exchange);
  }

  exchangeClosed(exchange: ServerExchange): void {
    this.#calls.delete(exchange);
  }
}
