/**
 * What an application can put around the calls of its clients: one model for all four kinds, the one of Nest's own
 * interceptors.
 */
import { type DescMethod, type DescService, type Message } from '@bufbuild/protobuf';
import { type Observable } from 'rxjs';
import { type ContextValues } from '../../rpc/context-values.js';
import { type RpcHeaders } from '../../rpc/headers.js';
import { type MethodKind } from '../../rpc/method-spec.js';
import { describeResult } from '../../stream/handler-result.js';

interface InterceptedCallBase {
  readonly method: DescMethod;
  readonly service: DescService;
  /** Sent with the request, the channel's included. Change it as you like: each `next` passes on a copy. */
  readonly headers: RpcHeaders;
  /**
   * Time for the call, in milliseconds; `undefined` for no limit. What is passed on can be shorter, for one attempt; what
   * the caller has given bounds everything, the interceptors' own waiting included.
   */
  readonly timeoutMs: number | undefined;
  /** Cancels the call. */
  readonly signal: AbortSignal | undefined;
  /** What the caller gave as `values`, or nothing yet: the same object for all interceptors of a call. */
  readonly values: ContextValues;
}

/** A call with one request. */
export interface SingleRequestCall extends InterceptedCallBase {
  readonly kind: Extract<MethodKind, 'unary' | 'server_streaming'>;
  readonly message: Message;
}

/** A call with a stream of requests. */
export interface StreamRequestCall extends InterceptedCallBase {
  readonly kind: Extract<MethodKind, 'client_streaming' | 'bidi_streaming'>;
  /**
   * Cold, and subscribed by the call. Iterables of the caller are asked for the next message only while the server takes
   * more, through operators too.
   */
  readonly messages: Observable<Message>;
}

/** A call on its way out: plain data; pass on a changed copy, `next({ ...call, timeoutMs: 100 })`. */
export type InterceptedCall = SingleRequestCall | StreamRequestCall;

/** Told of what comes with the messages of a reply. May change the headers: who is further out sees that. */
export interface ReplyHooks {
  /** Before the first message. */
  readonly onHeaders?: ((headers: RpcHeaders) => void) | undefined;
  /** After the last message, and of failed calls that have some. An error has them in its `metadata` too. */
  readonly onTrailers?: ((trailers: RpcHeaders) => void) | undefined;
}

/**
 * The rest of the way: the interceptors further in, then the wire.
 *
 * @returns A cold Observable of the reply: one message, or a stream. Each subscription is a call of its own; unsubscribe
 * cancels it. It fails with a `ConnectError`.
 */
export type NextCall = (call: InterceptedCall, hooks?: ReplyHooks) => Observable<Message>;

/** What an interceptor answers: messages, plain objects in their place, or an error. */
export type InterceptedReply = Observable<unknown> | Promise<Observable<unknown>>;

/**
 * An interceptor as an object, for example of an injectable class.
 *
 * ```ts
 * @Injectable()
 * class TokenInterceptor implements ClientInterceptor {
 *   constructor(private readonly tokens: Tokens) {}
 *
 *   async intercept(call: InterceptedCall, next: NextCall) {
 *     call.headers.set('authorization', `Bearer ${await this.tokens.current()}`);
 *     return next(call);
 *   }
 * }
 * ```
 *
 * It runs once for each call, or subscription of an Rx call, and may
 *
 * - change headers, `timeoutMs`, `signal` and the request, and pass the call on: `next({ ...call, message })`;
 * - see and change the reply with any operator: `next(call).pipe(map(…))`, `catchError`, `tap`, `finalize`;
 * - see headers and trailers: `next(call, { onTrailers: (trailers) => … })`;
 * - answer without a call: `of({ sentence: 'cached' })`, `throwError(() => new ConnectError(…))`. The caller is told of no
 *   headers and trailers then;
 * - try again: `next(call).pipe(retry(2))`. Each try passes the interceptors further in anew, and its headers and trailers
 *   are told. Try streams only before their first message; requests from a generator can be read once. Retry policies of
 *   the channel know these rules.
 *
 * A reply of one message is the first one that it answers. `for await` over a stream of replies holds the server back
 * through operators that answer each message at once; what others (`concatMap`, `delay`) hold is queued inside RxJS.
 */
export interface ClientInterceptor {
  intercept(call: InterceptedCall, next: NextCall): InterceptedReply;
}

/**
 * {@link ClientInterceptor} as a function.
 *
 * ```ts
 * const logging: ClientInterceptorFunction = (next) => (call) => {
 *   const start = performance.now();
 *   return next(call).pipe(finalize(() => console.log(call.method.name, performance.now() - start)));
 * };
 * ```
 */
export type ClientInterceptorFunction = (next: NextCall) => (call: InterceptedCall) => InterceptedReply;

/** Outermost first: the first one sees the call first, and the reply last. */
export type ClientInterceptors = readonly (ClientInterceptor | ClientInterceptorFunction)[];

/**
 * @returns A copy, frozen.
 * @throws TypeError When one is no interceptor.
 */
export function checkedInterceptors(interceptors: ClientInterceptors): ClientInterceptors {
  interceptors.forEach((interceptor: unknown, i) => {
    if (!isInterceptor(interceptor)) {
      throw new TypeError(
        `interceptors[${i}] is ${isClass(interceptor) ? `the class ${interceptor.name}` : describeResult(interceptor)}: ` +
          'expected a function (next) => (call) => …, or an object with a method intercept',
      );
    }
  });
  return Object.freeze([...interceptors]);
}

function isInterceptor(value: unknown): boolean {
  return typeof value === 'function'
    ? !isClass(value)
    : typeof (value as { intercept?: unknown } | null | undefined)?.intercept === 'function';
}

/** A class instead of its instance is an easy mistake where a container makes the instances. */
function isClass(value: unknown): value is { readonly name: string } {
  return (
    typeof value === 'function' &&
    typeof (value.prototype as { intercept?: unknown } | undefined)?.intercept === 'function'
  );
}
