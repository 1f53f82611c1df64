/**
 * The second argument of every handler, and what `@Ctx()` gives: one call, whatever its protocol.
 */
import { type DescMethod, type DescService } from '@bufbuild/protobuf';
import { BaseRpcContext } from '@nestjs/microservices';
import { ContextValues } from '../rpc/context-values.js';
import { type RpcHeaders } from '../rpc/headers.js';
import { type Peer, type ServerCall } from '../rpc/server-call.js';
import { type SendCredit } from '../stream/readiness.js';

/**
 * A call as its handler, and every guard, interceptor and filter around it, sees it.
 *
 * In guards and interceptors: `executionContext.switchToRpc().getContext<ConnectContext>()`.
 */
export class ConnectContext extends BaseRpcContext<[ServerCall]> {
  #values: ContextValues | undefined;

  constructor(
    private readonly call: ServerCall,
    /** @internal */ readonly credit: SendCredit | undefined,
    /** @internal Wants to know the instance that the handler is called on. */
    readonly onHandler?: (instance: object) => void,
  ) {
    super([call]);
  }

  get method(): DescMethod {
    return this.call.spec.method;
  }

  get service(): DescService {
    return this.call.spec.method.parent;
  }

  /** `"connect"`, `"grpc"` or `"grpc-web"`. For logs and metrics. */
  get protocol(): string {
    return this.call.protocol;
  }

  get httpVersion(): '1.1' | '2' {
    return this.call.httpVersion;
  }

  /** `"POST"`, or `"GET"` for a Connect call of a method without side effects. */
  get httpMethod(): string {
    return this.call.httpMethod;
  }

  get peer(): Peer {
    return this.call.peer;
  }

  get requestHeaders(): RpcHeaders {
    return this.call.requestHeaders;
  }

  /** Sent with the first byte of the response: set them before the first message. */
  get responseHeaders(): RpcHeaders {
    return this.call.responseHeaders;
  }

  /** Sent behind the last message; over Connect unary as headers with the prefix `trailer-`. */
  get responseTrailers(): RpcHeaders {
    return this.call.responseTrailers;
  }

  /** Aborted when the call is canceled, times out or loses its peer; its reason is a `ConnectError`. */
  get signal(): AbortSignal {
    return this.call.signal;
  }

  /** The timeout as the client sent it, in milliseconds; `undefined` when it sent none. */
  get requestTimeoutMs(): number | undefined {
    return this.call.requestTimeoutMs;
  }

  /** When the call times out; `undefined` without a timeout. */
  get deadline(): Date | undefined {
    const { deadline } = this.call;
    return deadline === undefined ? undefined : new Date(performance.timeOrigin + deadline);
  }

  /** Typed values that guards and interceptors leave for handlers. */
  get values(): ContextValues {
    return (this.#values ??= new ContextValues());
  }

  /** @returns Milliseconds until the call times out, at least 0; `undefined` without a timeout. */
  timeoutMs(): number | undefined {
    const { deadline } = this.call;
    return deadline === undefined ? undefined : Math.max(0, deadline - performance.now());
  }

  /**
   * @returns A promise that resolves when the client takes more messages, and when the call is over. At once
   * for methods that answer with one message.
   */
  drained(): Promise<void> {
    return this.credit?.drained() ?? Promise.resolve();
  }

  /** Sends the response headers now instead of with the first message. Only for streams of responses. */
  flushHeaders(): void {
    this.call.flushHeaders();
  }
}
