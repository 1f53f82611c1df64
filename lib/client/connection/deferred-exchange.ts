/**
 * The exchange of a request that waits until it is known where it goes.
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
} from '../../wire/client-exchange.js';
import { CallContext } from './call-context.js';

export class DeferredExchange implements ClientExchange {
  readonly #context = new CallContext();
  #exchange: ClientExchange | undefined;
  /** What the caller did meanwhile: a few writes at most, since none asks for more. */
  readonly #written: Uint8Array[] = [];
  #hasEnded = false;
  #isPaused = false;
  #isOver = false;

  /** @param send Sends the request, for this listener. */
  constructor(
    private readonly listener: ClientExchangeListener,
    private readonly send: (client: HttpClient) => ClientExchange,
  ) {}

  /** Sends the request, unless it was given up. */
  begin(client: HttpClient): void {
    if (!this.#isOver) {
      this.#context.run(() => this.#begin(client));
    }
  }

  /** There is nowhere to send it. */
  cut(reason: ConnectError): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#context.run(() => this.listener.onAbort(reason));
    }
  }

  get peer(): string | undefined {
    return this.#exchange?.peer;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#exchange !== undefined) {
      return this.#exchange.write(bytes);
    }
    this.#written.push(bytes);
    return false;
  }

  end(): void {
    this.#hasEnded = true;
    this.#exchange?.end();
  }

  pause(): void {
    this.#isPaused = true;
    this.#exchange?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#exchange?.resume();
  }

  reset(): void {
    this.#isOver = true;
    this.#exchange?.reset();
  }

  #begin(client: HttpClient): void {
    const exchange = this.send(client);
    this.#exchange = exchange;
    if (this.#isPaused) {
      exchange.pause();
    }
    this.#sendWritten(exchange);
  }

  #sendWritten(exchange: ClientExchange): void {
    // Who has written was told to wait; where the last write says the same, the exchange's own onDrain follows.
    let mayGoOn = false;
    for (const bytes of this.#written.splice(0)) {
      mayGoOn = exchange.write(bytes);
    }
    if (this.#hasEnded) {
      exchange.end();
    } else if (mayGoOn) {
      this.listener.onDrain();
    }
  }
}
