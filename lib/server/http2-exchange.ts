/**
 * One HTTP/2 stream as an exchange.
 *
 * On node:http2's streams, not on its compatibility API, which costs more and hides trailers and resets.
 */
import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { type HeaderList, RpcHeaders } from '../rpc/headers.js';
import { timerWheel, WheelTimer } from '../rpc/timer-wheel.js';
import { addHeaders, createHeaderObject } from '../wire/header-object.js';
import { type ResponseWriter } from './response-writer.js';
import { type ExchangeOwner, ServerExchange } from './server-exchange.js';

/** What node:http2 gives with its `stream` event. */
export interface IncomingStream {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly flags: number;
  readonly rawHeaders: HeaderList;
}

/** `:method`, `:scheme`, `:authority` and `:path` count as headers to node:http2, and to nobody else. */
export const PSEUDO_HEADERS = 4;

const EXCHANGE = Symbol('exchange');

/** The stream carries its exchange, so that one set of listener functions serves all streams. */
interface Carrier {
  readonly destroyed: boolean;
  [EXCHANGE]?: Http2Exchange;
}

export class Http2Exchange extends ServerExchange {
  readonly httpVersion = '2';
  readonly method: string;
  readonly requestHeaders: HeaderList;
  readonly hasBody: boolean;

  protected readonly sink: ServerHttp2Stream;
  /** Until the response begins: a stream may be quiet for days, and its headers are a kilobyte. */
  #incoming: IncomingStream | undefined;
  #trailers: HeaderList | undefined;
  #isDelivered = false;

  constructor(owner: ExchangeOwner, incoming: IncomingStream) {
    super(owner, incoming.headers[':path'] ?? '');
    this.sink = incoming.stream;
    this.#incoming = incoming;
    this.method = incoming.headers[':method'] ?? '';
    this.requestHeaders = incoming.rawHeaders;
    this.hasBody = (incoming.flags & constants.NGHTTP2_FLAG_END_STREAM) === 0;
  }

  /** What node:http2 gave, for somebody else who answers instead; `undefined` once the response has begun. */
  get incoming(): IncomingStream | undefined {
    return this.#incoming;
  }

  get headerCount(): number {
    return this.requestHeaders.length / 2 - PSEUDO_HEADERS;
  }

  get isRequestComplete(): boolean {
    return this.sink.readableEnded;
  }

  header(name: string): string | undefined {
    if (this.#incoming === undefined) {
      return RpcHeaders.fromWire(this.requestHeaders).get(name);
    }
    const value = this.#incoming.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** @internal The last byte of a response without trailers went out. */
  bodySent(): void {
    this.#isDelivered = true;
    this.#stopUpload();
  }

  /** @internal node:http2 waits for the trailers. */
  sendTrailers(): void {
    this.#isDelivered = true;
    this.sink.sendTrailers(addHeaders(createHeaderObject(), this.#trailers ?? []));
    this.#stopUpload();
  }

  protected get isDelivered(): boolean {
    // When the request was complete, Node may close the stream with its last frame and never emit `finish`.
    return this.#isDelivered || (this.sink.writableEnded && this.sink.rstCode === constants.NGHTTP2_NO_ERROR);
  }

  protected watchEngine(): void {
    const carrier: Carrier = this.sink;
    carrier[EXCHANGE] = this;
    // Few: node:http2 tells itself of every listener that is added, which costs as much as the listener.
    this.sink.on('aborted', onAborted);
    // What happened is told by `aborted` and `close`; without a listener the process would end.
    this.sink.on('error', onError);
    this.sink.on('close', onClose);
  }

  protected watchBody(): void {
    this.sink.on('data', onData);
    this.sink.on('end', onEnd);
  }

  protected pauseBody(): void {
    this.sink.pause();
  }

  protected resumeBody(): void {
    this.sink.resume();
  }

  protected sendHead(status: number, headers: HeaderList): void {
    this.sink.on('finish', onFinish);
    this.#respond(headOf(status, headers), {});
  }

  protected sendHeadBeforeTrailers(status: number, headers: HeaderList): void {
    this.sink.on('wantTrailers', onWantTrailers);
    this.#respond(headOf(status, headers), { waitForTrailers: true });
  }

  protected sendWhole(status: number, headers: HeaderList, body: Uint8Array | undefined): void {
    const head = headOf(status, headers);
    if (body !== undefined) {
      head['content-length'] = body.length;
    }
    // The answer to a HEAD request has no body, whatever its headers say. (RFC 9110, section 9.3.2)
    if (body === undefined || body.length === 0 || this.method === 'HEAD') {
      this.#isDelivered = this.#respond(head, { endStream: true });
      this.#stopUpload();
    } else if (this.#respond(head, {})) {
      this.sink.on('finish', onFinish);
      this.endBody(body);
    }
  }

  protected override createWriter(): ResponseWriter {
    this.sink.on('drain', onDrain);
    return super.createWriter();
  }

  protected prepareEnd(trailers: HeaderList | undefined): void {
    this.#trailers = trailers;
  }

  protected breakOff(): void {
    // `close` would end the stream first, and the END_STREAM that goes out makes half a response look whole.
    this.sink.end = doNothing;
    this.sink.close(constants.NGHTTP2_CANCEL);
  }

  /** @returns False when the stream has gone already; its `close` event is on the way. */
  #respond(head: OutgoingHttpHeaders, options: { endStream?: boolean; waitForTrailers?: boolean }): boolean {
    if (this.sink.destroyed || this.sink.closed) {
      return false;
    }
    this.#incoming = undefined;
    this.sink.respond(head, options);
    return true;
  }

  /**
   * Ends an upload that nobody reads; without it the client may send for ever. (gRPC over HTTP/2,
   * "Responses": a server that has finished first sends RST_STREAM with NO_ERROR)
   *
   * Not in this turn, because a reset that is submitted together with the trailers overtakes them; and not before
   * an upload that is nearly done has had its chance: curl drops the response of a stream that is reset while it
   * writes, although "clients MUST NOT discard responses as a result" (RFC 9113, section 8.1).
   */
  #stopUpload(): void {
    if (!this.sink.readableEnded) {
      const { sink } = this;
      timerWheel.start(new WheelTimer(() => closeStream(sink)), UPLOAD_GRACE_MS);
    }
  }
}

const UPLOAD_GRACE_MS = 20;

function closeStream(stream: ServerHttp2Stream): void {
  // What was under way may have completed the request meanwhile.
  if (!stream.readableEnded && !stream.destroyed) {
    stream.close(constants.NGHTTP2_NO_ERROR);
  }
}

function doNothing(this: ServerHttp2Stream): ServerHttp2Stream {
  return this;
}

function onData(this: Carrier, chunk: Uint8Array): void {
  this[EXCHANGE]?.bodyArrived(chunk);
}

function onEnd(this: Carrier): void {
  this[EXCHANGE]?.bodyEnded();
}

function onDrain(this: Carrier): void {
  this[EXCHANGE]?.sinkDrained();
}

function onFinish(this: Carrier): void {
  this[EXCHANGE]?.bodySent();
}

function onWantTrailers(this: Carrier): void {
  this[EXCHANGE]?.sendTrailers();
}

function onAborted(this: Carrier): void {
  this[EXCHANGE]?.broken();
}

function onError(): void {}

function onClose(this: Carrier): void {
  this[EXCHANGE]?.gone();
}

function headOf(status: number, list: HeaderList): OutgoingHttpHeaders {
  const headers = createHeaderObject();
  headers[':status'] = status;
  return addHeaders(headers, list);
}
