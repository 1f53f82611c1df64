/**
 * The engine on the HTTP server of an application: RPCs are taken out of its requests, HTTP/2 out of its
 * connections, and everything else goes on to the server's listeners.
 *
 *   connection ──► sniffer or ALPN ──► HTTP/1.1: the server itself ──► request ──► RPC? ──► engine, or its listeners
 *                                  └─► HTTP/2: Http2Server ──────────► stream ───► RPC? ──► engine, or its listeners
 *
 * The server may be listening already or not yet. Its `upgrade` listeners (WebSocket) are not touched.
 */
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { type Http2Server as NodeHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type Socket } from 'node:net';
import * as tls from 'node:tls';
import { ConnectionSniffer } from './connection-sniffer.js';
import { Http1Bridge } from './http1-bridge.js';
import { Http1Connections } from './http1-connections.js';
import { type Http1Exchange } from './http1-exchange.js';
import { Http1Server } from './http1-server.js';
import { type Http2Exchange, type IncomingStream } from './http2-exchange.js';
import { Http2Server } from './http2-server.js';
import { LiveSet } from './live-set.js';
import { type EngineOptions } from './options.js';
import { type ActiveCalls } from './server-exchange.js';

// How `ALPNProtocols` is set on a server that exists: as old as ALPN in Node, only its types are missing.
const { convertALPNProtocols: setAlpnProtocols } = tls as unknown as {
  readonly convertALPNProtocols: (protocols: readonly string[], server: object) => void;
};

/** An application's server: one of node:http or node:https, or of node:http2, in clear text or over TLS. */
export type MountableServer = HttpServer | tls.Server | NodeHttp2Server;

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

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

/** Sees an event before its listeners do. @returns True when they shall not see it. */
type Interceptor = (...args: never[]) => boolean;

export class Mount {
  readonly #init: MountInit;
  readonly #http1: Http1Connections;
  /** Where a server of node:http2 has none of its own. */
  readonly #http1Server: Http1Server | undefined;
  readonly #http2: Http2Server;
  readonly #bridge: Http1Bridge;
  readonly #sniffer: ConnectionSniffer;
  /** The server's own, which reaches its listeners. */
  readonly #emit: Emit;
  /** RPCs over HTTP/1.1 are emitted once more, here: what instruments `http.Server.prototype.emit` sees them. */
  readonly #rpcs = createServer();
  /** HTTP/2 requests that the application answers. */
  readonly #handedOn = new LiveSet<ServerHttp2Stream>();
  #drainsUntil = Infinity;
  #isDraining = false;

  /** From now on the server's listeners, those that come later as well, hear only of what is no RPC. */
  constructor(init: MountInit) {
    const { server, calls, options } = init;
    this.#init = init;
    const isTls = server instanceof tls.Server;
    const needsHttp1 = !speaksHttp1(server);
    this.#http1 = new Http1Connections({ calls, options, closesIdle: needsHttp1 });
    this.#http1Server = needsHttp1
      ? new Http1Server(this.#http1, (...http) => this.#onOwnRequest(...http), options)
      : undefined;
    this.#http2 = new Http2Server(calls, (exchange) => this.#onHttp2(exchange), options);
    const connected = isTls ? 'secureConnection' : 'connection';
    // Past the interceptors: nobody has to find out what it speaks.
    this.#bridge = new Http1Bridge((socket) => this.#emit(connected, socket));
    this.#sniffer = new ConnectionSniffer(options.timeouts.prefaceMs, {
      onHttp1: (socket) => this.#acceptHttp1(socket),
      onHttp2: (socket) => this.#http2.accept(socket),
    });
    this.#rpcs.on('request', (_request, _response, exchange?: Http1Exchange) => {
      if (exchange !== undefined) {
        this.#onRpc(exchange);
      }
    });
    if (isTls) {
      setAlpnProtocols(['h2', 'http/1.1'], server);
    }
    this.#emit = intercept(
      server,
      new Map<string, Interceptor>([
        ['request', (...http: [IncomingMessage, ServerResponse]) => this.#takeRequest(...http)],
        isTls
          ? [connected, (socket: tls.TLSSocket) => this.#takeSecure(socket)]
          : [connected, (socket: Socket) => this.#takeClear(socket)],
      ]),
    );
  }

  check(now: number): void {
    this.#http1.check(now);
    this.#http2.check(now);
  }

  /** Refuses new calls and ends HTTP/2 connections after their streams; the server itself goes on. */
  drain(): void {
    this.#isDraining = true;
    this.#drainsUntil = performance.now() + this.#init.options.drainTimeoutMs;
    this.#http1.drain();
    this.#http2.drain();
    // `server.close()` waits for all sockets, and nobody else would close these.
    this.#sniffer.drain();
  }

  /**
   * Destroys the HTTP/2 connections that are left after the time. Unless it is 0, what the application still answers
   * over them may take as long as calls may.
   */
  async destroyAfter(timeoutMs: number): Promise<void> {
    if (timeoutMs > 0) {
      await this.#handedOn.whenEmpty(Math.max(0, this.#drainsUntil - performance.now()));
    }
    await this.#http2.destroyAfter(timeoutMs);
    this.#http1Server?.close();
  }

  #takeClear(socket: Socket): true {
    this.#sniffer.accept(socket);
    return true;
  }

  /** A client without ALPN speaks HTTP/1.1. */
  #takeSecure(socket: tls.TLSSocket): boolean {
    if (socket.alpnProtocol === 'h2') {
      this.#http2.accept(socket);
      return true;
    }
    this.#http1Server?.accept(socket);
    return this.#http1Server !== undefined;
  }

  #acceptHttp1(socket: Socket): void {
    if (this.#http1Server === undefined) {
      this.#emit('connection', socket);
    } else {
      this.#http1Server.accept(socket);
    }
  }

  #takeRequest(request: IncomingMessage, response: ServerResponse): boolean {
    // node:http2 made it of a stream that was handed on.
    if (request.httpVersionMajor === 2) {
      return false;
    }
    const exchange = this.#http1.exchangeOf(request, response);
    if (exchange === undefined) {
      return true;
    }
    const isRpc = this.#init.handles(exchange);
    if (isRpc) {
      this.#rpcs.emit('request', request, response, exchange);
    }
    return isRpc;
  }

  /** A request on the HTTP/1.1 server that node:http2's lacks. */
  #onOwnRequest(request: IncomingMessage, response: ServerResponse): void {
    const exchange = this.#http1.exchangeOf(request, response);
    if (exchange === undefined) {
      return;
    }
    if (this.#init.handles(exchange)) {
      this.#onRpc(exchange);
    } else {
      this.#keepConnection(exchange);
      this.#emit('request', request, response);
    }
  }

  #onRpc(exchange: Http1Exchange): void {
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
    } else if (exchange.incoming !== undefined) {
      this.#handOn(exchange, exchange.incoming);
    }
  }

  /** To listeners for streams, as a server of node:http2 has them; or as HTTP/1.1 to a server that has nothing else. */
  #handOn(exchange: Http2Exchange, incoming: IncomingStream): void {
    const { stream, headers, flags, rawHeaders } = incoming;
    this.#keepConnection(exchange);
    this.#handedOn.add(stream);
    stream.once('close', () => this.#handedOn.delete(stream));
    if (this.#init.server.listenerCount('stream') > 0) {
      this.#emit('stream', stream, headers, flags, rawHeaders);
    } else if (isOfHttp2(this.#init.server)) {
      exchange.respondAndEnd(404, []);
    } else {
      this.#bridge.serve(exchange, incoming);
    }
  }

  /** The connection counts the exchange, and is not idle; nobody here watches or ends what the application answers. */
  #keepConnection(exchange: Http1Exchange | Http2Exchange): void {
    exchange.open();
    this.#init.calls.delete(exchange);
  }
}

/** Servers of node:http2 do so over TLS when they were told to (`allowHTTP1`), and offer it then; in clear text never. */
function speaksHttp1(server: MountableServer): boolean {
  // Where `setAlpnProtocols` keeps them.
  const { ALPNProtocols: offered } = server as { readonly ALPNProtocols?: Buffer };
  return !isOfHttp2(server) || offered?.includes('http/1.1') === true;
}

/** node:http2 does not export the classes of its servers. */
function isOfHttp2(server: MountableServer): boolean {
  return 'updateSettings' in server;
}

/**
 * Puts functions in front of all listeners of some events, whenever those are added: frameworks attach theirs early or
 * late, and libraries such as engine.io take all others off and call them themselves.
 *
 * @returns What the server's `emit` was.
 */
function intercept(server: MountableServer, interceptors: ReadonlyMap<string | symbol, Interceptor>): Emit {
  const emit = server.emit.bind(server) as Emit;
  // Its overloads name one event each.
  (server as { emit: Emit }).emit = (event, ...args) => {
    const interceptor = interceptors.get(event) as ((...all: unknown[]) => boolean) | undefined;
    return interceptor?.(...args) === true || emit(event, ...args);
  };
  return emit;
}
