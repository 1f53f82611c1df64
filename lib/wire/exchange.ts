/**
 * The Exchange port: one HTTP request and its response as the protocols see them.
 *
 * It hides the HTTP engine: `server/` has an adapter for node:http and one for node:http2, the specs have
 * one in memory. Keep it small; every method here is a promise that three engines must keep.
 *
 *   request    start(listener) ──► onData* ──► onEnd        pause() / resume() between any two
 *   response   respond() ──► write()* ──► end()             or, in one step, respondAndEnd()
 *   both       reset(), or the listener's onAbort: nothing follows
 */
import { type ConnectError } from '../rpc/connect-error.js';
import { type HeaderList } from '../rpc/headers.js';
import { type Peer } from '../rpc/server-call.js';

/** The protocol's side of an exchange. No method is called before {@link Exchange.start}. */
export interface ExchangeListener {
  /** Bytes of the request body. The listener may keep the chunk. Not called after the response has ended. */
  onData(chunk: Uint8Array): void;
  /** The request body is complete. Called at most once; not after `onAbort` nor after the response has ended. */
  onEnd(): void;
  /** The response takes more bytes, after a {@link Exchange.write} that returned false. */
  onDrain(): void;
  /**
   * The exchange broke before the response was delivered: the peer reset the stream, closed the connection,
   * or does not read what it asked for (`canceled`). Called at most once; nothing can be sent any more.
   */
  onAbort(reason: ConnectError): void;
  /**
   * The response was handed to the network, or the exchange is gone: the call holds nothing any more.
   * Called exactly once, last.
   */
  onClose(): void;
  /** True while the call cannot go on without more bytes of a message that has begun: the idle-read timer asks. */
  readonly isMidMessage: boolean;
  /**
   * Ends the call with an error in the protocol's own form: the engine asks for it when a peer is silent in
   * the middle of a message (`deadline_exceeded`) and when the server stops (`unavailable`). The handler is
   * canceled with that reason.
   */
  terminate(reason: ConnectError): void;
}

export interface Exchange {
  readonly httpVersion: '1.1' | '2';
  /** As it stands in the request, for example `"POST"`. */
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Without the `?`; empty when there is none. */
  readonly query: string;
  readonly peer: Peer;
  /** @param name In lower case. @returns The value; repeated ones joined by `", "` (`content-type`: the first). */
  header(name: string): string | undefined;
  /** Every request header as it came, pseudo-headers included. */
  readonly requestHeaders: HeaderList;
  /** False when the request is known to have no body: by its framing, not by what was received. */
  readonly hasBody: boolean;

  /**
   * Begins to deliver the request body. Call once, in the turn in which the exchange was given; or answer
   * without it, when neither the body nor the end of the exchange matters.
   */
  start(listener: ExchangeListener): void;
  /** No `onData` until {@link resume}; the peer is held back by flow control. May be called twice. */
  pause(): void;
  resume(): void;

  /**
   * Sends status and headers; the body follows by {@link write} and {@link end}. Names in lower case; no
   * reserved name that the engine sets itself (`date`, `transfer-encoding`, and `connection`, except that
   * `connection: close` over HTTP/1.1 ends the connection after the response).
   */
  respond(status: number, headers: HeaderList): void;
  /** {@link respond} for a response that {@link end} will finish with HTTP trailers. HTTP/2 only. */
  respondWithTrailers(status: number, headers: HeaderList): void;
  /** The whole response in one step. Adds `content-length`. Without a body, HTTP/2 sends one HEADERS frame. */
  respondAndEnd(status: number, headers: HeaderList, body?: Uint8Array): void;
  /** Sends bytes of the body. @returns False when the caller should wait for `onDrain`; the bytes are taken all the same. */
  write(bytes: Uint8Array): boolean;
  /**
   * Finishes the response. If the request is not complete by then, the peer is told to stop sending
   * (gRPC over HTTP/2, "Responses": RST_STREAM with NO_ERROR; HTTP/1.1: `connection: close`).
   *
   * @param trailers Only after {@link respondWithTrailers}.
   */
  end(bytes?: Uint8Array, trailers?: HeaderList): void;
  /**
   * Gives the exchange up without a (complete) answer: RST_STREAM CANCEL, or the end of the HTTP/1.1
   * connection. Safe at any time.
   */
  reset(): void;
  /** Bytes of the response that the network has not taken. */
  readonly bufferedBytes: number;
}
