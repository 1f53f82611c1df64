/**
 * A Connect unary call by POST, from the client's side: a bare message out, a bare message or an error as JSON in.
 *
 * Spec: Connect protocol, "Unary-Request" and "Unary-Response".
 */
import { type Compression } from '../../compression/compression.js';
import { type CompressionTable } from '../../compression/negotiate.js';
import { type CallStart, type SingleReply } from '../../rpc/client-call.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type EncodedMessage } from '../../rpc/message-flow.js';
import { ByteQueue } from '../../wire/byte-queue.js';
import { type HttpClient } from '../../wire/client-exchange.js';
import { type ClientMethod } from '../../wire/client-protocol.js';
import { FLAG_COMPRESSED } from '../../wire/envelope.js';
import { maxPayloadBytes, messageTooLarge } from '../../wire/envelope-reader.js';
import { codeFromHttpStatus } from '../../wire/http-status.js';
import { type MessageFormat } from '../../wire/message-format.js';
import { OutgoingCall } from '../../wire/outgoing-call.js';
import { type RequestHeaders } from '../../wire/request-headers.js';
import { foreignResponse, headerOf, mediaTypeOf, unexpectedCodec } from '../../wire/response-head.js';
import { ERROR_TYPE, isConnectType } from './content-type.js';
import { errorFromJson } from './error-json.js';
import { parseJsonObject } from './json-object.js';
import { formatTimeout } from './timeout.js';
import { leadingMetadata, trailingMetadata } from './trailer-prefix.js';

/** What all unary calls of a method share. */
export interface UnaryClientEndpoint {
  readonly method: ClientMethod;
  readonly format: MessageFormat;
  readonly compressions: CompressionTable;
  /** `content-type` of a success. */
  readonly contentType: string;
  readonly postHeaders: RequestHeaders;
  /** With `content-encoding`: of requests whose body is compressed. */
  readonly compressedPostHeaders: RequestHeaders;
  readonly getHeaders: RequestHeaders;
}

export class ConnectUnaryClientCall extends OutgoingCall {
  #status = 0;
  #responseHeaders: HeaderList = [];
  #responseCompression: Compression | undefined;
  readonly #body = new ByteQueue();
  #maxBytes = 0;

  constructor(
    http: HttpClient,
    protected readonly endpoint: UnaryClientEndpoint,
    start: CallStart,
    reply: SingleReply | undefined,
  ) {
    super(http, endpoint.method, start, reply);
  }

  /** Starts the clock: the request leaves with its message. */
  open(): this {
    this.begin();
    return this;
  }

  send(message: unknown): void {
    if (this.isOver) {
      return;
    }
    try {
      this.request(this.encode(message));
    } catch (error) {
      this.settleError(error as ConnectError); // Encoding and compressing throw nothing else, requesting nothing.
    }
  }

  encode(message: unknown): EncodedMessage {
    return this.endpoint.format.encode(message, 0);
  }

  onHeaders(status: number, headers: HeaderList): void {
    try {
      this.#readHead(status, headers);
    } catch (error) {
      this.settleError(error as ConnectError); // Reading a head throws nothing else.
      return;
    }
    if (this.wantsHeaders) {
      this.tellHeaders(leadingMetadata(headers));
    }
  }

  onData(chunk: Uint8Array): void {
    this.#body.push(chunk);
    if (this.#body.byteLength > this.#maxBytes) {
      this.settleError(messageTooLarge(undefined, this.method.options.receiveLimitBytes));
    }
  }

  onEnd(): void {
    const body = this.#body.take(this.#body.byteLength);
    let message: unknown;
    let error: ConnectError | undefined;
    try {
      if (this.#status === 200) {
        message = this.endpoint.format.decode(body, this.#responseCompression);
      } else {
        error = this.readError(this.#status, this.#responseHeaders, body);
      }
    } catch (failure) {
      error = failure as ConnectError; // Inflating and decoding throw nothing else.
    }
    const trailers = this.wantsTrailers ? trailingMetadata(this.#responseHeaders) : undefined;
    this.settle({ error, trailers }, message);
  }

  onAbort(reason: ConnectError): void {
    this.settleError(this.brokenBy(reason));
  }

  protected failReplies(): void {
    this.#body.clear();
  }

  /** Sends the request. @throws ConnectError When a plugged-in compression fails. */
  protected request(bytes: EncodedMessage): void {
    const compression = this.compressionOf(bytes);
    this.post(
      compression === undefined ? bytes : this.endpoint.format.compress(bytes, compression),
      compression,
    );
  }

  protected compressionOf({ byteLength }: EncodedMessage): Compression | undefined {
    const { requestCompression, compressMinBytes } = this.method.options;
    return byteLength >= compressMinBytes ? requestCompression : undefined;
  }

  /** @param compression How the body is compressed. */
  protected post(body: Uint8Array, compression: Compression | undefined): void {
    const { postHeaders, compressedPostHeaders } = this.endpoint;
    const headers = compression === undefined ? postHeaders : compressedPostHeaders;
    this.sendRequest({ method: 'POST', target: this.method.path, headers: this.headersFrom(headers) }, body);
  }

  protected headersFrom(headers: RequestHeaders): HeaderList {
    return headers.of(formatTimeout(this.start.timeoutMs), this.start.headers);
  }

  /** @throws ConnectError When the response is not one of Connect, or in another codec. */
  protected checkContentType(status: number, headers: HeaderList): void {
    const type = mediaTypeOf(headers);
    const expected = status === 200 ? this.endpoint.contentType : ERROR_TYPE;
    if (type !== expected) {
      throw status === 200 && isConnectType(type)
        ? unexpectedCodec(status, headers, { expected, peer: this.exchange?.peer })
        : foreignResponse(status, headers, this.exchange?.peer);
    }
  }

  /**
   * The error of a response that is none of success.
   *
   * @throws ConnectError `resource_exhausted` when the body inflates beyond the receive limit.
   */
  protected readError(status: number, headers: HeaderList, body: Uint8Array): ConnectError {
    const json = parseJsonObject(this.endpoint.format.inflate(body, this.#responseCompression));
    return json === undefined
      ? foreignResponse(status, headers, this.exchange?.peer)
      : errorFromJson(json, {
          fallbackCode: codeFromHttpStatus(status),
          metadata: leadingMetadata(headers).appendAll(trailingMetadata(headers)),
        });
  }

  /** @throws ConnectError When the body need not be read: the call has failed. */
  #readHead(status: number, headers: HeaderList): void {
    this.checkContentType(status, headers);
    this.#status = status;
    this.#responseHeaders = headers;
    this.#responseCompression = this.endpoint.compressions.ofResponse(headerOf(headers, 'content-encoding'));
    const { receiveLimitBytes } = this.method.options;
    this.#maxBytes = maxPayloadBytes(
      receiveLimitBytes,
      this.#responseCompression === undefined ? 0 : FLAG_COMPRESSED,
    );
    const contentLength = Number(headerOf(headers, 'content-length') ?? 0);
    if (contentLength > this.#maxBytes) {
      throw messageTooLarge(contentLength, receiveLimitBytes);
    }
  }
}
