/**
 * One request and its tries: an exchange to its caller, a listener to the exchange of each try.
 *
 *   trying ──► pausing ──► trying ──► …      no server has begun with it
 *     └──► committed                         a response has begun, or the request is too large to be kept: the last try
 *
 * The listener is told of one response, or of one end.
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
} from '../../wire/client-exchange.js';
import { type ByteBudget } from '../byte-budget.js';
import { fateOf } from '../connection/exchange-failure.js';
import { type KeptRequest } from './kept-request.js';
import { pauseAfter } from './transparent-retry-pause.js';

/** The client of such exchanges. */
export interface RetryOwner {
  /** Where the tries go. */
  readonly http: HttpClient;
  /** The exchange pauses before its next try, or does no more. */
  pausing(exchange: RetriedExchange, isPausing: boolean): void;
  /** Its listener hears nothing any more. */
  exchangeOver(): void;
}

/** Of requests without a deadline. */
const MAX_TRIES = 10;

export class RetriedExchange implements ClientExchange, ClientExchangeListener {
  #exchange: ClientExchange | undefined;
  /** `undefined` once committed. */
  #request: KeptRequest | undefined;
  #keptBytes = 0;
  #tries = 1;
  #lastFailure: ConnectError | undefined;
  #pause: NodeJS.Timeout | undefined;
  /** The caller was told to wait for `onDrain`. */
  #awaitsDrain = false;
  #isPaused = false;
  #isOver = false;

  constructor(
    private readonly owner: RetryOwner,
    private readonly budget: ByteBudget,
    private readonly listener: ClientExchangeListener,
  ) {}

  get lastFailure(): ConnectError | undefined {
    return this.#lastFailure;
  }

  /** @param bytes Size of the body as far as it is known. */
  begin(request: KeptRequest, bytes: number): this {
    this.#request = request;
    this.#keep(bytes);
    this.#exchange = request.sendTo(this.owner.http, this);
    return this;
  }

  get peer(): string | undefined {
    return this.#exchange?.peer;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isOver) {
      return false;
    }
    if (this.#keep(bytes.byteLength)) {
      this.#request?.write(bytes);
    } else if (this.#exchange === undefined && this.#lastFailure !== undefined) {
      // Nowhere to send it, and too large to be kept. In a turn of its own, as the port promises.
      process.nextTick(cut, this, this.#lastFailure);
      return false;
    }
    const takesMore = this.#exchange?.write(bytes) ?? false;
    this.#awaitsDrain = !takesMore;
    return takesMore;
  }

  end(): void {
    this.#request?.end();
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
    this.#setOver();
    this.#exchange?.reset();
  }

  /** Ends an exchange that pauses, and tells the listener. */
  cut(reason: ConnectError): void {
    if (!this.#isOver) {
      this.#setOver();
      this.listener.onAbort(reason);
    }
  }

  onHeaders(status: number, headers: HeaderList): void {
    this.#commit();
    this.#lastFailure = undefined;
    this.listener.onHeaders(status, headers);
  }

  onData(chunk: Uint8Array): void {
    this.listener.onData(chunk);
  }

  onEnd(trailers: HeaderList): void {
    this.#setOver();
    this.listener.onEnd(trailers);
  }

  onDrain(): void {
    this.#awaitsDrain = false;
    this.listener.onDrain();
  }

  onAbort(reason: ConnectError): void {
    if (this.#request === undefined || !this.#mayTryAgain(this.#request, reason)) {
      this.cut(reason);
      return;
    }
    this.#exchange = undefined;
    this.#lastFailure = reason;
    const pauseMs = pauseAfter(this.#tries);
    if (pauseMs === 0) {
      this.#tryAgain();
    } else {
      this.owner.pausing(this, true);
      // Holds the process: somebody waits for the response.
      this.#pause = setTimeout(tryAgain, pauseMs, this);
    }
  }

  /** @internal The pause is over. */
  pauseOver(): void {
    this.owner.pausing(this, false);
    this.#pause = undefined;
    this.#tryAgain();
  }

  #mayTryAgain({ isGet }: KeptRequest, reason: ConnectError): boolean {
    switch (fateOf(reason)) {
      case 'unprocessed':
        return this.listener.hasDeadline === true || this.#tries < MAX_TRIES;
      case 'stale':
        return this.#tries === 1 && (isGet || this.listener.isIdempotent === true);
      default:
        return false;
    }
  }

  #tryAgain(): void {
    this.#tries++;
    const request = this.#request;
    if (request === undefined) {
      return;
    }
    this.#exchange = request.sendTo(this.owner.http, this);
    if (this.#isPaused) {
      this.#exchange.pause();
    }
    if (this.#awaitsDrain && request.takesMore) {
      this.onDrain();
    }
  }

  /** @returns False when the request is committed: it cannot be kept. */
  #keep(bytes: number): boolean {
    if (this.#request === undefined) {
      return false;
    }
    if (!this.budget.take(bytes, this.#keptBytes)) {
      this.#commit();
      return false;
    }
    this.#keptBytes += bytes;
    return true;
  }

  #commit(): void {
    this.#request = undefined;
    this.budget.give(this.#keptBytes);
    this.#keptBytes = 0;
  }

  #setOver(): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#commit();
    if (this.#pause !== undefined) {
      clearTimeout(this.#pause);
      this.owner.pausing(this, false);
    }
    this.owner.exchangeOver();
  }
}

// Functions with an argument, and not closures.
function tryAgain(exchange: RetriedExchange): void {
  exchange.pauseOver();
}

function cut(exchange: RetriedExchange, reason: ConnectError): void {
  exchange.cut(reason);
}
