/**
 * The engine on the HTTP server of an application: RPCs are taken out of its requests, HTTP/2 out of its
 * connections, and everything else goes on to the listeners that were there before.
 *
 * The server may be listening already or not yet. Its `upgrade` listeners (WebSocket) are not touched.
 */
import { type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import * as tls from 'node:tls';
import { ConnectionSniffer } from './connection-sniffer.js';
import { Http1Connections } from './http1-connections.js';
import { type Http1Exchange } from './http1-exchange.js';
import { type Http2Exchange } from './http2-exchange.js';
import { Http2Server } from './http2-server.js';
import { type EngineOptions } from './options.js';
import { type ActiveCalls } from './server-exchange.js';

// How `ALPNProtocols` is set on a server that exists: as old as ALPN in Node, only its types are missing.
const { convertALPNProtocols: setAlpnProtocols } = tls as unknown as {
  readonly convertALPNProtocols: (protocols: readonly string[], server: object) => void;
};

/** An application's server: `http.Server`, or `https.Server`, which is a `tls.Server`. */
export type MountableServer = HttpServer | tls.Server;

export interface MountInit {
  readonly server: MountableServer;
  readonly calls: ActiveCalls;
  readonly options: EngineOptions;
  /** Tells RPCs from the application's other requests. */
  readonly handles: (exchange: Http1Exchange | Http2Exchange) => boolean;
  readonly serve: (exchange: Http1Exchange | Http2Exchange) => void;
  /** Answers a call with a status and nothing else. */
  readonly refuse: (exchange: Http1Exchange, status: number) => void;
}

type Listeners = readonly ((...args: readonly object[]) => void)[];

const HTTP1_ONLY = Buffer.from('This path is served over HTTP/1.1 only.\n');

export class Mount {
  readonly #init: MountInit;
  readonly #http1: Http1Connections;
  readonly #http2: Http2Server;
  readonly #sniffer: ConnectionSniffer;
  #isDraining = false;

  /** Takes the server's listeners over. */
  constructor(init: MountInit) {
    const { server, calls, options } = init;
    this.#init = init;
    this.#http1 = new Http1Connections({ calls, options, closesIdle: false });
    this.#http2 = new Http2Server(calls, (exchange) => this.#onHttp2(exchange), options);
    const onHttp1 = takeListeners(server, connectionEvent(server));
    this.#sniffer = new ConnectionSniffer(options.timeouts.prefaceMs, {
      onHttp1: (socket) => callAll(onHttp1, socket),
      onHttp2: (socket) => this.#http2.accept(socket),
    });
    this.#takeRequests(takeListeners(server, 'request'));
    if (server instanceof tls.Server) {
      this.#takeTls(server, onHttp1);
    } else {
      server.on('connection', (socket: Socket) => this.#sniffer.accept(socket));
    }
  }

  check(now: number): void {
    this.#http1.check(now);
    this.#http2.check(now);
  }

  /** Refuses new calls and ends HTTP/2 connections after their streams; the server itself goes on. */
  drain(): void {
    this.#isDraining = true;
    this.#http1.drain();
    this.#http2.drain();
    // `server.close()` waits for all sockets, and nobody else would close these.
    this.#sniffer.drain();
  }

  /** Destroys the HTTP/2 connections that are left after the time. */
  destroyAfter(timeoutMs: number): Promise<void> {
    return this.#http2.destroyAfter(timeoutMs);
  }

  #takeRequests(others: Listeners): void {
    const { server } = this.#init;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const exchange = this.#http1.exchangeOf(request, response);
      if (exchange === undefined) {
        return;
      }
      if (this.#init.handles(exchange)) {
        this.#onHttp1(exchange);
      } else {
        callAll(others, request, response);
      }
    });
  }

  #takeTls(server: tls.Server, onHttp1: Listeners): void {
    setAlpnProtocols(['h2', 'http/1.1'], server);
    server.on('secureConnection', (socket: tls.TLSSocket) => {
      if (socket.alpnProtocol === 'h2') {
        this.#http2.accept(socket);
      } else {
        callAll(onHttp1, socket);
      }
    });
  }

  #onHttp1(exchange: Http1Exchange): void {
    if (this.#isDraining) {
      // Every RPC client reads 503 as `unavailable`, and tries another server.
      this.#init.refuse(exchange, 503);
    } else {
      this.#init.serve(exchange);
    }
  }

  #onHttp2(exchange: Http2Exchange): void {
    if (this.#init.handles(exchange)) {
      this.#init.serve(exchange);
    } else {
      // Express and its like have no HTTP/2: say so, and not just "not found".
      exchange.open();
      exchange.respondAndEnd(404, ['content-type', 'text/plain; charset=utf-8'], HTTP1_ONLY);
    }
  }
}

function connectionEvent(server: MountableServer): 'connection' | 'secureConnection' {
  return server instanceof tls.Server ? 'secureConnection' : 'connection';
}

/** @returns The server's listeners, bound to it, which no longer hears of the event. */
function takeListeners(server: MountableServer, event: string): Listeners {
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  return listeners.map(
    (listener) =>
      (...args: readonly object[]) =>
        void Reflect.apply(listener, server, args),
  );
}

function callAll(listeners: Listeners, ...args: readonly object[]): void {
  listeners.forEach((listener) => listener(...args));
}
