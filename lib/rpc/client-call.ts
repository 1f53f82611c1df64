/**
 * One call as a client drives it. `wire` implements it, `client` makes promises and streams of it.
 */
import { type ConnectError } from './connect-error.js';
import { type RpcHeaders } from './headers.js';
import { type MessageSink, type MessageSource } from './message-flow.js';
import { type MethodSpec } from './method-spec.js';

/** What a caller gives with a call, besides its messages. */
export interface CallStart {
  /** Sent with the request; `undefined` for none. */
  readonly headers: RpcHeaders | undefined;
  /** Time for the whole call, in milliseconds; `undefined` for no limit. */
  readonly timeoutMs: number | undefined;
  /** Cancels the call. */
  readonly signal: AbortSignal | undefined;
  /** Told of the response's headers, before any message. */
  readonly onHeaders: ((headers: RpcHeaders) => void) | undefined;
  /** Told of the response's trailers, after the last message, of failed calls too. */
  readonly onTrailers: ((trailers: RpcHeaders) => void) | undefined;
  /** How often the call was tried by its retry policy before: servers are told where the protocol has a word for it. Default: 0. */
  readonly previousAttempts?: number;
}

/** Where the reply of a unary or client streaming call goes: one of the two is called, once. */
export interface SingleReply {
  succeed(message: unknown): void;
  fail(error: ConnectError): void;
}

/**
 * A call on its way. Its requests are a {@link MessageSink}: `complete` half-closes, `fail` cancels.
 *
 * A failed call tells its {@link SingleReply}, or the consumer of {@link replies}, and whoever produces requests by
 * `onCancel`.
 */
export interface ClientCall extends MessageSink<unknown> {
  readonly spec: MethodSpec;
  /** Sends the one request of a unary or server streaming call. Nothing else is written. */
  send(message: unknown): void;
  /** Of methods that stream responses; end and error are told here. */
  readonly replies: MessageSource<unknown>;
  /** Gives the call up; who waits for it gets this error. Does nothing once it is over. */
  cancel(reason: ConnectError): void;
  /** Names the one function that is told when requests are not wanted any more: the call is over. */
  onCancel(listener: () => void): void;
}
