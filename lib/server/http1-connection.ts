/**
 * One HTTP/1.1 connection: the exchanges on it, and when it closes.
 */
import { type ServerResponse, STATUS_CODES } from 'node:http';
import { type Socket } from 'node:net';
import { type Peer } from '../rpc/server-call.js';
import { ConnectionAge } from './connection-age.js';
import { type Http1Owner } from './http1-exchange.js';
import { closeLingering } from './linger.js';
import { type EngineOptions } from './options.js';
import { SocketPeer } from './peer.js';
import { type ActiveCalls, type ServerExchange, terminateCallsOf } from './server-exchange.js';

export interface Http1ConnectionInit {
  readonly socket: Socket;
  readonly options: EngineOptions;
  readonly calls: ActiveCalls;
  /** False on the server of an application: there may be requests on the connection that are not known here. */
  readonly closesIdle: boolean;
}

export class Http1Connection implements Http1Owner {
  readonly peer: Peer;
  readonly #socket: Socket;
  readonly #calls: ActiveCalls;
  readonly #closesIdle: boolean;
  /** More than one only when the client pipelines. */
  readonly #exchanges = new Set<ServerExchange>();
  #isDraining = false;
  #isEndingEarly = false;
  #isRefused = false;
  #isFresh = true;
  readonly #age: ConnectionAge;

  constructor({ socket, calls, closesIdle, options }: Http1ConnectionInit) {
    this.#age = new ConnectionAge(options);
    this.peer = new SocketPeer(socket);
    this.#socket = socket;
    this.#calls = calls;
    this.#closesIdle = closesIdle;
    // A response that waits behind another one has no socket yet, and hears nothing of its end.
    socket.on('close', () => this.#exchanges.forEach((exchange) => exchange.gone()));
  }

  get isClosing(): boolean {
    return this.#isDraining || this.#isEndingEarly;
  }

  /** True before its first request. */
  get isFresh(): boolean {
    return this.#isFresh;
  }

  /** True behind a response that closes the connection: the client knows that what it pipelined is not served. */
  get refusesRequests(): boolean {
    return this.#isEndingEarly;
  }

  exchangeOpened(exchange: ServerExchange): void {
    this.#isFresh = false;
    this.#exchanges.add(exchange);
    this.#calls.add(exchange);
  }

  exchangeClosed(exchange: ServerExchange): void {
    this.#exchanges.delete(exchange);
    this.#calls.delete(exchange);
    this.#closeIfDrained();
  }

  /** Closes when no exchange is under way: now, or after the last one's response. */
  drain(): void {
    this.#isDraining = true;
    this.#closeIfDrained();
  }

  /** Looks at the clock: an old connection is drained, and what is left on it after the grace time is ended. */
  check(now: number): void {
    const phase = this.#age.phase(now);
    if (phase !== 'young' && !this.#isDraining) {
      this.drain();
    }
    if (phase === 'over') {
      terminateCallsOf(this, this.#calls);
    }
  }

  closeAfterEarlyResponse(response: ServerResponse): void {
    this.#isEndingEarly = true;
    // node:http calls this when it has written a response with `connection: close`, and would not linger.
    this.#socket.destroySoon = () => {};
    response.once('finish', () => closeLingering(this.#socket));
  }

  /** Answers what is not a request, and closes. */
  refuse(status: number): void {
    if (this.#isRefused) {
      return; // Every chunk behind the first fault is one more; the answer is on its way.
    }
    this.#isRefused = true;
    const exchanges = [...this.#exchanges];
    if (exchanges.some((exchange) => exchange.hasResponded) || !this.#socket.writable) {
      this.#socket.destroy();
    } else if (exchanges.some((exchange) => exchange.isRequestComplete)) {
      // The fault is behind a good request, whose client would take the answer for its own.
      this.drain();
    } else {
      const reason = STATUS_CODES[status] ?? '';
      this.#socket.write(`HTTP/1.1 ${status} ${reason}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      closeLingering(this.#socket);
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #closeIfDrained(): void {
    if (this.#isDraining && this.#closesIdle && this.#exchanges.size === 0) {
      closeLingering(this.#socket);
    }
  }
}
