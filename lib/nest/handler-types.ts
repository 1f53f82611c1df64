/**
 * The descriptor as TypeScript types: what a handler takes and may return, for each kind of call.
 *
 * The mapped types are homomorphic (`keyof S['method']`) on purpose: editors then show the comments of the
 * `.proto` file on a handler, and lead from it to its declaration.
 */
import {
  type DescMessage,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { type Observable } from 'rxjs';
import { type RpcStream } from '../stream/message-stream.js';
import { type ConnectContext } from './connect.context.js';

type Input<M> = M extends { readonly input: infer D extends DescMessage } ? MessageShape<D> : never;
type Output<M> = M extends { readonly output: infer D extends DescMessage } ? MessageInitShape<D> : never;

/** How a handler answers with one message. */
export type RpcSingle<T> = T | Observable<T> | PromiseLike<T | Observable<T>>;

/** How a handler answers with a stream of messages. */
export type RpcMany<T> =
  | Observable<T>
  | AsyncIterable<T>
  | Iterable<T>
  | PromiseLike<Observable<T> | AsyncIterable<T> | Iterable<T>>;

/** What a handler takes first. */
type Request<M> = M extends { readonly methodKind: 'unary' | 'server_streaming' }
  ? Input<M>
  : RpcStream<Input<M>>;

/** What a handler returns. */
type Reply<M> = M extends { readonly methodKind: 'unary' | 'client_streaming' }
  ? RpcSingle<Output<M>>
  : RpcMany<Output<M>>;

/** The handler of one method, for example `RpcHandler<typeof ElizaService.method.say>`. */
export type RpcHandler<M> = (request: Request<M>, context: ConnectContext) => Reply<M>;

/** All handlers of a service, for classes that say `implements ConnectHandlers<typeof ElizaService>`. */
export type ConnectHandlers<S extends DescService> = {
  [K in keyof S['method']]: RpcHandler<S['method'][K]>;
};

/**
 * What `@ConnectService` asks of a class. Parameters behind the request are free: parameter decorators may stand
 * there, which the compiler cannot see.
 */
export type DecoratedHandlers<S extends DescService> =
  IsDynamic<S> extends true ? object : { [K in keyof S['method']]: DecoratedHandler<S['method'][K]> };

/** A descriptor that was read at run time: its methods are not known to the compiler. */
type IsDynamic<S extends DescService> = string extends keyof S['method'] ? true : false;

/** {@link DecoratedHandlers} for one method. */
export type DecoratedHandler<M> = (request: Request<M>, ...decorated: never[]) => Reply<M>;

// TypeScript lets unknown fields of a returned object through, because its type is widened first. The types
// below find them: the keys of what a handler returns, less the keys of the message.
type IsAny<T> = 0 extends 1 & T ? true : false;
type KeysOf<T> = T extends unknown ? keyof T : never;
type ElementOf<R> =
  R extends PromiseLike<infer U>
    ? ElementOf<U>
    : R extends Observable<infer U>
      ? U
      : R extends AsyncIterable<infer U>
        ? U
        : R extends Iterable<infer U>
          ? U
          : R;
type Returned<F> = F extends (...args: never[]) => infer R ? R : never;
type UnknownFields<F, M> =
  IsAny<ElementOf<Returned<F>>> extends true
    ? never
    : Exclude<KeysOf<ElementOf<Returned<F>>>, KeysOf<Output<M>>>;

/** `unknown` when the handler is right; otherwise a type that no handler has, with the reason in its name. */
export type CheckedHandler<F, M> = [UnknownFields<F, M>] extends [never]
  ? unknown
  : { readonly 'unknown field in the returned message': UnknownFields<F, M> };

/** {@link CheckedHandler} for all handlers of a class. */
export type CheckedHandlers<I, S extends DescService> =
  IsDynamic<S> extends true
    ? unknown
    : { [K in keyof S['method'] & keyof I]: CheckedHandler<I[K], S['method'][K]> };
