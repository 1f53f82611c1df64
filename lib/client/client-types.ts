/**
 * The descriptor as TypeScript types: what a client's methods take and return, for each kind of call.
 *
 * The mapped types are homomorphic (`keyof S['method']`) on purpose: editors then show the comments of the
 * `.proto` file on a method, and lead from it to its declaration.
 */
import {
  type DescMessage,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { type Observable } from 'rxjs';
import { type ContextValues } from '../rpc/context-values.js';
import { type HeadersInit, type RpcHeaders } from '../rpc/headers.js';
import { type RpcStream } from '../stream/message-stream.js';

/** What a caller may give with each call. */
export interface CallOptions {
  /** Sent with the request; a name that the channel sends too is replaced. Default: none. */
  readonly headers?: HeadersInit | undefined;
  /**
   * Time for the whole call, in milliseconds; the server is told. Default: the channel's. `0` and less fail at once,
   * with `deadline_exceeded`; `Infinity` is no limit.
   */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call: it fails with `canceled`, or with `deadline_exceeded` for `AbortSignal.timeout()`. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the response's headers, before the first message. */
  readonly onHeaders?: ((headers: RpcHeaders) => void) | undefined;
  /** Told of the response's trailers, after the last message. */
  readonly onTrailers?: ((trailers: RpcHeaders) => void) | undefined;
  /** What interceptors shall know of this call; see {@link createContextKey}. Default: nothing. */
  readonly values?: ContextValues | undefined;
  /** `false` for work that may outlive the incoming call that it is made for. Default: as the channel's `propagate`. */
  readonly propagate?: false | undefined;
}

/**
 * Requests of a client or bidi streaming call. Iterables are asked for the next message only while the server takes
 * more; what an Observable emits meanwhile waits in a buffer.
 */
export type RequestMessages<T> = Observable<T> | AsyncIterable<T> | Iterable<T>;

type Input<M> = M extends { readonly input: infer D extends DescMessage } ? MessageInitShape<D> : never;
type Output<M> = M extends { readonly output: infer D extends DescMessage } ? MessageShape<D> : never;

/** What a method takes first: a message, as a plain object if you like, or a stream of them. */
type Request<M> = M extends { readonly methodKind: 'unary' | 'server_streaming' }
  ? Input<M>
  : RequestMessages<Input<M>>;

/** One message as a promise; a stream as {@link RpcStream}: lazy, and to be consumed once. */
type Reply<M> = M extends { readonly methodKind: 'unary' | 'client_streaming' }
  ? Promise<Output<M>>
  : RpcStream<Output<M>>;

/**
 * A typed client of a service.
 *
 * Unary and client streaming methods return promises. Server and bidi streaming methods return a stream: the request
 * leaves when it is first subscribed or iterated; a second time fails, an {@link RxConnectClient} has streams for that.
 * `break` and `unsubscribe` cancel the call. Calls fail with a `ConnectError`.
 */
export type ConnectClient<S extends DescService> = {
  readonly [K in keyof S['method']]: (
    request: Request<S['method'][K]>,
    options?: CallOptions,
  ) => Reply<S['method'][K]>;
};

/**
 * A typed client of a service in RxJS: every method returns a cold Observable. Each subscription is a call of its own,
 * so `retry()` and `repeat()` work; `unsubscribe` cancels.
 */
export type RxConnectClient<S extends DescService> = {
  readonly [K in keyof S['method']]: (
    request: Request<S['method'][K]>,
    options?: CallOptions,
  ) => Observable<Output<S['method'][K]>>;
};
