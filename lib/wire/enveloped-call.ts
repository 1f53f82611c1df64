/**
 * A call whose messages travel in envelopes: all of gRPC and gRPC-Web, and Connect's streams.
 *
 * A protocol adds what differs: its headers, and how a response ends. A unary call does not become a stream
 * of one: its single envelope is decoded where it lies, and the answer leaves with its ending in one step.
 */
import { type Compression } from '../compression/compression.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList } from '../rpc/headers.js';
import { type EncodedMessage } from '../rpc/message-flow.js';
import { type SingleReplyCall, type StreamReplyCall } from '../rpc/server-call.js';
import { EnvelopeReader, truncated } from './envelope-reader.js';
import { EnvelopeSource, type StreamOwner } from './envelope-source.js';
import { type Exchange } from './exchange.js';
import { IncomingCall } from './incoming-call.js';
import { type MessageFormat } from './message-format.js';
import { appendHeaders } from './metadata-headers.js';
import { type Route } from './route.js';

/** What the request's headers ask for. */
export interface EnvelopedRequest {
  readonly timeoutMs: number | undefined;
  /** How the request's compressed envelopes are compressed. */
  readonly requestCompression: Compression | undefined;
  /** How the response may be compressed. */
  readonly responseCompression: Compression | undefined;
}

export abstract class EnvelopedCall
  extends IncomingCall
  implements SingleReplyCall<unknown>, StreamReplyCall<unknown>, StreamOwner
{
  isReady = true;
  #responseCompression: Compression | undefined;

  readonly #reader: EnvelopeReader;
  #requestCompression: Compression | undefined;
  /** Unary and server streaming: the one request message, once it is there. */
  #request: unknown;
  #hasRequest = false;
  /** Client and bidi streaming. */
  #source: EnvelopeSource | undefined;
  #readyListener: (() => void) | undefined;
  #isInvoked = false;
  #hasSentHead = false;

  constructor(
    exchange: Exchange,
    route: Route,
    private readonly format: MessageFormat,
  ) {
    super(exchange, route);
    this.#reader = new EnvelopeReader(route.options.receiveLimitBytes);
  }

  /** @throws ConnectError When a header is wrong. */
  protected abstract readRequest(exchange: Exchange): EnvelopedRequest;
  /** Sends the head of a response that messages follow. */
  protected abstract sendHead(): void;
  /** Ends a response whose head was sent. */
  protected abstract sendEnd(error: ConnectError | undefined): void;
  /** Sends a whole response: head, at most one message, ending. */
  protected abstract sendWhole(message: EncodedMessage | undefined, error: ConnectError | undefined): void;

  get isMidMessage(): boolean {
    return this.#source === undefined ? !this.isReplied && !this.#isInvoked : this.#source.isMidMessage;
  }

  /** Reads the headers and begins to receive. */
  begin(): void {
    this.exchange.start(this);
    try {
      const request = this.readRequest(this.exchange);
      this.#requestCompression = request.requestCompression;
      this.#responseCompression = request.responseCompression;
      this.startDeadline(request.timeoutMs);
    } catch (error) {
      this.fail(error as ConnectError); // Header parsing throws nothing else.
      return;
    }
    if (this.route.spec.streamsRequests) {
      this.exchange.pause();
      this.#source = new EnvelopeSource(this.exchange, this.#reader, this);
      this.#invokeWithStream(this.#source);
    }
  }

  onData(chunk: Uint8Array): void {
    const source = this.#source;
    if (source !== undefined) {
      this.inScope(() => source.push(chunk));
    } else if (!this.isReplied) {
      this.#reader.push(chunk);
      this.#readSingleRequest();
    }
  }

  onEnd(): void {
    const source = this.#source;
    if (source !== undefined) {
      this.inScope(() => source.end());
    } else if (!this.isReplied) {
      this.#endSingleRequest();
    }
  }

  onDrain(): void {
    this.isReady = true;
    if (this.#readyListener !== undefined) {
      this.inScope(this.#readyListener);
    }
  }

  override onClose(): void {
    super.onClose();
    // A handler may have answered and still read its requests, or wait for credit: nothing comes any more.
    const source = this.#source;
    if (source !== undefined) {
      this.inScope(() => source.close());
    }
    this.onDrain();
    this.#reader.clear();
    this.#readyListener = undefined;
  }

  onReady(listener: () => void): void {
    this.#readyListener = listener;
  }

  flushHeaders(): void {
    if (!this.#hasSentHead && !this.isReplied && this.route.spec.streamsResponses) {
      this.#hasSentHead = true;
      this.sendHead();
    }
  }

  encode(message: unknown): EncodedMessage {
    return this.format.encodeEnvelope(message, this.#responseCompression);
  }

  write(message: EncodedMessage): void {
    if (this.isReplied) {
      return;
    }
    this.flushHeaders();
    this.isReady = this.exchange.write(message);
  }

  succeed(message: unknown): void {
    if (this.isReplied) {
      return;
    }
    let envelope: EncodedMessage;
    try {
      envelope = this.encode(message);
    } catch (error) {
      this.fail(error as ConnectError); // Encoding throws nothing else.
      return;
    }
    this.isReplied = true;
    this.sendWhole(envelope, undefined);
  }

  complete(): void {
    this.#end(undefined);
  }

  fail(error: ConnectError): void {
    this.#end(error);
  }

  decodeEnvelope(flags: number, payload: Uint8Array): unknown {
    return this.format.decodeEnvelope(flags, payload, this.#requestCompression);
  }

  ended(isTruncated: boolean): ConnectError | undefined {
    return isTruncated ? truncated('request') : undefined;
  }

  streamFailed(error: ConnectError): ConnectError {
    this.terminate(error);
    this.exchange.resume();
    return error;
  }

  streamAbandoned(): void {
    // The peer may still be sending; its bytes are read and dropped so that it sees the response.
    this.exchange.resume();
  }

  protected override cancel(reason: ConnectError): void {
    super.cancel(reason);
    // Whoever waits for credit must not wait for ever: there is nothing to wait for.
    this.onDrain();
  }

  protected override abortRequests(reason: ConnectError): void {
    this.#source?.abort(reason);
  }

  /**
   * @param base What the endpoint sends with every response.
   * @param encodingHeader The header that names the compression of messages.
   * @returns The head: `base` itself when there is nothing to add.
   */
  protected headWith(base: HeaderList, encodingHeader: string): HeaderList {
    const { setResponseHeaders } = this;
    const responseCompression = this.#responseCompression;
    if (responseCompression === undefined && setResponseHeaders === undefined) {
      return base;
    }
    const list = [...base];
    if (responseCompression !== undefined) {
      list.push(encodingHeader, responseCompression.name);
    }
    return appendHeaders(list, setResponseHeaders);
  }

  #end(error: ConnectError | undefined): void {
    if (this.isReplied) {
      return;
    }
    this.isReplied = true;
    if (this.#hasSentHead) {
      this.sendEnd(error);
    } else {
      this.sendWhole(undefined, error);
    }
  }

  #readSingleRequest(): void {
    try {
      for (let payload = this.#reader.read(); payload !== undefined; payload = this.#reader.read()) {
        if (this.#hasRequest) {
          throw cardinality('more than one');
        }
        this.#request = this.decodeEnvelope(this.#reader.flags, payload);
        this.#hasRequest = true;
      }
    } catch (error) {
      this.fail(error as ConnectError); // Reading and decoding throw nothing else.
    }
  }

  #endSingleRequest(): void {
    if (this.#reader.isMidEnvelope) {
      this.fail(truncated('request'));
    } else if (!this.#hasRequest) {
      this.fail(cardinality('no'));
    } else {
      const message = this.#request;
      // Held here it would live as long as the exchange, which is over only when the peer has taken the answer.
      this.#request = undefined;
      this.#invokeWithMessage(message);
    }
  }

  #invokeWithMessage(message: unknown): void {
    this.#isInvoked = true;
    const { handler } = this.route;
    try {
      if (handler.kind === 'unary' || handler.kind === 'server_streaming') {
        handler.invoke(message, this);
      }
    } catch (error) {
      this.handlerThrew(error);
    }
  }

  #invokeWithStream(source: EnvelopeSource): void {
    const { handler } = this.route;
    try {
      if (handler.kind === 'client_streaming' || handler.kind === 'bidi_streaming') {
        handler.invoke(source, this);
      }
    } catch (error) {
      this.handlerThrew(error);
    }
  }
}

/** gRPC status codes: a request with another number of messages than the method has is `unimplemented`. */
function cardinality(count: string): ConnectError {
  return new ConnectError(`${count} request message, but the method takes exactly one`, {
    code: Code.Unimplemented,
  });
}
