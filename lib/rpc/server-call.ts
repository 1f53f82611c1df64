/**
 * One call as its handler may see and influence it. `wire` implements it, `nest` wraps it.
 */
import { type ConnectError } from './connect-error.js';
import { type RpcHeaders } from './headers.js';
import { type MessageSink, type RequestSource } from './message-flow.js';
import { type MethodSpec } from './method-spec.js';

/** Who is calling. */
export interface Peer {
  /** The remote IP address; `"unix"` for a unix socket. */
  readonly address: string;
  /** The remote port; `undefined` for a unix socket. */
  readonly port: number | undefined;
  /** Over TLS: the client certificate as Node's `getPeerCertificate()` gives it, `undefined` without one. */
  readonly tls: PeerTls | undefined;
}

/** What TLS knows of the peer. */
export interface PeerTls {
  /** True when the client's certificate was verified against the configured authorities. */
  readonly authorized: boolean;
  /** For example `"TLSv1.3"`. */
  readonly protocol: string | null;
  /** The host name the client asked for (SNI). */
  readonly serverName: string | undefined;
  /** The client's certificate: subject, issuer, fingerprints; `undefined` when it sent none. */
  readonly certificate: Readonly<Record<string, unknown>> | undefined;
}

/** What a handler may see and set, whatever the protocol. */
export interface ServerCall {
  readonly spec: MethodSpec;
  /** `"connect"`, `"grpc"` or `"grpc-web"`. For logs and metrics: do not decide by it. */
  readonly protocol: string;
  readonly httpVersion: '1.1' | '2';
  /** `"POST"`, or `"GET"` for a side-effect-free Connect call. */
  readonly httpMethod: string;
  readonly peer: Peer;
  readonly requestHeaders: RpcHeaders;
  /** Sent with the first byte of the response; what is set later is lost. */
  readonly responseHeaders: RpcHeaders;
  readonly responseTrailers: RpcHeaders;
  /** Aborted when the call is canceled, times out, or its peer disconnects; never after a success. */
  readonly signal: AbortSignal;
  /** The timeout as the client sent it, in milliseconds, clamped to the configured maximum; `undefined` without one. */
  readonly requestTimeoutMs: number | undefined;
  /** When the call times out, on the clock of `performance.now()`; `undefined` without a deadline. */
  readonly deadline: number | undefined;
  /** Why the call was canceled; `undefined` while it was not. */
  readonly cancelReason: ConnectError | undefined;
  /**
   * Names the one function that ends the handler's work when the call is canceled, times out, or its
   * peer disconnects. Called at most once, at once when that has happened already.
   */
  onCancel(listener: (reason: ConnectError) => void): void;
  /** True once the response is decided: answered, failed, or canceled. */
  readonly isAnswered: boolean;
  /** Names the one function that is called when the call is over, whatever its outcome, and holds nothing any more. */
  onFinish(listener: () => void): void;
  /** Sends the response headers now, before the first message. Streams of responses only. */
  flushHeaders(): void;
  /** Calls the listeners of this call and of its messages. Default: nothing, they are called directly. */
  scope?: CallScope | undefined;
}

/** Runs something where the application wants it to run, for example in an AsyncLocalStorage of the call. */
export type CallScope = (run: () => void) => void;

/** A call whose response is one message (unary and client streaming). */
export interface SingleReplyCall<O> extends ServerCall {
  /** Answers. The first of `succeed` and `fail` counts. */
  succeed(message: O): void;
  fail(error: ConnectError): void;
}

/** A call whose response is a stream of messages (server and bidi streaming). */
export interface StreamReplyCall<O> extends ServerCall, MessageSink<O> {}

/**
 * Runs a method of the application: one function per kind of call.
 *
 * It answers through the call, may do so before it returns, and must not throw.
 */
export type RouteHandler<I = unknown, O = unknown> =
  | { readonly kind: 'unary'; invoke(request: I, call: SingleReplyCall<O>): void }
  | { readonly kind: 'client_streaming'; invoke(requests: RequestSource<I>, call: SingleReplyCall<O>): void }
  | { readonly kind: 'server_streaming'; invoke(request: I, call: StreamReplyCall<O>): void }
  | { readonly kind: 'bidi_streaming'; invoke(requests: RequestSource<I>, call: StreamReplyCall<O>): void };
