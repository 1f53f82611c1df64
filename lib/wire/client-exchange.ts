/**
 * The client's Exchange port: one HTTP request and its response as the protocols of a client see them.
 *
 * It hides connections: `client/` has engines for node:http and node:http2, `testing/` one without a socket.
 *
 *   request    HttpClient.open() ──► write()* ──► end()      or, in one step, HttpClient.send()
 *   response   onHeaders ──► onData* ──► onEnd               pause() / resume() between any two
 *   both       reset(), or the listener's onAbort: nothing follows
 */
import { type ConnectError } from '../rpc/connect-error.js';
import { type HeaderList } from '../rpc/headers.js';

/** The head of a request. */
export interface RequestHead {
  readonly method: 'GET' | 'POST';
  /** Path and query, for example `/eliza.v1.ElizaService/Say`. */
  readonly target: string;
  /** Names in lower case; without `host`, `content-length` and pseudo-headers, which the engine adds. */
  readonly headers: HeaderList;
}

/** The protocol's side of a client's exchange. Nothing is called before `open` or `send` has returned. */
export interface ClientExchangeListener {
  /** The listener gives up by itself after a time: what may be tried again, may be until then. Default: false. */
  readonly hasDeadline?: boolean;
  /** To do it twice does no more than to do it once, whatever the request's method. Default: false. */
  readonly isIdempotent?: boolean;
  /** The response has begun. Called once, before everything but `onAbort` and `onDrain`. Names are in lower case. */
  onHeaders(status: number, headers: HeaderList): void;
  /** Bytes of the response body. The listener may keep the chunk. */
  onData(chunk: Uint8Array): void;
  /** The response is complete. @param trailers Empty when there were none. */
  onEnd(trailers: HeaderList): void;
  /** The request takes more bytes, after a {@link ClientExchange.write} that returned false. */
  onDrain(): void;
  /**
   * The exchange broke: no connection, the stream reset, the connection gone. Called at most once, not after `onEnd`
   * and not after {@link ClientExchange.reset}; nothing follows.
   *
   * @param reason With the code that the caller should see: `unavailable` when the server cannot have begun.
   */
  onAbort(reason: ConnectError): void;
}

export interface ClientExchange {
  /** Sends bytes of the request body. @returns False when the caller should wait for `onDrain`; the bytes are taken all the same. */
  write(bytes: Uint8Array): boolean;
  /** Finishes the request. */
  end(): void;
  /** No `onData` until {@link resume}; the server is held back by flow control. May be called twice. */
  pause(): void;
  resume(): void;
  /** Who answers, for messages; `undefined` where nobody has a name. */
  readonly peer?: string | undefined;
  /** Why the request is sent again, while there is no response; `undefined` for the first time. */
  readonly lastFailure?: ConnectError | undefined;
  /**
   * Gives the exchange up: RST_STREAM CANCEL, or NO_ERROR when the response is complete and only the request is not; over
   * HTTP/1.1 the end of the connection. Safe at any time.
   */
  reset(): void;
}

/** Where requests go: a connection, a pool of them, or a server in this process. */
export interface HttpClient {
  /** Sends the head; the body follows by `write` and `end`. Does not throw: what is wrong comes as `onAbort`. */
  open(head: RequestHead, listener: ClientExchangeListener): ClientExchange;
  /** Sends a whole request, with `content-length` for a body. Does not throw. */
  send(head: RequestHead, body: Uint8Array | undefined, listener: ClientExchangeListener): ClientExchange;
}
