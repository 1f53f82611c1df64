/**
 * One HTTP/2 connection: its streams as exchanges, and its life, for which node:http2 has no timers.
 *
 *   preface ──► (first SETTINGS) ──► open ⇄ idle ──► closing ──► (GOAWAY sent, streams done) ──► gone
 *
 * The engine's sweep calls {@link Http2Connection.check}; there is no timer per connection but the first.
 */
import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type Socket } from 'node:net';
import { timerWheel, WheelTimer } from '../rpc/timer-wheel.js';
import { ConnectionAge } from './connection-age.js';
import { Http2Exchange } from './http2-exchange.js';
import { LINGER_MS } from './linger.js';
import { type EngineOptions } from './options.js';
import { SocketPeer } from './peer.js';
import {
  type ActiveCalls,
  type ExchangeOwner,
  type ServerExchange,
  terminateCallsOf,
} from './server-exchange.js';

/** The highest stream id there is: a GOAWAY that refuses nothing yet. (RFC 9113, section 6.8) */
const LAST_STREAM_ID = 2 ** 31 - 1;

/** How long the client has to see the first GOAWAY when it does not answer the ping behind it. */
const GOAWAY_GRACE_MS = 1_000;

export interface Http2ConnectionInit {
  readonly session: ServerHttp2Session;
  readonly socket: Socket;
  readonly calls: ActiveCalls;
  readonly options: EngineOptions;
  readonly serve: (exchange: Http2Exchange) => void;
}

export class Http2Connection implements ExchangeOwner {
  readonly peer: SocketPeer;
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #calls: ActiveCalls;
  readonly #options: EngineOptions;
  readonly #preface: WheelTimer;
  #openExchanges = 0;
  #isDraining = false;
  #idleSince = performance.now();
  /** When the last ping was sent, or the last call began: what the next ping counts from. */
  #pingedAt = this.#idleSince;
  #isPingOpen = false;
  #endedAt: number | undefined;
  readonly #age: ConnectionAge;

  constructor({ session, socket, calls, options, serve }: Http2ConnectionInit) {
    this.peer = new SocketPeer(socket);
    this.#session = session;
    this.#socket = socket;
    this.#calls = calls;
    this.#options = options;
    this.#age = new ConnectionAge(options);
    this.#preface = new WheelTimer(() => socket.destroy());
    timerWheel.start(this.#preface, options.timeouts.prefaceMs);
    session.once('remoteSettings', () => this.#preface.cancel());
    session.on(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, rawHeaders: string[]) =>
        serve(new Http2Exchange(this, { stream, headers, flags, rawHeaders })),
    );
    // A broken connection: its streams are told one by one.
    session.on('error', () => {});
    socket.on('error', () => {});
    socket.once('close', () => this.#preface.cancel());
  }

  exchangeOpened(exchange: ServerExchange): void {
    if (this.#openExchanges++ === 0) {
      this.#pingedAt = performance.now();
    }
    this.#calls.add(exchange);
  }

  exchangeClosed(exchange: ServerExchange): void {
    if (--this.#openExchanges === 0) {
      this.#idleSince = performance.now();
      if (this.#isDraining) {
        // As in `drain`: no answer to the ping can come any more.
        this.close();
      }
    }
    this.#calls.delete(exchange);
  }

  /** Looks at the clock: idle connections are closed, busy ones pinged, dead ones destroyed. */
  check(now: number): void {
    if (this.#session.destroyed || (this.#session.closed && this.#openExchanges === 0)) {
      this.#checkEnd(now);
      return;
    }
    this.#checkAge(now);
    if (this.#openExchanges > 0) {
      this.#checkAlive(now);
    } else if (now - this.#idleSince >= this.#options.timeouts.http2IdleMs) {
      this.close();
    }
  }

  /**
   * Ends the connection after its streams, in two steps: a first GOAWAY that refuses nothing, and the real one
   * when the client has seen it. Requests that were under way meanwhile are served and not lost.
   * (RFC 9113, section 6.8)
   */
  drain(): void {
    if (this.#isDraining || this.#session.destroyed) {
      return;
    }
    this.#isDraining = true;
    if (this.#openExchanges === 0) {
      // nghttp2 stops reading once a GOAWAY is out and no stream is open: the answer to a ping would not come.
      this.close();
      return;
    }
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM_ID);
    timerWheel.start(new WheelTimer(() => this.close()), GOAWAY_GRACE_MS);
    this.#session.ping(() => this.close());
  }

  /** Sends GOAWAY; streams that are open finish, new ones are refused. */
  close(): void {
    if (!this.#session.closed && !this.#session.destroyed) {
      this.#session.close();
    }
  }

  /** Cuts off what is open; its streams see a cancel. */
  destroy(): void {
    this.#session.destroy(undefined, constants.NGHTTP2_CANCEL);
    this.#socket.destroy();
  }

  #checkAge(now: number): void {
    const phase = this.#age.phase(now);
    if (phase !== 'young') {
      this.drain();
    }
    if (phase === 'over') {
      terminateCallsOf(this, this.#calls);
    }
  }

  #checkAlive(now: number): void {
    const { intervalMs, timeoutMs } = this.#options.keepalive;
    if (this.#isPingOpen) {
      if (now - this.#pingedAt >= timeoutMs) {
        this.destroy();
      }
    } else if (now - this.#pingedAt >= intervalMs) {
      this.#pingedAt = now;
      // False when too many pings are open: then nothing has come back for long, and the timeout runs.
      this.#isPingOpen = true;
      this.#session.ping(() => {
        this.#isPingOpen = false;
      });
    }
  }

  /**
   * node:http2 only half-closes the socket of a finished session, and waits with a closed one for a stream whose
   * headers have begun: a peer that stays, or never ends its headers, would hold either for ever.
   */
  #checkEnd(now: number): void {
    this.#endedAt ??= now;
    if (now - this.#endedAt >= LINGER_MS) {
      this.destroy();
    }
  }
}
