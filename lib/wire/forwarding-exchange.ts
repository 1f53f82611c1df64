/**
 * An exchange around an exchange that changes nothing: what wraps one says only what it changes.
 */
import { type HeaderList } from '../rpc/headers.js';
import { type Peer } from '../rpc/server-call.js';
import { type Exchange, type ExchangeListener } from './exchange.js';

export abstract class ForwardingExchange implements Exchange {
  constructor(protected readonly inner: Exchange) {}

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
    this.inner.respond(status, headers);
  }

  respondWithTrailers(status: number, headers: HeaderList): void {
    this.inner.respondWithTrailers(status, headers);
  }

  respondAndEnd(status: number, headers: HeaderList, body?: Uint8Array): void {
    this.inner.respondAndEnd(status, headers, body);
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
}
