/**
 * HTTP/2 requests for applications that speak HTTP/1.1 only, such as those on Express: each goes through a connection in
 * memory to the application's own server, and its answer comes back the same way.
 *
 *   Http2Exchange ⇄ BridgedRequest ⇄ ClientRequest ⇄ memory ⇄ the application's http.Server
 *
 * Both ends are Node's own, so whatever holds over HTTP/1.1 holds here: limits, timeouts, backpressure, aborts.
 */
import { ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { type Http2Session, type ServerHttp2Stream } from 'node:http2';
import { type ConnectError } from '../rpc/connect-error.js';
import { type HeaderList } from '../rpc/headers.js';
import { addHeaders, createHeaderObject } from '../wire/header-object.js';
import { type ExchangeListener } from '../wire/exchange.js';
import { type Http2Exchange, type IncomingStream } from './http2-exchange.js';
import { connectInMemory, factsOf, type MemorySocket, type SocketFacts } from './memory-socket.js';

/** Of one connection, and in HTTP/2 forbidden or without meaning. (RFC 9113, section 8.2.2) */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
]);

/** Whose requests have no content unless they say so; others without any say `content-length: 0`. (RFC 9110, section 8.6) */
const WITHOUT_CONTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** As node:http2 has it: whatever is written after them, no body follows. */
const STATUSES_WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** Of responses, in bytes: more than nghttp2 would send, which resets such a stream. Node's own is a quarter of it. */
const MAX_HEADER_BYTES = 65_536;

export class Http1Bridge {
  /** Of sessions: taking a socket's facts together costs as much as a small request. */
  readonly #facts = new WeakMap<Http2Session, SocketFacts>();

  /** @param connect Gives a connection to the application's server. */
  constructor(private readonly connect: (socket: MemorySocket) => void) {}

  /** Answers the exchange, which is open and has not been started, with what the application answers. */
  serve(exchange: Http2Exchange, incoming: IncomingStream): void {
    if (exchange.method === 'CONNECT') {
      exchange.respondAndEnd(501, []);
      return;
    }
    const { client, server } = connectInMemory(this.#factsOf(incoming.stream.session));
    let request: ClientRequest;
    try {
      request = createRequest(exchange, incoming, client);
    } catch {
      // A character that nghttp2 lets pass and node:http does not is the client's fault.
      exchange.respondAndEnd(400, []);
      return;
    }
    new BridgedRequest(exchange, incoming.stream, request, server).start();
    this.connect(server);
  }

  #factsOf(session: Http2Session | undefined): SocketFacts {
    if (session === undefined || session.destroyed) {
      return {};
    }
    const facts = this.#facts.get(session) ?? factsOf(session.socket);
    this.#facts.set(session, facts);
    return facts;
  }
}

/** One request on its way to the application, and its response on the way back. */
class BridgedRequest implements ExchangeListener {
  readonly isMidMessage = false;
  #response: IncomingMessage | undefined;

  constructor(
    private readonly exchange: Http2Exchange,
    private readonly stream: ServerHttp2Stream,
    private readonly request: ClientRequest,
    private readonly server: MemorySocket,
  ) {}

  start(): void {
    const { exchange, stream, request } = this;
    request.on('information', (information) => this.#inform(information));
    request.on('response', (response) => this.#respond(response));
    request.on('drain', () => exchange.resume());
    // What happened is told by `close`; without a listener the process would end.
    request.on('error', () => {});
    request.on('close', () => this.#connectionClosed());
    if (exchange.hasBody) {
      stream.once('trailers', (trailers) => request.addTrailers(objectOf(endToEnd(trailers))));
      request.flushHeaders();
    } else {
      request.end();
    }
    exchange.start(this);
  }

  onData(chunk: Uint8Array): void {
    if (!this.request.write(chunk)) {
      this.exchange.pause();
    }
  }

  onEnd(): void {
    this.request.end();
  }

  onDrain(): void {
    this.#response?.resume();
  }

  onAbort(): void {
    this.#giveUp();
  }

  onClose(): void {
    this.#giveUp();
  }

  terminate(reason: ConnectError): void {
    this.stream.destroy(reason);
  }

  /** The application sees what it sees of a client that has closed its connection. */
  #giveUp(): void {
    this.request.destroy();
    this.server.destroy();
  }

  /**
   * Without a complete response the application has given its connection up, and the client must see that: INTERNAL_ERROR,
   * because clients on node:http2 take a CANCEL for the end.
   */
  #connectionClosed(): void {
    if (this.#response?.complete !== true) {
      this.stream.destroy(new Error('the application closed the connection'));
    }
  }

  /** 100 (Continue), 103 (Early Hints) and their like. */
  #inform({ statusCode, headers }: { statusCode: number; headers: IncomingHttpHeaders }): void {
    if (!this.stream.destroyed && !this.stream.closed) {
      this.stream.additionalHeaders({ ...objectOf(endToEnd(headers)), ':status': statusCode });
    }
  }

  #respond(response: IncomingMessage): void {
    const { exchange } = this;
    const { statusCode: status = 500 } = response;
    const headers = endToEnd(response.headers);
    this.#response = response;
    if (exchange.method === 'HEAD' || STATUSES_WITHOUT_BODY.has(status)) {
      exchange.respondAndEnd(status, headers);
      response.resume();
      return;
    }
    const hasTrailers = response.headers.trailer !== undefined;
    exchange[hasTrailers ? 'respondWithTrailers' : 'respond'](status, headers);
    response.on('data', (chunk: Buffer) => {
      if (!exchange.write(chunk)) {
        response.pause();
      }
    });
    response.on('end', () => exchange.end(undefined, endToEnd(response.trailers)));
    // A response that breaks off: `close` of the request follows.
    response.on('error', () => {});
  }
}

/** @throws TypeError When method, path or a header are not allowed in HTTP/1.1. */
function createRequest(
  { method, hasBody }: Http2Exchange,
  { headers }: IncomingStream,
  socket: MemorySocket,
): ClientRequest {
  // Not `request`: what instruments that takes this for a call to another server.
  return new ClientRequest({
    method,
    path: headers[':path'],
    headers: requestHeaders(method, headers, hasBody),
    maxHeaderSize: MAX_HEADER_BYTES,
    createConnection: () => socket,
  });
}

function requestHeaders(method: string, headers: IncomingHttpHeaders, hasBody: boolean): string[] {
  // One request per connection in memory: nothing of it is left for the next one.
  const list = ['connection', 'close', ...endToEnd(headers, ['host', 'trailer'])];
  // "An intermediary that converts … MUST create a Host header field … if it contains an :authority pseudo-header field"
  // (RFC 9113, section 8.3.1)
  const host = headers[':authority'] ?? headers.host;
  if (typeof host === 'string') {
    list.push('host', host);
  }
  if (headers['content-length'] === undefined) {
    if (hasBody) {
      list.push('transfer-encoding', 'chunked');
    } else if (!WITHOUT_CONTENT.has(method)) {
      list.push('content-length', '0');
    }
  }
  return list;
}

/** Headers without those of the connection: pseudo-headers, hop-by-hop ones, and those that `connection` names. */
function endToEnd(headers: IncomingHttpHeaders, others: readonly string[] = []): string[] {
  const named = headers.connection?.split(',').map((name) => name.trim().toLowerCase()) ?? [];
  const list: string[] = [];
  for (const [name, value = ''] of Object.entries(headers)) {
    if (name.startsWith(':') || HOP_BY_HOP.has(name) || named.includes(name) || others.includes(name)) {
      continue;
    }
    // Only `set-cookie` has more than one.
    for (const single of Array.isArray(value) ? value : [value]) {
      list.push(name, single);
    }
  }
  return list;
}

function objectOf(list: HeaderList): ReturnType<typeof createHeaderObject> {
  return addHeaders(createHeaderObject(), list);
}
