/**
 * A handler as Nest gives it to a transport, `(data, context) => result`, as the route handler that the wire
 * calls.
 */
import { type MessageHandler } from '@nestjs/microservices';
import { type RequestSource } from '../rpc/message-flow.js';
import { type MethodSpec } from '../rpc/method-spec.js';
import {
  type RouteHandler,
  type ServerCall,
  type SingleReplyCall,
  type StreamReplyCall,
} from '../rpc/server-call.js';
import { type OutboundOptions, sendStream } from '../stream/outbound.js';
import { type Overflow } from '../stream/overflow-queue.js';
import { SendCredit } from '../stream/readiness.js';
import { MessageStream, type UnboundedDelivery } from '../stream/message-stream.js';
import { sendSingle } from '../stream/single.js';
import { ConnectContext } from './connect.context.js';
import { type ExceptionMapper } from './exception-mapper.js';
import { type ProcessingHooks } from './processing-hooks.js';

/** What the handlers of a route share. */
export interface HandlerSettings {
  readonly overflow: Overflow;
  readonly bufferBytes: number;
  /** Delivered bytes from which on a plain subscription to a request stream is warned of, once per method. */
  readonly requestBufferWarnBytes: number;
  readonly exceptions: ExceptionMapper;
  readonly hooks: ProcessingHooks;
  /**
   * Told once, of the instance that the pipeline called.
   *
   * @returns The handler itself when there is nothing around it; then the pipeline is not used any more.
   */
  readonly findDirectCall?: ((instance: object) => MessageHandler | undefined) | undefined;
  /** For mistakes of the handler that its caller cannot see. */
  warn(message: string): void;
}

/** @returns The route handler for a method, around Nest's pipeline for its class member. */
export function adaptHandler(
  spec: MethodSpec,
  handler: MessageHandler,
  settings: HandlerSettings,
): RouteHandler {
  const adapter = new HandlerAdapter(spec, handler, settings);
  const { kind } = spec;
  switch (kind) {
    case 'unary':
      return { kind, invoke: (request, call) => adapter.single(request, call) };
    case 'client_streaming':
      return {
        kind,
        invoke: (source, call) => adapter.single(adapter.requests(source, call, undefined), call),
      };
    case 'server_streaming':
      return { kind, invoke: (request, call) => adapter.stream(() => request, call) };
    case 'bidi_streaming':
      return {
        kind,
        invoke: (source, call) => adapter.stream((credit) => adapter.requests(source, call, credit), call),
      };
  }
}

class HandlerAdapter {
  #hasWarned = false;
  #handler: MessageHandler;
  /** Until the first call has shown it. */
  #onInstance: ((instance: object) => void) | undefined;
  readonly #outbound: OutboundOptions;

  constructor(
    private readonly spec: MethodSpec,
    pipeline: MessageHandler,
    private readonly settings: HandlerSettings,
  ) {
    this.#handler = pipeline;
    const { overflow, bufferBytes, exceptions } = settings;
    this.#outbound = { overflow, bufferBytes, toError: exceptions.toError };
    this.#onInstance = settings.findDirectCall && ((instance) => this.#leavePipeline(instance));
  }

  single(data: unknown, call: SingleReplyCall<unknown>): void {
    const context = new ConnectContext(call, undefined, this.#onInstance);
    const { hooks } = this.settings;
    if (hooks.areUnset) {
      this.#sendSingle(data, context, call);
    } else {
      hooks.run(context, call, () => this.#sendSingle(data, context, call));
    }
  }

  stream(data: (credit: SendCredit) => unknown, call: StreamReplyCall<unknown>): void {
    const credit = new SendCredit(call);
    const context = new ConnectContext(call, credit);
    this.settings.hooks.run(context, call, () => {
      sendStream(this.#call(data(credit), context), call, credit, this.#outbound);
    });
  }

  requests(
    source: RequestSource<unknown>,
    call: ServerCall,
    credit: SendCredit | undefined,
  ): MessageStream<unknown> {
    const unbounded = this.#hasWarned ? undefined : this.#watched(source);
    return new MessageStream(source, { path: this.spec.path, credit, unbounded, call });
  }

  #watched(source: RequestSource<unknown>): UnboundedDelivery {
    return {
      source,
      warnBytes: this.settings.requestBufferWarnBytes,
      onWarn: () => this.#warnOfUnboundedDelivery(),
    };
  }

  #sendSingle(data: unknown, context: ConnectContext, call: SingleReplyCall<unknown>): void {
    sendSingle(this.#call(data, context), call, this.settings.exceptions.toError, this.#warnOfExtraValue);
  }

  #leavePipeline(instance: object): void {
    this.#onInstance = undefined;
    this.#handler = this.settings.findDirectCall?.(instance) ?? this.#handler;
  }

  /** Nest's pipeline rejects rather than throws; a handler that is called directly throws. */
  #call(data: unknown, context: ConnectContext): unknown {
    try {
      return this.#handler(data, context);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #warnOfUnboundedDelivery(): void {
    if (!this.#hasWarned) {
      this.#hasWarned = true;
      this.settings.warn(
        `${this.spec.path}: more than ${this.settings.requestBufferWarnBytes} bytes of requests were delivered to a ` +
          'plain subscription before the handler answered. RxJS cannot hold the client back: use ' +
          'requests.mapEach(…) or for await.',
      );
    }
  }

  readonly #warnOfExtraValue = (): void => {
    this.settings.warn(
      `${this.spec.path}: the handler's Observable emitted more than one value; the first one was the answer.`,
    );
  };
}
