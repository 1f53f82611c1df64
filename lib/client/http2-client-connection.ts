/**
 * One HTTP/2 connection of a client: a session, its streams as exchanges, and why they broke.
 *
 *   connecting ──► open ──► (GOAWAY, from either side) ──► closing ──► gone
 *
 * Nothing it does holds the process while no exchange is under way.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { type Socket } from 'node:net';
import { type ConnectError } from '../rpc/connect-error.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type RequestHead,
} from '../wire/client-exchange.js';
import { addHeaders, createHeaderObject, type HeaderValues } from '../wire/header-object.js';
import { type Dialer } from './dialer.js';
import { type EngineExchange } from './engine-exchange.js';
import {
  CLOSED_BY_PEER,
  connectionLost,
  notARequest,
  resetError,
  resetName,
  unavailable,
} from './exchange-failure.js';
import { FailedExchange } from './failed-exchange.js';
import { type BrokenStream, Http2ClientExchange, type Http2ExchangeOwner } from './http2-client-exchange.js';
import { type Target } from './target.js';

// As the server's: the protocol's 64 KiB hold a fast peer back at every round trip.
const STREAM_WINDOW_BYTES = 262_144;
const CONNECTION_WINDOW_BYTES = 1_048_576;

/** Of a response, and of a request: what is larger is reset by the side that gets it. */
const MAX_HEADER_BYTES = 65_536;
const MAX_SENT_HEADER_BYTES = 1_048_576;

const SESSION_OPTIONS = {
  settings: {
    enablePush: false,
    initialWindowSize: STREAM_WINDOW_BYTES,
    maxHeaderListSize: MAX_HEADER_BYTES,
  },
  // Without it one call with large headers would end the session for all.
  maxSendHeaderBlockLength: MAX_SENT_HEADER_BYTES,
  // Node counts request bytes that wait for the server's window, and drops responses beyond 10 MB of them; these bytes
  // are the callers', and bounded there.
  maxSessionMemory: Number.MAX_SAFE_INTEGER,
} as const;

export interface Http2ConnectionInit {
  readonly target: Target;
  readonly dialer: Dialer;
  /** The connection is gone, with everything on it. */
  readonly onGone: (connection: Http2ClientConnection) => void;
}

interface Goaway {
  readonly code: number;
  readonly lastStreamId: number;
}

export class Http2ClientConnection implements Http2ExchangeOwner {
  /** Settles when the connection is gone. */
  readonly gone: Promise<void>;
  readonly #target: Target;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #exchanges = new Set<EngineExchange>();
  #isClosing = false;
  /** The server has sent its SETTINGS: it speaks HTTP/2. */
  #isProven = false;
  #goaway: Goaway | undefined;

  constructor({ target, dialer, onGone }: Http2ConnectionInit) {
    this.#target = target;
    const socket = dialer.dial();
    this.#socket = socket.unref(); // Until there is an exchange.
    this.#session = connectHttp2(`${schemeOf(target)}://${target.authority}`, {
      ...SESSION_OPTIONS,
      createConnection: () => socket,
    });
    this.gone = new Promise((resolve) => {
      this.#session.once('close', () => {
        onGone(this);
        resolve();
      });
    });
    this.#watch();
  }

  /** False once it is closing: new requests need another connection. */
  get takesRequests(): boolean {
    return !this.#isClosing && !this.#session.closed && !this.#session.destroyed;
  }

  open(head: RequestHead, listener: ClientExchangeListener): ClientExchange {
    try {
      const stream = this.#session.request(this.#headersOf(head), OPEN);
      return this.#begin(stream, listener).watchDrain();
    } catch (cause) {
      return new FailedExchange(listener, notARequest(cause));
    }
  }

  send(head: RequestHead, body: Uint8Array | undefined, listener: ClientExchangeListener): ClientExchange {
    const headers = this.#headersOf(head);
    if (body !== undefined) {
      headers['content-length'] = body.length;
    }
    const isEmpty = body === undefined || body.length === 0;
    try {
      const stream = this.#session.request(headers, isEmpty ? WHOLE : OPEN);
      const exchange = this.#begin(stream, listener);
      if (!isEmpty) {
        stream.end(body);
      }
      return exchange;
    } catch (cause) {
      return new FailedExchange(listener, notARequest(cause));
    }
  }

  /** Ends the connection after its exchanges. */
  close(): Promise<void> {
    this.#isClosing = true;
    if (this.#exchanges.size === 0) {
      this.#end();
    }
    return this.gone;
  }

  /** Ends the connection at once; exchanges are told. */
  destroy(reason: ConnectError): void {
    this.#isClosing = true;
    for (const exchange of this.#exchanges) {
      exchange.cut(reason);
    }
    this.#end();
  }

  exchangeClosed(exchange: EngineExchange): void {
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size > 0) {
      return;
    }
    if (this.#isClosing) {
      this.#end();
    } else {
      this.#socket.unref();
    }
  }

  failureOf(broken: BrokenStream): ConnectError {
    const { id, rstCode, hasBegun, error } = broken;
    const { name } = this.#target;
    if (id === undefined) {
      return this.#notSent(error);
    }
    if (!this.#session.destroyed) {
      return resetError(name, rstCode, error);
    }
    if (this.#goaway !== undefined && this.#goaway.code !== 0) {
      return this.#endedByGoaway(this.#goaway, id, error);
    }
    if (!this.#isProven && isProtocolError(error)) {
      return unavailable(`${name} does not speak HTTP/2`, { cause: error });
    }
    return connectionLost(name, hasBegun, { cause: error ?? CLOSED_BY_PEER });
  }

  #watch(): void {
    const session = this.#session;
    session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    session.once('remoteSettings', () => {
      this.#isProven = true;
    });
    session.on('goaway', (code, lastStreamId) => {
      this.#goaway = { code, lastStreamId };
    });
    // A broken connection: its exchanges are told one by one. Without listeners the process would end.
    session.on('error', ignore);
    this.#socket.on('error', ignore);
    // node:http2 only half-closes the socket of a finished session: a peer that stays would hold it for ever.
    this.#socket.once('finish', () => this.#socket.destroy());
  }

  #begin(stream: ClientHttp2Stream, listener: ClientExchangeListener): Http2ClientExchange {
    const exchange = new Http2ClientExchange(this, stream, listener);
    if (this.#exchanges.size === 0) {
      this.#socket.ref();
    }
    this.#exchanges.add(exchange);
    return exchange;
  }

  #headersOf(head: RequestHead): HeaderValues {
    const headers = createHeaderObject();
    headers[':method'] = head.method;
    headers[':scheme'] = schemeOf(this.#target);
    headers[':authority'] = this.#target.authority;
    headers[':path'] = head.target;
    return addHeaders(headers, head.headers);
  }

  #notSent(error: Error | undefined): ConnectError {
    if (!this.#session.destroyed) {
      // All ids of streams are used up, after 2^30 requests: the next one needs another connection.
      void this.close();
      return unavailable(`no more streams on the connection to ${this.#target.name}`, {
        cause: error,
        fate: 'unprocessed',
      });
    }
    return unavailable(`cannot connect to ${this.#target.name}`, {
      // node:http2 wraps the reason for requests that wait for the connection.
      cause: error?.cause ?? error ?? CLOSED_BY_PEER,
      fate: 'unprocessed',
    });
  }

  #endedByGoaway({ code, lastStreamId }: Goaway, id: number, cause: unknown): ConnectError {
    return unavailable(`${this.#target.name} ended the connection: GOAWAY ${resetName(code)}`, {
      cause,
      fate: id > lastStreamId ? 'unprocessed' : undefined,
    });
  }

  #end(): void {
    this.#socket.ref(); // Until it is closed: somebody may wait for that.
    this.#session.destroy();
  }
}

const OPEN = { endStream: false } as const;
const WHOLE = { endStream: true } as const;

function schemeOf({ isSecure }: Target): string {
  return isSecure ? 'https' : 'http';
}

/** Bytes that are no frames, or not those that HTTP/2 begins with. */
function isProtocolError(error: Error | undefined): boolean {
  return error !== undefined && 'code' in error && error.code === 'ERR_HTTP2_ERROR';
}

function ignore(): void {}
