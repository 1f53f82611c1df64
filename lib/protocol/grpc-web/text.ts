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
import { type Exchange, type ExchangeListener } from '../../wire/exchange.js';
import { ForwardingExchange } from '../../wire/forwarding-exchange.js';
import { Base64Decoder } from './base64-decoder.js';

/** What of an exchange is text: all of it, or the response alone. */
export type TextScope = 'both' | 'response';

export class TextExchange extends ForwardingExchange implements ExchangeListener {
  readonly #decoder = new Base64Decoder();
  // Set by start(), before which the inner exchange calls nothing.
  #listener!: ExchangeListener;

  constructor(
    inner: Exchange,
    private readonly scope: TextScope,
  ) {
    super(inner);
  }

  get isMidMessage(): boolean {
    return this.#listener.isMidMessage;
  }

  override start(listener: ExchangeListener): void {
    this.#listener = listener;
    super.start(this);
  }

  override respond(status: number, headers: HeaderList): void {
    super.respond(status, asText(headers));
  }

  override respondWithTrailers(status: number, headers: HeaderList): void {
    super.respondWithTrailers(status, asText(headers));
  }

  override respondAndEnd(status: number, headers: HeaderList, body?: Uint8Array): void {
    super.respondAndEnd(status, asText(headers), body === undefined ? undefined : this.#encode(body));
  }

  override write(bytes: Uint8Array): boolean {
    return super.write(this.#encode(bytes));
  }

  override end(bytes?: Uint8Array, trailers?: HeaderList): void {
    super.end(bytes === undefined ? undefined : this.#encode(bytes), trailers);
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
