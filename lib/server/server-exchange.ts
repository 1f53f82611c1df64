/**
 * What the exchanges of both HTTP versions have in common: the life of a call, and who is told of what.
 *
 *   open ──► ended ──► closed         the response is under way ──► handed over ──► gone to the network
 *     │        │          ▲
 *     └────────┴─► broken ┘           given up here (reset) or by the peer (onAbort)
 *
 * A subclass turns its engine's events into the calls under "What the engine reports", and sends.
 */
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList } from '../rpc/headers.js';
import { type Peer } from '../rpc/server-call.js';
import { type Exchange, type ExchangeListener } from '../wire/exchange.js';
import { type LiveSet } from './live-set.js';
import { type TrustedProxies } from './trusted-proxies.js';
import { type ResponseSink, ResponseWriter, SLICE_BYTES } from './response-writer.js';

/** The exchanges that are under way on all connections of an engine. */
export type ActiveCalls = LiveSet<ServerExchange>;

/** The connection of an exchange, which counts what it carries. */
export interface ExchangeOwner {
  readonly peer: Peer;
  exchangeOpened(exchange: ServerExchange): void;
  exchangeClosed(exchange: ServerExchange): void;
}

/** Ends what is left on a connection whose time is over; each is answered in its own protocol's form. */
export function terminateCallsOf(owner: ExchangeOwner, calls: ActiveCalls): void {
  const reason = new ConnectError('the connection has reached its maximum age', { code: Code.Unavailable });
  for (const exchange of calls) {
    if (exchange.isOn(owner)) {
      exchange.terminate(reason);
    }
  }
}

/** A request target, taken apart without a URL object (a tenth of a small call). */
export interface RequestTarget {
  readonly path: string;
  readonly query: string;
}

export abstract class ServerExchange implements Exchange {
  abstract readonly httpVersion: '1.1' | '2';
  abstract readonly method: string;
  abstract readonly requestHeaders: HeaderList;
  abstract readonly hasBody: boolean;
  readonly path: string;
  readonly query: string;

  /** Chunks of the request so far: the idle monitor compares. */
  receivedChunks = 0;

  #phase: 'open' | 'ended' | 'broken' | 'closed' = 'open';
  #isPaused = false;
  #hasResponded = false;
  #listener: ExchangeListener | undefined;
  #writer: ResponseWriter | undefined;

  constructor(
    private readonly owner: ExchangeOwner,
    target: string,
  ) {
    const { path, query } = splitTarget(target);
    this.path = path;
    this.query = query;
  }

  /** Whom to believe who the peer is. Default: nobody but the socket. */
  proxies: TrustedProxies | undefined;

  get peer(): Peer {
    const { peer } = this.owner;
    return this.proxies === undefined ? peer : this.proxies.clientOf(peer, this.header('x-forwarded-for'));
  }

  /** Header lines of the request, without pseudo-headers. */
  abstract readonly headerCount: number;

  /** The request has come to its end, whether anybody has read it or not. */
  abstract readonly isRequestComplete: boolean;

  abstract header(name: string): string | undefined;

  /** Begins to listen to the engine; before that, nobody knows of this exchange. */
  open(): void {
    this.owner.exchangeOpened(this);
    this.watchEngine();
  }

  start(listener: ExchangeListener): void {
    this.#listener = listener;
    if (this.#phase === 'open') {
      this.watchBody();
    }
  }

  pause(): void {
    if (this.#phase === 'open' && !this.#isPaused) {
      this.#isPaused = true;
      this.pauseBody();
    }
  }

  resume(): void {
    if (this.#isPaused) {
      this.#isPaused = false;
      this.resumeBody();
    }
  }

  respond(status: number, headers: HeaderList): void {
    if (this.#phase === 'open') {
      this.#hasResponded = true;
      this.sendHead(status, headers);
    }
  }

  respondWithTrailers(status: number, headers: HeaderList): void {
    if (this.#phase === 'open') {
      this.#hasResponded = true;
      this.sendHeadBeforeTrailers(status, headers);
    }
  }

  respondAndEnd(status: number, headers: HeaderList, body?: Uint8Array): void {
    if (this.#phase === 'open') {
      this.#phase = 'ended';
      this.#hasResponded = true;
      this.sendWhole(status, headers, body);
      this.#discardBody();
    }
  }

  write(bytes: Uint8Array): boolean {
    return this.#phase === 'open' && this.writer.write(bytes);
  }

  end(bytes?: Uint8Array, trailers?: HeaderList): void {
    if (this.#phase === 'open') {
      this.#phase = 'ended';
      this.prepareEnd(trailers);
      this.endBody(bytes);
      this.#discardBody();
    }
  }

  reset(): void {
    if (this.#phase === 'open' || this.#phase === 'ended') {
      this.#phase = 'broken';
      this.breakOff();
    }
  }

  get bufferedBytes(): number {
    return this.#writer?.bufferedBytes ?? this.sink.writableLength;
  }

  // What the idle monitor, the drain and the connection ask.

  /** The response has begun. */
  get hasResponded(): boolean {
    return this.#hasResponded;
  }

  /** Bytes of the response that went out; less by what the engine adds, so compare only with itself. */
  get takenBytes(): number {
    return (this.#writer?.writtenBytes ?? 0) - this.bufferedBytes;
  }

  /** The call waits for the peer to send more of a message. */
  get isAwaitingBytes(): boolean {
    return this.#phase === 'open' && !this.#isPaused && this.#listener?.isMidMessage === true;
  }

  /** The exchange is one of this connection's. */
  isOn(owner: ExchangeOwner): boolean {
    return this.owner === owner;
  }

  /** Ends the call with an error in its protocol's form. */
  terminate(reason: ConnectError): void {
    if (this.#phase !== 'open' || this.#listener === undefined) {
      this.reset();
    } else {
      this.#listener.terminate(reason);
    }
  }

  /** Gives the exchange up for a fault of the peer, which its protocol is told. */
  abandon(reason: ConnectError): void {
    if (this.#phase === 'open' || this.#phase === 'ended') {
      this.#phase = 'broken';
      this.breakOff();
      this.#listener?.onAbort(reason);
    }
  }

  // What the engine reports.

  /** @internal */
  bodyArrived(chunk: Uint8Array): void {
    this.receivedChunks++;
    if (this.#phase === 'open') {
      this.#listener?.onData(chunk);
    }
  }

  /** @internal */
  bodyEnded(): void {
    if (this.#phase === 'open') {
      this.#listener?.onEnd();
    }
  }

  /** @internal The sink takes more bytes. */
  sinkDrained(): void {
    if (this.#phase === 'open' && this.#writer?.isSlicing !== true) {
      this.#listener?.onDrain();
    }
  }

  /** @internal The peer broke the exchange; its end is reported by {@link gone}. */
  broken(): void {
    if (this.#phase === 'open' || this.#phase === 'ended') {
      this.#phase = 'broken';
      this.#listener?.onAbort(new ConnectError('the client canceled the call', { code: Code.Canceled }));
    }
  }

  /** @internal Nothing follows any more. May be reported twice. */
  gone(): void {
    if (this.#phase === 'closed') {
      return;
    }
    if (!this.isDelivered) {
      this.broken();
    }
    this.#phase = 'closed';
    this.owner.exchangeClosed(this);
    this.#listener?.onClose();
  }

  // What a subclass does.

  protected abstract readonly sink: ResponseSink;
  /** The whole response went to the network. */
  protected abstract readonly isDelivered: boolean;
  protected abstract watchEngine(): void;
  protected abstract watchBody(): void;
  protected abstract pauseBody(): void;
  protected abstract resumeBody(): void;
  protected abstract sendHead(status: number, headers: HeaderList): void;
  protected abstract sendHeadBeforeTrailers(status: number, headers: HeaderList): void;
  protected abstract sendWhole(status: number, headers: HeaderList, body: Uint8Array | undefined): void;
  /** Called before the last bytes are written. */
  protected abstract prepareEnd(trailers: HeaderList | undefined): void;
  protected abstract breakOff(): void;

  /** Made when it is needed: a response in one step does without. */
  protected get writer(): ResponseWriter {
    return (this.#writer ??= this.createWriter());
  }

  protected createWriter(): ResponseWriter {
    return new ResponseWriter(this.sink, this);
  }

  protected endBody(bytes: Uint8Array | undefined): void {
    if (this.#writer !== undefined || (bytes !== undefined && bytes.length > SLICE_BYTES)) {
      this.writer.end(bytes);
    } else {
      this.sink.end(bytes);
    }
  }

  /** Nobody reads the rest of the request; a peer that only reads after writing would wait for ever. */
  #discardBody(): void {
    this.#isPaused = false;
    this.resumeBody();
  }
}

/**
 * @param target `/path?query`, or the absolute form that is meant for proxies, which every server must
 * accept (RFC 9112, section 3.2.2).
 */
export function splitTarget(target: string): RequestTarget {
  const start = target.startsWith('/') ? 0 : authorityEnd(target);
  const mark = target.indexOf('?', start);
  return mark === -1
    ? { path: target.slice(start), query: '' }
    : { path: target.slice(start, mark), query: target.slice(mark + 1) };
}

function authorityEnd(target: string): number {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i.exec(target);
  return scheme === null ? 0 : scheme[0].length;
}
