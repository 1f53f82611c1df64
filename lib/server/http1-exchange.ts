/**
 * One HTTP/1.1 request and response as an exchange.
 *
 * Headers go out as one flat list and a whole response by one `end`: what node:http does fastest.
 */
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { type HeaderList } from '../rpc/headers.js';
import { type ResponseSink, ResponseWriter } from './response-writer.js';
import { type ExchangeOwner, ServerExchange } from './server-exchange.js';

/** The connection of HTTP/1.1 exchanges, which may end with one of them. */
export interface Http1Owner extends ExchangeOwner {
  /** The connection serves no request after this one. */
  readonly isClosing: boolean;
  /** Closes after the response that is about to end, whose request is not complete. */
  closeAfterEarlyResponse(response: ServerResponse): void;
  destroy(): void;
}

const EXCHANGE = Symbol('exchange');

/** The largest body that is read to its end, unheard, to keep a connection. */
const MAX_DISCARDED_BYTES = 65_536;

/** Request and response carry their exchange, so that one set of listener functions serves all of them. */
interface Carrier {
  readonly destroyed: boolean;
  [EXCHANGE]?: Http1Exchange;
}

export class Http1Exchange extends ServerExchange {
  readonly httpVersion = '1.1';
  readonly method: string;

  protected readonly sink: ServerResponse;

  constructor(
    private readonly connection: Http1Owner,
    private readonly request: IncomingMessage,
    response: ServerResponse,
  ) {
    super(connection, request.url ?? '');
    this.method = request.method ?? '';
    this.sink = response;
  }

  get requestHeaders(): HeaderList {
    return this.request.rawHeaders;
  }

  get headerCount(): number {
    return this.request.rawHeaders.length / 2;
  }

  get hasBody(): boolean {
    const { 'content-length': length, 'transfer-encoding': coding } = this.request.headers;
    return coding !== undefined || (length !== undefined && Number(length) !== 0);
  }

  get isRequestComplete(): boolean {
    return this.request.complete;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  protected get isDelivered(): boolean {
    return this.sink.writableFinished;
  }

  protected watchEngine(): void {
    const request: Carrier = this.request;
    const response: Carrier = this.sink;
    request[EXCHANGE] = this;
    response[EXCHANGE] = this;
    // What happened is told by `close`; without a listener the process would end.
    this.request.on('error', onError);
    this.sink.on('error', onError);
    this.sink.on('close', onClose);
  }

  protected watchBody(): void {
    this.request.on('data', onData);
    this.request.on('end', onEnd);
  }

  protected pauseBody(): void {
    this.request.pause();
  }

  protected resumeBody(): void {
    this.request.resume();
  }

  protected sendHead(status: number, headers: HeaderList): void {
    this.sink.writeHead(status, this.connection.isClosing ? [...headers, ...CLOSE] : [...headers]);
    // The head must not wait for the first message, but it goes along with one that comes in this tick.
    this.writer.cork();
    this.sink.flushHeaders();
  }

  protected sendHeadBeforeTrailers(): void {
    throw new Error('HTTP trailers need HTTP/2: a protocol that cannot do without must refuse HTTP/1.1');
  }

  protected sendWhole(status: number, headers: HeaderList, body: Uint8Array | undefined): void {
    const head = [...headers];
    // These never have a body, and no content-length either. (RFC 9110, section 8.6)
    if (status !== 204 && status !== 304) {
      head.push('content-length', String(body?.length ?? 0));
    }
    this.#closeIfEarly();
    // A caller that closes the connection has said so itself.
    if (this.connection.isClosing && !head.includes('connection')) {
      head.push(...CLOSE);
    }
    this.sink.writeHead(status, head);
    this.endBody(body);
  }

  protected prepareEnd(): void {
    this.#closeIfEarly();
  }

  protected breakOff(): void {
    this.connection.destroy();
  }

  protected override createWriter(): ResponseWriter {
    this.sink.on('drain', onDrain);
    return new ResponseWriter(new SocketCorkedResponse(this.sink), this);
  }

  /** Reading the rest costs less than a new connection; most of it is in the socket already. */
  #isWorthReading(): boolean {
    return Number(this.request.headers['content-length'] ?? Infinity) <= MAX_DISCARDED_BYTES;
  }

  #closeIfEarly(): void {
    if (!this.isRequestComplete && this.hasBody && !this.#isWorthReading()) {
      this.connection.closeAfterEarlyResponse(this.sink);
    }
  }
}

/**
 * A response that holds bytes back on its socket instead of in itself.
 *
 * Node 24 frames a ServerResponse wrongly that is corked when its headers are flushed: its last chunk overtakes
 * the others. A corked socket does the same for the number of writes.
 */
class SocketCorkedResponse implements ResponseSink {
  // Kept: the response lets go of its socket when it is finished, which may be before the uncork.
  #socket: Socket | null = null;

  constructor(private readonly response: ServerResponse) {}

  get writableLength(): number {
    return this.response.writableLength;
  }

  write(chunk: Uint8Array, callback?: () => void): boolean {
    return this.response.write(chunk, callback);
  }

  end(chunk?: Uint8Array): void {
    this.response.end(chunk);
  }

  cork(): void {
    this.#socket = this.response.socket;
    this.#socket?.cork();
  }

  uncork(): void {
    this.#socket?.uncork();
    this.#socket = null;
  }
}

const CLOSE: HeaderList = ['connection', 'close'];

function onData(this: Carrier, chunk: Uint8Array): void {
  this[EXCHANGE]?.bodyArrived(chunk);
}

function onEnd(this: Carrier): void {
  this[EXCHANGE]?.bodyEnded();
}

function onDrain(this: Carrier): void {
  this[EXCHANGE]?.sinkDrained();
}

function onError(): void {}

function onClose(this: Carrier): void {
  this[EXCHANGE]?.gone();
}
