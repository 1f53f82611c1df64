/**
 * Servers that behave as a spec wants, and the clients that call them; all end with the spec.
 */
import { once } from 'node:events';
import {
  createServer as createHttp1,
  type RequestListener,
  type Server as Http1Server,
  type ServerOptions,
} from 'node:http';
import {
  createSecureServer,
  createServer as createHttp2,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { type ConnectionOptions } from '../../lib/client/connection/connection-options.js';
import { Http1Client } from '../../lib/client/connection/http1-client.js';
import { Http2Client } from '../../lib/client/connection/http2-client.js';
import { parseTarget } from '../../lib/client/balancing/target.js';

export type ServeStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A server may answer with more than Node would send. */
const LARGE_HEADERS = { maxSendHeaderBlockLength: 1_048_576 };

export class Peers {
  /** HTTP/2 sessions that servers have seen, and how many connections. */
  readonly sessions: ServerHttp2Session[] = [];
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #servers: Server[] = [];
  readonly #clients: { destroy(): void }[] = [];

  /** @returns The URL of an HTTP/2 server in clear text. */
  async http2(serve: ServeStream): Promise<string> {
    return `http://127.0.0.1:${await this.listen(this.#withStreams(createHttp2(LARGE_HEADERS), serve))}`;
  }

  async https2(options: SecureServerOptions, serve: ServeStream): Promise<string> {
    return `https://localhost:${await this.listen(this.#withStreams(createSecureServer(options), serve))}`;
  }

  async http1(serve: RequestListener, options: ServerOptions = {}): Promise<string> {
    return this.listenHttp1(createHttp1(options, serve));
  }

  async listenHttp1(server: Http1Server): Promise<string> {
    return `http://127.0.0.1:${await this.listen(server)}`;
  }

  /** A peer that speaks in bytes. */
  async tcp(serve: (socket: Socket) => void): Promise<string> {
    return `http://127.0.0.1:${await this.listen(createTcp({ allowHalfOpen: true }, serve))}`;
  }

  http2Client(url: string, options?: ConnectionOptions): Http2Client {
    return this.track(new Http2Client(parseTarget(url), options));
  }

  http1Client(url: string, options?: ConnectionOptions): Http1Client {
    return this.track(new Http1Client(parseTarget(url), options));
  }

  track<T extends { destroy(): void }>(client: T): T {
    this.#clients.push(client);
    return client;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  /** Ends every connection, as a server does that crashes. */
  cutConnections(): void {
    this.#sockets.forEach((socket) => socket.destroy());
  }

  async close(): Promise<void> {
    this.#clients.forEach((client) => client.destroy());
    this.cutConnections();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async listen(server: Server): Promise<number> {
    this.#servers.push(server);
    server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  #withStreams(server: Http2Server, serve: ServeStream): Http2Server {
    server.on('session', (session) => {
      this.sessions.push(session);
      session.on('error', () => {});
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      serve(stream, headers);
    });
    return server;
  }
}

/** A close that is under way. */
export class Closing {
  isDone = false;
  readonly done: Promise<void>;

  constructor(client: { close(): Promise<void> }) {
    this.done = this.#close(client);
  }

  async #close(client: { close(): Promise<void> }): Promise<void> {
    await client.close();
    this.isDone = true;
  }
}
