/**
 * An HttpClient without a socket: specs of client protocols read what was requested and feed the response by hand.
 *
 * It keeps the port's promises as the real engines do, and throws where a protocol breaks them.
 */
import { type ConnectError } from '../../lib/rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../lib/rpc/headers.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from '../../lib/wire/client-exchange.js';

export class MemoryHttpClient implements HttpClient {
  readonly requests: MemoryClientExchange[] = [];

  /** The only request so far. */
  get request(): MemoryClientExchange {
    const [first, ...more] = this.requests;
    if (first === undefined || more.length > 0) {
      throw new Error(`expected one request, there were ${this.requests.length}`);
    }
    return first;
  }

  open(head: RequestHead, listener: ClientExchangeListener): MemoryClientExchange {
    const exchange = new MemoryClientExchange(head, listener);
    this.requests.push(exchange);
    return exchange;
  }

  send(
    head: RequestHead,
    body: Uint8Array | undefined,
    listener: ClientExchangeListener,
  ): MemoryClientExchange {
    const exchange = this.open(head, listener);
    exchange.isOneStep = true;
    if (body !== undefined) {
      exchange.chunks.push(body);
    }
    exchange.isRequestComplete = true;
    return exchange;
  }
}

export class MemoryClientExchange implements ClientExchange {
  /** The request's body, one entry for each write. */
  readonly chunks: Uint8Array[] = [];
  isRequestComplete = false;
  /** The request came in one step. */
  isOneStep = false;
  isPaused = false;
  /** Given up by the protocol before the response was complete. */
  isReset = false;
  /** Set to false to make {@link write} ask for a pause; {@link drain} sets it back. */
  takesMore = true;
  #isOver = false;

  constructor(
    readonly head: RequestHead,
    private readonly listener: ClientExchangeListener,
  ) {}

  /** @returns The value of a request header; repeated ones joined by `", "`. */
  header(name: string): string | undefined {
    return RpcHeaders.fromWire(this.head.headers).get(name);
  }

  get body(): Uint8Array {
    return Buffer.concat(this.chunks);
  }

  // What a spec does: the server's side.

  headers(status: number, headers: HeaderList): this {
    this.#unlessOver(() => this.listener.onHeaders(status, headers));
    return this;
  }

  data(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      this.#unlessOver(() => this.listener.onData(chunk));
    }
    return this;
  }

  finish(trailers: HeaderList = []): this {
    this.#unlessOver(() => {
      this.#isOver = true;
      this.listener.onEnd(trailers);
    });
    return this;
  }

  abort(reason: ConnectError): this {
    this.#unlessOver(() => {
      this.#isOver = true;
      this.listener.onAbort(reason);
    });
    return this;
  }

  drain(): this {
    this.takesMore = true;
    this.#unlessOver(() => this.listener.onDrain());
    return this;
  }

  // The port: what a protocol sees.

  write(bytes: Uint8Array): boolean {
    if (this.isRequestComplete) {
      throw new Error('write() after the end of the request');
    }
    this.chunks.push(bytes);
    return this.takesMore;
  }

  end(): void {
    if (this.isRequestComplete) {
      throw new Error('end() was called twice');
    }
    this.isRequestComplete = true;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  reset(): void {
    this.isReset ||= !this.#isOver;
    this.#isOver = true;
  }

  #unlessOver(tell: () => void): void {
    if (!this.#isOver) {
      tell();
    }
  }
}
