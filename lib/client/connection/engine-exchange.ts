/**
 * What the exchanges of both engines have in common: what was promised to their listener.
 *
 *   open ──► over     the listener was told the end, or has given up: it hears nothing any more
 *   live ──► gone     Node has let go of the request, its response and the connection below it
 *
 * The owner counts an exchange until it is both.
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type ClientExchange, type ClientExchangeListener } from '../../wire/client-exchange.js';
import { type Linked } from '../linked-set.js';

/** The connection, or the client, that an exchange belongs to. */
export interface ExchangeOwner {
  exchangeClosed(exchange: EngineExchange): void;
}

export abstract class EngineExchange implements ClientExchange, Linked<EngineExchange> {
  /** @internal Of its owner's set. */
  next: EngineExchange | undefined;
  /** @internal Of its owner's set. */
  previous: EngineExchange | undefined;
  #isOver = false;
  #isGone = false;

  constructor(
    private readonly owner: ExchangeOwner,
    private readonly listener: ClientExchangeListener,
  ) {}

  abstract write(bytes: Uint8Array): boolean;
  abstract end(): void;
  abstract pause(): void;
  abstract resume(): void;

  /** Ends what is under way on the connection; nothing, when both directions are complete. */
  protected abstract breakOff(): void;

  get isOver(): boolean {
    return this.#isOver;
  }

  reset(): void {
    this.#setOver();
    this.breakOff();
  }

  /** Ends the exchange from here, and tells the listener. */
  cut(reason: ConnectError): void {
    this.abort(reason);
    this.breakOff();
  }

  /** @internal */
  drained(): void {
    if (!this.#isOver) {
      this.listener.onDrain();
    }
  }

  /** @internal */
  bodyArrived(chunk: Uint8Array): void {
    if (!this.#isOver) {
      this.listener.onData(chunk);
    }
  }

  protected headArrived(status: number, headers: HeaderList): void {
    if (!this.#isOver) {
      this.listener.onHeaders(status, headers);
    }
  }

  protected finish(trailers: HeaderList): void {
    if (!this.#isOver) {
      this.#setOver();
      this.listener.onEnd(trailers);
    }
  }

  protected abort(reason: ConnectError): void {
    if (!this.#isOver) {
      this.#setOver();
      this.listener.onAbort(reason);
    }
  }

  protected setGone(): void {
    if (!this.#isGone) {
      this.#isGone = true;
      this.#tellOwner();
    }
  }

  #setOver(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#tellOwner();
    }
  }

  #tellOwner(): void {
    if (this.#isOver && this.#isGone) {
      this.owner.exchangeClosed(this);
    }
  }
}
