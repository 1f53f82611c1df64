/**
 * HTTP/1.1 on sockets that somebody else accepted: an http.Server that never listens, fed one by one.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { nodeTimeoutMs } from './durations.js';
import { type Http1Connections } from './http1-connections.js';
import { type EngineOptions } from './options.js';

/** The statuses for what node:http finds wrong in a request; 400 for everything else. */
const STATUS_BY_ERROR: ReadonlyMap<string, number> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['HPE_HEADER_OVERFLOW', 431],
]);

/** What node:http tells of a request that it cannot read. */
interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
}

// Often enough to be exact to a quarter of the timeout, and not more often than anybody notices.
const MIN_CHECK_MS = 10;
const MAX_CHECK_MS = 1_000;

export class Http1Server {
  readonly #server: Server;

  constructor(
    private readonly connections: Http1Connections,
    onRequest: (request: IncomingMessage, response: ServerResponse) => void,
    options: EngineOptions,
  ) {
    const { headersMs, http1KeepAliveMs } = options.timeouts;
    this.#server = createServer(
      {
        maxHeaderSize: options.maxHeaderBytes.http1,
        headersTimeout: nodeTimeoutMs(headersMs),
        connectionsCheckingInterval: Math.max(MIN_CHECK_MS, Math.min(headersMs / 4, MAX_CHECK_MS)),
        keepAliveTimeout: nodeTimeoutMs(http1KeepAliveMs),
        // A stream of requests may take as long as it likes; the idle monitor sees who is silent.
        requestTimeout: 0,
      },
      onRequest,
    );
    // The engine counts them: Node 20 would drop some in silence, Node 24 would answer without a word to browsers.
    this.#server.maxHeadersCount = 0;
    this.#server.on('clientError', (error: ParseError, socket) => this.#refuse(error, socket));
    // Node starts to check `headersTimeout` on this event only, and this server never listens.
    this.#server.emit('listening');
  }

  /** Takes a socket over. Bytes that were read from it must have been put back. */
  accept(socket: Socket): void {
    this.connections.of(socket);
    this.#server.emit('connection', socket);
  }

  /** Stops the check of timeouts; the sockets stay as they are. */
  close(): void {
    this.#server.close();
  }

  #refuse(error: ParseError, socket: object): void {
    if (!(socket instanceof Socket)) {
      return;
    }
    const connection = this.connections.of(socket);
    if (connection.isFresh && speaksOtherProtocol(error)) {
      connection.destroy();
    } else {
      connection.refuse(STATUS_BY_ERROR.get(error.code ?? '') ?? 400);
    }
  }
}

/**
 * A first line that is no request line, such as a broken HTTP/2 preface: who does not speak HTTP/1.1 gets no
 * HTTP/1.1 answer. (RFC 9113, section 3.4: an invalid preface is a connection error)
 */
function speaksOtherProtocol({ code, rawPacket }: ParseError): boolean {
  return (
    code === 'HPE_INVALID_METHOD' &&
    rawPacket !== undefined &&
    !/^\S+ \S+ HTTP\/1\.\d\r?\n/.test(rawPacket.subarray(0, MAX_LINE_BYTES).toString('latin1'))
  );
}

/** As much of a first line as is looked at. */
const MAX_LINE_BYTES = 4_096;
