/**
 * An exchange around the exchange that adds headers to the answer, whichever it is: no protocol and no
 * refusal has to think of them.
 */
import { type HeaderList } from '../rpc/headers.js';
import { type Peer } from '../rpc/server-call.js';
import { type Exchange, type ExchangeListener } from '../wire/exchange.js';

export class CorsExchange implements Exchange {
  constructor(
    private readonly inner: Exchange,
    private readonly added: HeaderList,
  ) {}

  get httpVersion(): '1.1' | '2' {
    return this.inner.httpVersion;
  }

  get method(): string {
    return this.inner.method;
  }

  get path(): string {
    return this.inner.path;
  }

  get query(): string {
    return this.inner.query;
  }

  get peer(): Peer {
    return this.inner.peer;
  }

  get requestHeaders(): HeaderList {
    return this.inner.requestHeaders;
  }

  get hasBody(): boolean {
    return this.inner.hasBody;
  }

  get bufferedBytes(): number {
    return this.inner.bufferedBytes;
  }

  header(name: string): string | undefined {
    return this.inner.header(name);
  }

  start(listener: ExchangeListener): void {
    this.inner.start(listener);
  }

  pause(): void {
    this.inner.pause();
  }

  resume(): void {
    this.inner.resume();
  }

  respond(status: number, headers: HeaderList): void {
    this.inner.respond(status, this.#withAdded(headers));
  }

  respondWithTrailers(status: number, headers: HeaderList): void {
    this.inner.respondWithTrailers(status, this.#withAdded(headers));
  }

  respondAndEnd(status: number, headers: HeaderList, body?: Uint8Array): void {
    this.inner.respondAndEnd(status, this.#withAdded(headers), body);
  }

  write(bytes: Uint8Array): boolean {
    return this.inner.write(bytes);
  }

  end(bytes?: Uint8Array, trailers?: HeaderList): void {
    this.inner.end(bytes, trailers);
  }

  reset(): void {
    this.inner.reset();
  }

  /** `vary` may come twice then, which is a list in two lines. (RFC 9110, section 5.3) */
  #withAdded(headers: HeaderList): HeaderList {
    return [...headers, ...this.added];
  }
}
