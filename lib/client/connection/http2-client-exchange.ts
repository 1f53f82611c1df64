/**
 * One HTTP/2 stream as a client's exchange.
 *
 * node:http2 emits `end` for a response that is complete and for one that was cut alike, so the exchange watches for
 * END_STREAM itself. A response that is complete stays so, whatever becomes of its stream afterwards.
 */
import { type ClientHttp2Stream, constants } from 'node:http2';
import { Socket } from 'node:net';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type ClientExchangeListener } from '../../wire/client-exchange.js';
import { EngineExchange, type ExchangeOwner } from './engine-exchange.js';

/** The connection of a stream. */
export interface Http2ExchangeOwner extends ExchangeOwner {
  /** Of the server, for messages. */
  readonly targetName: string;
  /** Why a stream of this connection broke. */
  failureOf(broken: BrokenStream): ConnectError;
  /** Calls {@link Http2ClientExchange.sendReset} now or later. */
  resetStream(exchange: Http2ClientExchange): void;
}

export interface BrokenStream {
  /** `undefined` when its request was never sent. */
  readonly id: number | undefined;
  readonly rstCode: number;
  /** The head of the response has come. */
  readonly hasBegun: boolean;
  /** What node:http2 emitted. */
  readonly error: Error | undefined;
}

const EXCHANGE = Symbol('exchange');

/** The stream carries its exchange, so that one set of listener functions serves all streams. */
interface Carrier {
  readonly closed: boolean;
  push(chunk: unknown): boolean;
  [EXCHANGE]?: Http2ClientExchange | undefined;
}

const NO_TRAILERS: HeaderList = Object.freeze([]);

/** What Readable has; node:stream is not imported for one function. */
// oxlint-disable-next-line unbound-method -- called with the stream it belongs to
const { push: pushToReadable } = Socket.prototype;

export class Http2ClientExchange extends EngineExchange {
  readonly #connection: Http2ExchangeOwner;
  readonly #stream: ClientHttp2Stream;
  #trailers = NO_TRAILERS;
  #error: Error | undefined;
  #hasBegun = false;
  /** END_STREAM has come. */
  #isComplete = false;
  #isCorked = false;
  #isPaused = false;
  /** Bytes wait for the head that they came with. */
  #isHeld = false;
  /** The stream has closed before all of a complete response was read. */
  #hasRest = false;

  constructor(connection: Http2ExchangeOwner, stream: ClientHttp2Stream, listener: ClientExchangeListener) {
    super(connection, listener);
    this.#connection = connection;
    this.#stream = stream;
    const carrier: Carrier = stream;
    carrier[EXCHANGE] = this;
    carrier.push = push;
    // Few: node:http2 tells itself of every listener that is added, which costs as much as the listener.
    stream.on('response', onResponse);
    stream.on('trailers', onTrailers);
    stream.on('data', onData);
    stream.on('end', onEnd);
    stream.on('error', onError);
    stream.on('close', onClose);
  }

  get peer(): string {
    return this.#connection.targetName;
  }

  /** Wants to be told of `drain`: needless for a request that is sent in one step. */
  watchDrain(): this {
    this.#stream.on('drain', onDrain);
    return this;
  }

  write(bytes: Uint8Array): boolean {
    if (this.isOver || !this.#takesBytes) {
      return false;
    }
    // What is written in one tick leaves as one write.
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#stream.cork();
      process.nextTick(uncork, this);
    }
    return this.#stream.write(bytes);
  }

  end(): void {
    if (!this.isOver && this.#takesBytes) {
      this.#stream.end();
    }
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#hasRest) {
      // Not the stream: one that is closed throws away what it flows.
      process.nextTick(deliverRest, this);
    } else if (!this.#isHeld) {
      this.#stream.resume();
    }
  }

  /** @internal The end of the tick. */
  uncork(): void {
    this.#isCorked = false;
    this.#stream.uncork();
  }

  /** @internal */
  responded(status: number, headers: HeaderList): void {
    this.#hasBegun = true;
    this.headArrived(status, headers);
    if (this.#isHeld) {
      this.#isHeld = false;
      if (!this.#isPaused) {
        this.#stream.resume();
      }
    }
  }

  /**
   * @internal node:http2 tells of a head one tick after it was read, and of bytes at once. Nearly always a tick runs
   * between the two; over TLS, with many streams under way, `conformance:both` has seen the bytes come first.
   */
  bytesArrived(): void {
    if (!this.#hasBegun && !this.#isHeld) {
      this.#isHeld = true;
      this.#stream.pause();
    }
  }

  /** @internal */
  trailersArrived(trailers: HeaderList): void {
    this.#trailers = trailers;
  }

  /** @internal */
  endStreamArrived(): void {
    this.#isComplete = true;
  }

  /** @internal Everything that came was read. */
  bodyEnded(): void {
    if (this.#isComplete) {
      this.finish(this.#trailers);
    }
    // A reset after the response, or NO_ERROR in the middle of it: node:http2 waits for the rest of the request.
    if (this.#stream.closed) {
      this.#discard();
    }
  }

  /** @internal */
  failed(error: Error): void {
    this.#error ??= error;
  }

  /** @internal */
  closed(): void {
    if (this.#isComplete) {
      this.deliverRest();
    } else if (!this.isOver) {
      const { id, rstCode } = this.#stream;
      const [hasBegun, error] = [this.#hasBegun, this.#error];
      this.abort(this.#connection.failureOf({ id, rstCode, hasBegun, error }));
    }
    this.setGone();
  }

  /** @internal Node drops what a closed stream has not delivered; of a complete response none may be lost. */
  deliverRest(): void {
    while (!this.isOver) {
      if (this.#isPaused) {
        this.#hasRest = true;
        return;
      }
      const chunk = this.#stream.read() as Uint8Array | null; // No encoding is set.
      if (chunk === null) {
        this.finish(this.#trailers);
      } else {
        this.bodyArrived(chunk);
      }
    }
  }

  protected breakOff(): void {
    const stream = this.#stream;
    if (stream.destroyed || (this.#isComplete && stream.readableEnded && stream.writableFinished)) {
      return;
    }
    if (stream.pending || stream.closed) {
      this.#discard();
    } else {
      // Where the reset has to wait, what still comes must not fill the window of the connection.
      stream.resume();
      this.#connection.resetStream(this);
    }
  }

  /** @internal */
  sendReset(): void {
    const stream = this.#stream;
    if (stream.closed || stream.destroyed) {
      return;
    }
    // Both would end the stream first, and the END_STREAM that goes out makes half a request look whole.
    stream.end = doNothing;
    if (this.#isComplete) {
      // NO_ERROR: nothing is wrong with a call that was answered before its request was complete. `close(NO_ERROR)` would
      // wait until the server has read the rest.
      stream.destroy();
    } else {
      stream.close(constants.NGHTTP2_CANCEL);
    }
  }

  get #takesBytes(): boolean {
    const { writableEnded, closed, destroyed } = this.#stream;
    return !writableEnded && !closed && !destroyed;
  }

  /** Lets a stream go that has nothing to tell the server. */
  #discard(): void {
    this.#stream.destroy();
  }
}

function doNothing(this: ClientHttp2Stream): ClientHttp2Stream {
  return this;
}

/** Node pushes the end of a stream that was closed, too: only before it is closed it means END_STREAM. */
function push(this: Carrier, chunk: unknown): boolean {
  if (chunk !== null) {
    this[EXCHANGE]?.bytesArrived();
  } else if (!this.closed) {
    this[EXCHANGE]?.endStreamArrived();
  }
  return pushToReadable.call(this as unknown as Socket, chunk);
}

function onResponse(
  this: Carrier,
  headers: { readonly ':status'?: number },
  _flags: number,
  rawHeaders: HeaderList,
): void {
  // `:status` is the one pseudo-header of a response, and comes first. (RFC 9113, section 8.3)
  this[EXCHANGE]?.responded(headers[':status'] ?? 0, rawHeaders.slice(2));
}

function onTrailers(this: Carrier, _headers: unknown, _flags: number, rawTrailers: HeaderList): void {
  this[EXCHANGE]?.trailersArrived(rawTrailers);
}

function onData(this: Carrier, chunk: Uint8Array): void {
  this[EXCHANGE]?.bodyArrived(chunk);
}

function onEnd(this: Carrier): void {
  this[EXCHANGE]?.bodyEnded();
}

function onDrain(this: Carrier): void {
  this[EXCHANGE]?.drained();
}

function onError(this: Carrier, error: Error): void {
  this[EXCHANGE]?.failed(error);
}

function onClose(this: Carrier): void {
  const exchange = this[EXCHANGE];
  exchange?.closed();
  if (exchange?.isOver === true) {
    // node:http2 keeps streams in a Map that outlives them in old copies: the call shall not hang on them.
    this[EXCHANGE] = undefined;
  }
}

// Functions with an argument, and not closures, for each tick.
function uncork(exchange: Http2ClientExchange): void {
  exchange.uncork();
}

function deliverRest(exchange: Http2ClientExchange): void {
  exchange.deliverRest();
}
