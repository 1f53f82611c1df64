/**
 * `application/grpc-web-text`: the same bytes in base64, for browsers that cannot read a binary body as it comes.
 *
 * An exchange around the exchange: decodes what arrives, encodes what leaves, and nothing else of the protocol
 * has to know.
 *
 * Spec: gRPC-Web, "Text-encoded (response) streams": each flush may be padded on its own, so padding can stand
 * in the middle of the body.
 */
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type Peer } from '../../rpc/server-call.js';
import { type Exchange, type ExchangeListener } from '../../wire/exchange.js';
import { Base64Decoder } from './base64-decoder.js';

/** What of an exchange is text: all of it, or the response alone. */
export type TextScope = 'both' | 'response';

export class TextExchange implements Exchange, ExchangeListener {
  readonly #decoder = new Base64Decoder();
  // Set by start(), before which the inner exchange calls nothing.
  #listener!: ExchangeListener;

  constructor(
    private readonly inner: Exchange,
    private readonly scope: TextScope,
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

  get isMidMessage(): boolean {
    return this.#listener.isMidMessage;
  }

  header(name: string): string | undefined {
    return this.inner.header(name);
  }

  start(listener: ExchangeListener): void {
    this.#listener = listener;
    this.inner.start(this);
  }

  pause(): void {
    this.inner.pause();
  }

  resume(): void {
    this.inner.resume();
  }

  respond(status: number, headers: HeaderList): void {
    this.inner.respond(status, asText(headers));
  }

  respondWithTrailers(status: number, headers: HeaderList): void {
    this.inner.respondWithTrailers(status, asText(headers));
  }

  respondAndEnd(status: number, headers: HeaderList, body?: Uint8Array): void {
    this.inner.respondAndEnd(status, asText(headers), body === undefined ? undefined : this.#encode(body));
  }

  write(bytes: Uint8Array): boolean {
    return this.inner.write(this.#encode(bytes));
  }

  end(bytes?: Uint8Array, trailers?: HeaderList): void {
    this.inner.end(bytes === undefined ? undefined : this.#encode(bytes), trailers);
  }

  reset(): void {
    this.inner.reset();
  }

  onData(chunk: Uint8Array): void {
    if (this.scope === 'response') {
      this.#listener.onData(chunk);
      return;
    }
    this.#deliver(this.#decoder.decode(chunk));
  }

  onEnd(): void {
    if (this.scope === 'both') {
      this.#deliver(this.#decoder.finish());
    }
    this.#listener.onEnd();
  }

  onDrain(): void {
    this.#listener.onDrain();
  }

  onAbort(reason: ConnectError): void {
    this.#listener.onAbort(reason);
  }

  onClose(): void {
    this.#listener.onClose();
  }

  terminate(reason: ConnectError): void {
    this.#listener.terminate(reason);
  }

  #deliver(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      this.#listener.terminate(new ConnectError('the request body is not base64', { code: Code.Internal }));
    } else if (bytes.byteLength > 0) {
      this.#listener.onData(bytes);
    }
  }

  #encode(bytes: Uint8Array): Uint8Array {
    const { buffer, byteOffset, byteLength } = bytes;
    return Buffer.from(Buffer.from(buffer, byteOffset, byteLength).toString('base64'), 'latin1');
  }
}

/** The response to a binary request is declared as what it is. */
function asText(headers: HeaderList): HeaderList {
  const value = headers.indexOf('content-type') + 1;
  return headers.map((text, i) =>
    i === value ? text.replace(/^application\/grpc-web(?=\+|$)/, 'application/grpc-web-text') : text,
  );
}
