/**
 * HTTP/2 on sockets that somebody else accepted.
 */
import { performServerHandshake, type ServerOptions } from 'node:http2';
import { type Socket } from 'node:net';
import { Http2Connection } from './http2-connection.js';
import { type Http2Exchange, PSEUDO_HEADERS } from './http2-exchange.js';
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from '../wire/flow-control.js';
import { LiveSet } from './live-set.js';
import { type EngineOptions } from './options.js';
import { type ActiveCalls } from './server-exchange.js';

/** Faults of a client after which node:http2 ends the session. */
const MAX_INVALID_FRAMES = 100;
const MAX_REJECTED_STREAMS = 100;

export class Http2Server {
  readonly #connections = new LiveSet<Http2Connection>();
  readonly #sessionOptions: ServerOptions;
  #isDraining = false;

  constructor(
    private readonly calls: ActiveCalls,
    private readonly serve: (exchange: Http2Exchange) => void,
    private readonly options: EngineOptions,
  ) {
    this.#sessionOptions = {
      settings: {
        maxConcurrentStreams: options.maxConcurrentStreams,
        maxHeaderListSize: options.maxHeaderBytes.http2,
        initialWindowSize: STREAM_WINDOW_BYTES,
      },
      maxHeaderListPairs: options.maxHeaderPairs + PSEUDO_HEADERS,
      maxSessionInvalidFrames: MAX_INVALID_FRAMES,
      maxSessionRejectedStreams: MAX_REJECTED_STREAMS,
    };
  }

  /** Takes a socket over. Bytes that were read from it must have been put back. */
  accept(socket: Socket): void {
    if (socket.destroyed) {
      return;
    }
    // A client that closes its side can send no more requests, and reads no GOAWAY either.
    socket.allowHalfOpen = false;
    const session = performServerHandshake(socket, this.#sessionOptions);
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    const { calls, options, serve } = this;
    const connection = new Http2Connection({ session, socket, calls, options, serve });
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    if (this.#isDraining) {
      connection.drain();
    }
  }

  /** Looks at the clock for every connection. */
  check(now: number): void {
    for (const connection of this.#connections) {
      connection.check(now);
    }
  }

  /** Ends all connections after their streams; those that come later as well. */
  drain(): void {
    this.#isDraining = true;
    for (const connection of this.#connections) {
      connection.drain();
    }
  }

  /** Waits until all connections have closed, and destroys those that are left after the time. */
  async destroyAfter(timeoutMs: number): Promise<void> {
    await this.#connections.whenEmpty(timeoutMs);
    for (const connection of this.#connections) {
      connection.destroy();
    }
  }
}
