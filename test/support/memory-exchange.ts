/**
 * An Exchange without a socket: specs of protocols and of the dispatcher feed it a request by hand and read
 * what was answered.
 *
 * It keeps the port's promises as the real engines do, and it throws where a protocol breaks them, so that a
 * mistake shows in a spec and not on the wire.
 */
import { Code } from '../../lib/rpc/code.js';
import { ConnectError } from '../../lib/rpc/connect-error.js';
import { type HeaderList } from '../../lib/rpc/headers.js';
import { type Peer } from '../../lib/rpc/server-call.js';
import { type Exchange, type ExchangeListener } from '../../lib/wire/exchange.js';

/** The request's head. Everything has a default: a POST to `/` over HTTP/2. */
export interface MemoryRequest {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  /** A list of names and values by turns, or an object. Names in lower case. */
  readonly headers?: HeaderList | Readonly<Record<string, string>>;
  readonly httpVersion?: '1.1' | '2';
  /** Default: what the framing says, that is true for everything but a GET without `content-length`. */
  readonly hasBody?: boolean;
  readonly peer?: Peer;
}

/** Request bytes, or the end of the request, that a paused exchange keeps for later. */
type Pending = Uint8Array | 'end';

export class MemoryExchange implements Exchange {
  readonly httpVersion: '1.1' | '2';
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly peer: Peer;
  readonly requestHeaders: HeaderList;
  readonly hasBody: boolean;

  /** The response's status; `undefined` before {@link respond}. */
  status: number | undefined;
  /** The response's headers as the protocol gave them. */
  headers: HeaderList = [];
  /** The response's body, one entry for each write. */
  readonly chunks: Uint8Array[] = [];
  /** The response's trailers; `undefined` when it ended without. */
  trailers: HeaderList | undefined;
  /** The response came in one step, by {@link respondAndEnd}. */
  isOneStep = false;
  /** The response is finished. */
  isEnded = false;
  /** The response finished before the request did. */
  isEndedEarly = false;
  /** The protocol gave the exchange up by {@link reset}. */
  isReset = false;
  isPaused = false;
  /** Set to false to make {@link write} ask for a pause; {@link drain} sets it back. */
  takesMore = true;
  bufferedBytes = 0;
  /** Settles when `onClose` was called. */
  readonly closed: Promise<void>;

  #listener: ExchangeListener | undefined;
  #allowsTrailers = false;
  #isRequestComplete = false;
  #isClosed = false;
  #resolveClosed!: () => void;
  readonly #pending: Pending[] = [];

  constructor(request: MemoryRequest = {}) {
    this.httpVersion = request.httpVersion ?? '2';
    this.method = request.method ?? 'POST';
    this.path = request.path ?? '/';
    this.query = request.query ?? '';
    this.peer = request.peer ?? { address: '127.0.0.1', port: 50_000, tls: undefined };
    this.requestHeaders = listOf(request.headers ?? []);
    this.hasBody =
      request.hasBody ?? (this.method !== 'GET' || Number(this.header('content-length') ?? 0) > 0);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  // What a spec does: the peer's side.

  /** Sends bytes of the request body; while the exchange is paused they wait. */
  data(bytes: Uint8Array): this {
    this.#deliver(bytes);
    return this;
  }

  /** Completes the request; while the exchange is paused that waits as well. */
  finish(): this {
    this.#deliver('end');
    return this;
  }

  /** Breaks the exchange, as a peer does that resets the stream or closes the connection. */
  abort(reason = new ConnectError('the client canceled the call', { code: Code.Canceled })): this {
    if (!this.#isClosed) {
      this.#listener?.onAbort(reason);
      this.#close();
    }
    return this;
  }

  /** Takes what was written: `onDrain`, when a write returned false. */
  drain(): this {
    this.takesMore = true;
    this.bufferedBytes = 0;
    if (!this.#isClosed) {
      this.#listener?.onDrain();
    }
    return this;
  }

  /** Ends the call, as an engine does whose peer is silent, or that stops. */
  terminate(reason: ConnectError): this {
    this.#listener?.terminate(reason);
    return this;
  }

  /** @returns The response's body in one piece. */
  get body(): Uint8Array {
    return Buffer.concat(this.chunks);
  }

  /** @returns The response's body as text. */
  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }

  /** @returns The value of a response header; repeated ones joined by `", "`. */
  responseHeader(name: string): string | undefined {
    return valueOf(this.headers, name);
  }

  /** @returns The value of a response trailer; repeated ones joined by `", "`. */
  responseTrailer(name: string): string | undefined {
    return valueOf(this.trailers ?? [], name);
  }

  // The port: what a protocol sees.

  header(name: string): string | undefined {
    return valueOf(this.requestHeaders, name);
  }

  start(listener: ExchangeListener): void {
    if (this.#listener !== undefined) {
      throw new Error('start() was called twice');
    }
    this.#listener = listener;
    this.#flush();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#flush();
  }

  respond(status: number, headers: HeaderList): void {
    this.#begin(status, headers);
  }

  respondWithTrailers(status: number, headers: HeaderList): void {
    if (this.httpVersion !== '2') {
      throw new Error('respondWithTrailers() is for HTTP/2');
    }
    this.#begin(status, headers);
    this.#allowsTrailers = true;
  }

  respondAndEnd(status: number, headers: HeaderList, body?: Uint8Array): void {
    this.#begin(status, headers);
    this.isOneStep = true;
    this.end(body);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed) {
      return false;
    }
    this.#assertOpen('write');
    this.chunks.push(bytes);
    return this.takesMore;
  }

  end(bytes?: Uint8Array, trailers?: HeaderList): void {
    if (this.#isClosed) {
      return;
    }
    this.#assertOpen('end');
    if (trailers !== undefined && !this.#allowsTrailers) {
      throw new Error('end() has trailers, but the response began without respondWithTrailers()');
    }
    if (bytes !== undefined) {
      this.chunks.push(bytes);
    }
    this.trailers = trailers;
    this.isEnded = true;
    this.isEndedEarly = !this.#isRequestComplete;
    this.#pending.length = 0;
    // The engines tell the protocol in a later turn, never from within `end`.
    queueMicrotask(() => this.#close());
  }

  reset(): void {
    if (!this.#isClosed && !this.isEnded) {
      this.isReset = true;
      this.isEnded = true;
      queueMicrotask(() => this.#close());
    }
  }

  #begin(status: number, headers: HeaderList): void {
    if (this.#isClosed) {
      return;
    }
    if (this.status !== undefined) {
      throw new Error(`the response has begun already, with status ${this.status}`);
    }
    this.status = status;
    this.headers = headers;
  }

  #assertOpen(method: string): void {
    if (this.status === undefined) {
      throw new Error(`${method}() was called before respond()`);
    }
    if (this.isEnded) {
      throw new Error(`${method}() was called after the response had ended`);
    }
  }

  #deliver(piece: Pending): void {
    if (this.#isClosed || this.isEnded) {
      this.#isRequestComplete ||= piece === 'end';
      return;
    }
    this.#pending.push(piece);
    this.#flush();
  }

  #flush(): void {
    while (this.#listener !== undefined && !this.isPaused && !this.#isClosed && !this.isEnded) {
      const piece = this.#pending.shift();
      if (piece === undefined) {
        return;
      }
      if (piece === 'end') {
        this.#isRequestComplete = true;
        this.#listener.onEnd();
      } else {
        this.#listener.onData(piece);
      }
    }
  }

  #close(): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#listener?.onClose();
      this.#resolveClosed();
    }
  }
}

function listOf(headers: HeaderList | Readonly<Record<string, string>>): HeaderList {
  return isHeaderList(headers) ? headers : Object.entries(headers).flat();
}

function isHeaderList(headers: HeaderList | Readonly<Record<string, string>>): headers is HeaderList {
  return Array.isArray(headers);
}

function valueOf(list: HeaderList, name: string): string | undefined {
  const values = list.filter((_, i) => i % 2 === 1 && list[i - 1] === name);
  return values.length === 0 ? undefined : values.join(', ');
}
