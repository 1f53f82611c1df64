/**
 * A Connect unary call by POST: a bare message in, a bare message out, no envelopes.
 *
 * Spec: Connect protocol, "Unary-Request" and "Unary-Response".
 */
import { type Compression } from '../../compression/compression.js';
import { type CompressionTable } from '../../compression/negotiate.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type SingleReplyCall } from '../../rpc/server-call.js';
import { ByteQueue } from '../../wire/byte-queue.js';
import { FLAG_COMPRESSED } from '../../wire/envelope.js';
import { maxPayloadBytes, messageTooLarge } from '../../wire/envelope-reader.js';
import { type Exchange } from '../../wire/exchange.js';
import { IncomingCall } from '../../wire/incoming-call.js';
import { type MessageFormat } from '../../wire/message-format.js';
import { type Route } from '../../wire/route.js';
import { checkProtocolVersion, VERSION_HEADER } from './protocol-version.js';
import { parseTimeout } from './timeout.js';
import { appendMetadata, sendUnaryError, type UnaryMetadata } from './unary-response.js';

/** What all unary calls of a route in one codec share. */
export interface UnaryEndpoint {
  readonly route: Route;
  readonly format: MessageFormat;
  readonly compressions: CompressionTable;
  /** `content-type` of a success. */
  readonly contentType: string;
  /** The headers of every response, besides the content type. */
  readonly base: HeaderList;
}

export class ConnectUnaryCall extends IncomingCall implements SingleReplyCall<unknown> {
  readonly protocol: string = 'connect';

  #requestCompression: Compression | undefined;
  #responseCompression: Compression | undefined;
  readonly #body = new ByteQueue();
  #maxBytes = 0;
  #isComplete = false;

  constructor(
    exchange: Exchange,
    protected readonly endpoint: UnaryEndpoint,
  ) {
    super(exchange, endpoint.route);
  }

  get isMidMessage(): boolean {
    return !this.#isComplete && !this.isReplied;
  }

  /** Reads the headers and begins to receive. */
  begin(): void {
    this.exchange.start(this);
    try {
      this.readRequest();
    } catch (error) {
      this.fail(error as ConnectError); // Header parsing throws nothing else.
    }
  }

  onData(chunk: Uint8Array): void {
    if (this.isReplied) {
      return;
    }
    this.#body.push(chunk);
    if (this.#body.byteLength > this.#maxBytes) {
      this.#body.clear();
      this.fail(messageTooLarge(undefined, this.route.options.receiveLimitBytes));
    }
  }

  onEnd(): void {
    if (!this.isReplied) {
      this.#isComplete = true;
      this.invoke(this.#body.take(this.#body.byteLength), this.#requestCompression);
    }
  }

  onDrain(): void {
    // A unary response is one write; nobody waits for room.
  }

  protected override abortRequests(): void {
    // The request is one message: the handler has it, or never runs.
  }

  flushHeaders(): void {
    // The status line depends on the outcome: there is nothing to send before it.
  }

  succeed(message: unknown): void {
    if (this.isReplied) {
      return;
    }
    try {
      this.sendMessage(this.endpoint.format.encode(message, 0));
      this.isReplied = true;
    } catch (error) {
      this.fail(error as ConnectError); // Encoding and compressing throw nothing else.
    }
  }

  fail(error: ConnectError): void {
    if (!this.isReplied) {
      this.isReplied = true;
      sendUnaryError(this.exchange, error, {
        base: this.endpoint.base,
        metadata: this.metadata,
        sendLimitBytes: this.route.options.sendLimitBytes,
      });
    }
  }

  /** @throws ConnectError When a header is wrong. */
  protected readRequest(): void {
    const { exchange } = this;
    checkProtocolVersion(
      exchange.header('connect-protocol-version'),
      VERSION_HEADER,
      this.route.options.requireProtocolVersion,
    );
    this.#requestCompression = this.endpoint.compressions.forRequest(exchange.header('content-encoding'));
    this.#maxBytes = maxPayloadBytes(
      this.route.options.receiveLimitBytes,
      this.#requestCompression === undefined ? 0 : FLAG_COMPRESSED,
    );
    this.negotiateResponse();
    const contentLength = Number(exchange.header('content-length') ?? 0);
    if (contentLength > this.#maxBytes) {
      throw messageTooLarge(contentLength, this.route.options.receiveLimitBytes);
    }
  }

  /** Response compression and deadline: what GET shares with POST. */
  protected negotiateResponse(): void {
    this.#responseCompression = this.endpoint.compressions.forResponse(
      this.exchange.header('accept-encoding'),
    );
    this.startDeadline(parseTimeout(this.exchange.header('connect-timeout-ms')));
  }

  /** @param body The message as it came. */
  protected invoke(body: Uint8Array, compression: Compression | undefined): void {
    const { handler } = this.route;
    let request: unknown;
    try {
      request = this.endpoint.format.decode(body, compression);
    } catch (error) {
      this.fail(error as ConnectError); // Decoding throws nothing else.
      return;
    }
    try {
      if (handler.kind === 'unary') {
        handler.invoke(request, this);
      }
    } catch (error) {
      this.handlerThrew(error);
    }
  }

  protected get metadata(): UnaryMetadata {
    return { headers: this.setResponseHeaders, trailers: this.setResponseTrailers };
  }

  protected sendMessage(bytes: Uint8Array): void {
    const compression =
      bytes.byteLength >= this.route.options.compressMinBytes ? this.#responseCompression : undefined;
    const head = ['content-type', this.endpoint.contentType, ...this.endpoint.base];
    if (compression !== undefined) {
      head.push('content-encoding', compression.name);
    }
    appendMetadata(head, this.metadata);
    const body = compression === undefined ? bytes : this.endpoint.format.compress(bytes, compression);
    this.exchange.respondAndEnd(200, head, body);
  }
}
