/**
 * One HTTP/2 connection of a client: a session, its streams as exchanges, and why they broke.
 *
 *   connecting ──► proven ──► (GOAWAY, age, idle, too many resets) ──► closing ──► gone
 *
 * Nothing it does holds the process while no exchange is under way and none waits for it.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { type Socket } from 'node:net';
import { type ConnectError } from '../../rpc/connect-error.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type RequestHead,
} from '../../wire/client-exchange.js';
import { addHeaders, createHeaderObject, type HeaderValues } from '../../wire/header-object.js';
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from '../../wire/flow-control.js';
import { type ResolvedConnectionOptions, spreadAge } from './connection-options.js';
import { ConnectionTimer } from './connection-timer.js';
import { type Dialer } from './dialer.js';
import { type EngineExchange } from './engine-exchange.js';
import {
  cannotConnect,
  CLOSED_BY_PEER,
  connectionLost,
  notARequest,
  type RequestFate,
  resetError,
  resetName,
  unavailable,
} from './exchange-failure.js';
import { FailedExchange } from './failed-exchange.js';
import { type BrokenStream, Http2ClientExchange, type Http2ExchangeOwner } from './http2-client-exchange.js';
import { Keepalive } from './keepalive.js';
import { LinkedSet } from '../linked-set.js';
import { ResetPacer } from './reset-pacer.js';
import { type Target } from '../balancing/target.js';

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

/**
 * For streams that nobody waits for, when the connection closes. After some faults of a peer node:http2 stops to read, and tells
 * nobody: such streams would never end.
 */
const LINGER_MS = 1_000;

/** The pool that a connection belongs to. */
export interface ConnectionWatcher {
  /** It may take more requests than before, or none any more. */
  connectionChanged(connection: Http2ClientConnection): void;
  /** It is gone, with everything on it. */
  connectionGone(connection: Http2ClientConnection): void;
}

export interface Http2ConnectionInit {
  readonly target: Target;
  readonly dialer: Dialer;
  readonly options: ResolvedConnectionOptions;
  readonly watcher: ConnectionWatcher;
}

interface Goaway {
  readonly code: number;
  readonly lastStreamId: number;
}

export class Http2ClientConnection implements Http2ExchangeOwner {
  /** Settles when the connection is gone. */
  readonly gone: Promise<void>;
  readonly #target: Target;
  readonly #options: ResolvedConnectionOptions;
  readonly #watcher: ConnectionWatcher;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #exchanges = new LinkedSet<EngineExchange>();
  readonly #pacer = new ResetPacer<Http2ClientExchange>();
  readonly #keepalive: Keepalive;
  /** For the first SETTINGS. */
  readonly #settingsTimer = new ConnectionTimer(() => this.#fail(this.#noSettings()));
  readonly #ageTimer = new ConnectionTimer(() => this.#retire());
  readonly #idleTimer = new ConnectionTimer(() => this.#closeWhenIdle());
  readonly #lingerTimer = new ConnectionTimer(() => this.#end());
  #idleSince = 0;
  #isClosing = false;
  #isProven = false;
  /** What the server takes at a time. */
  #maxExchanges = 0;
  #goaway: Goaway | undefined;
  #error: Error | undefined;

  constructor({ target, dialer, options, watcher }: Http2ConnectionInit) {
    this.#target = target;
    this.#options = options;
    this.#watcher = watcher;
    const socket = dialer.dial();
    this.#socket = socket;
    this.#session = connectHttp2(`${schemeOf(target)}://${target.authority}`, {
      ...SESSION_OPTIONS,
      createConnection: () => socket,
    });
    this.#keepalive = new Keepalive({
      session: this.#session,
      socket,
      options: options.keepalive,
      isBusy: () => this.#exchanges.size > 0,
      onLost: (cause) => this.#fail(cause),
    });
    this.gone = new Promise((resolve) => {
      this.#session.once('close', () => {
        this.#stopTimers();
        watcher.connectionGone(this);
        resolve();
      });
    });
    this.#watch();
  }

  get targetName(): string {
    return this.#target.name;
  }

  /** The server has sent its SETTINGS: it speaks HTTP/2, and has told what it takes. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** False once it is closing: new requests need another connection. */
  get takesRequests(): boolean {
    return !this.#isClosing && !this.#session.closed && !this.#session.destroyed;
  }

  /** It takes one more request now. */
  get hasRoom(): boolean {
    return this.#exchanges.size < this.#maxExchanges && this.takesRequests;
  }

  /** Why it is gone, for those that waited for it. */
  get failure(): ConnectError {
    const { name } = this.#target;
    const cause = this.#error ?? CLOSED_BY_PEER;
    return isProtocolError(cause)
      ? unavailable(`${name} does not speak HTTP/2`, { cause })
      : cannotConnect(name, cause);
  }

  /** While it is connecting: whether somebody waits for it, who wants the process to go on. */
  hold(isNeeded: boolean): void {
    if (isNeeded) {
      this.#socket.ref();
    } else {
      this.#socket.unref();
    }
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
    this.#endWhenUnused();
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

  exchangeClosed(exchange: Http2ClientExchange): void {
    this.#exchanges.delete(exchange);
    if (this.#pacer.size > 0) {
      this.#pacer.forget(exchange);
    }
    if (this.#isClosing) {
      this.#endWhenUnused();
    } else if (this.#exchanges.size === 0) {
      this.#socket.unref();
      this.#becameIdle();
    }
    this.#watcher.connectionChanged(this);
  }

  /** Too many resets: the rest of them waits, and new requests go where there is no such queue. */
  resetStream(exchange: Http2ClientExchange): void {
    if (!this.#pacer.request(exchange)) {
      this.#retire();
    } else if (this.#isClosing) {
      this.#endWhenUnused();
    }
  }

  failureOf(broken: BrokenStream): ConnectError {
    const { id, rstCode, hasBegun, error } = broken;
    const { name } = this.#target;
    if (id === undefined) {
      return this.#notSent(error);
    }
    const goaway = this.#goaway;
    if (goaway !== undefined && id > goaway.lastStreamId) {
      return this.#endedByGoaway(goaway, error, 'unprocessed');
    }
    if (!this.#session.destroyed) {
      return resetError(name, rstCode, error);
    }
    if (goaway !== undefined && goaway.code !== 0) {
      return this.#endedByGoaway(goaway, error);
    }
    return connectionLost(name, hasBegun, { cause: error ?? CLOSED_BY_PEER });
  }

  #watch(): void {
    const session = this.#session;
    session.once('connect', () => {
      if (session.destroyed) {
        return; // In this tick: node:http2 tells nevertheless.
      }
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      this.#settingsTimer.start(this.#options.connectTimeoutMs);
    });
    session.on('remoteSettings', ({ maxConcurrentStreams = Infinity }) => {
      this.#maxExchanges = maxConcurrentStreams;
      if (!this.#isProven) {
        this.#proved();
      }
      this.#watcher.connectionChanged(this);
    });
    session.on('goaway', (code, lastStreamId) => {
      this.#goaway = { code, lastStreamId };
    });
    // A broken connection: its exchanges are told one by one. Without listeners the process would end.
    session.on('error', (error: Error) => {
      this.#error ??= error;
    });
    // Over TLS Node leaves a socket open that its peer has refused by an alert, and the session waits for its end.
    this.#socket.on('error', () => this.#socket.destroy());
    // node:http2 only half-closes the socket of a finished session: a peer that stays would hold it for ever.
    this.#socket.once('finish', () => this.#socket.destroy());
  }

  #proved(): void {
    this.#isProven = true;
    this.#settingsTimer.stop();
    this.#keepalive.start();
    this.#ageTimer.start(spreadAge(this.#options.maxConnectionAgeMs));
    this.#socket.unref(); // Until there is an exchange.
    this.#becameIdle();
  }

  /** Costs a call a look at the clock: the timer runs on, and looks itself. */
  #becameIdle(): void {
    this.#idleSince = performance.now();
    if (!this.#idleTimer.isRunning) {
      this.#idleTimer.start(this.#options.idleTimeoutMs);
    }
  }

  #closeWhenIdle(): void {
    if (this.#exchanges.size > 0) {
      return; // Started again at their end.
    }
    const idleMs = performance.now() - this.#idleSince;
    if (idleMs < this.#options.idleTimeoutMs) {
      this.#idleTimer.start(this.#options.idleTimeoutMs - idleMs);
    } else {
      void this.close();
    }
  }

  /** Takes no new requests, and ends with the last one. */
  #retire(): void {
    this.#isClosing = true;
    this.#endWhenUnused();
    this.#watcher.connectionChanged(this);
  }

  /** Exchanges whose reset waits need no connection: its end resets them all. */
  #endWhenUnused(): void {
    if (this.#exchanges.size === this.#pacer.size) {
      this.#end();
    } else if (!this.#lingerTimer.isRunning && [...this.#exchanges].every(({ isOver }) => isOver)) {
      this.#lingerTimer.start(LINGER_MS);
    }
  }

  #noSettings(): Error {
    return Object.assign(
      new Error(`it sent no HTTP/2 SETTINGS within ${this.#options.connectTimeoutMs} ms`),
      { code: 'ETIMEDOUT' },
    );
  }

  /** Nothing more is to be expected of the peer: no good-bye either. */
  #fail(cause: Error): void {
    this.#isClosing = true;
    this.#session.destroy(cause);
    this.#socket.destroy();
  }

  #stopTimers(): void {
    this.#settingsTimer.stop();
    this.#ageTimer.stop();
    this.#idleTimer.stop();
    this.#lingerTimer.stop();
    this.#keepalive.stop();
    this.#pacer.stop();
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
    const { name } = this.#target;
    if (!this.#session.destroyed) {
      // All ids of streams are used up, after 2^30 requests: the next one needs another connection.
      this.#retire();
      return unavailable(`no more streams on the connection to ${name}`, {
        cause: error,
        fate: 'unprocessed',
      });
    }
    const cause = error?.cause ?? error ?? CLOSED_BY_PEER;
    return unavailable(`the connection to ${name} was lost`, { cause, fate: 'unprocessed' });
  }

  #endedByGoaway({ code }: Goaway, cause: unknown, fate?: RequestFate): ConnectError {
    return unavailable(`${this.#target.name} ended the connection: GOAWAY ${resetName(code)}`, {
      cause,
      fate,
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
