/**
 * Message sources, sinks and calls in memory: what the wire promises to `lib/stream`, and no more.
 *
 * They are strict where the wire may be: one consumer, one listener of each kind, no message without a
 * pull, and the end of a source is seen only by who asks for one more message.
 */
import { create, createFileRegistry, type DescMethod } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import { Code } from '../../lib/rpc/code.js';
import { ConnectError } from '../../lib/rpc/connect-error.js';
import { RpcHeaders } from '../../lib/rpc/headers.js';
import { type MessageConsumer, type MessageSource } from '../../lib/rpc/message-flow.js';
import { createMethodSpec, type MethodSpec } from '../../lib/rpc/method-spec.js';
import { type ServerCall, type SingleReplyCall, type StreamReplyCall } from '../../lib/rpc/server-call.js';

/** The next turn of the event loop: every microtask and everything that was ready has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Turns until the condition holds; fails after many. */
export async function until(condition: () => boolean, maxTurns = 10_000): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i === maxTurns) {
      throw new Error(`did not happen within ${maxTurns} turns: ${String(condition)}`);
    }
    await turn();
  }
}

/** A source of messages that the test pushes, or gives at once. */
export class MemorySource<T> implements MessageSource<T> {
  /** Messages asked for, and not more than {@link delivered} ahead of it. */
  pulled = 0;
  delivered = 0;
  isStarted = false;
  isCanceled = false;
  readonly #messages: { readonly message: T }[];
  readonly #bytesPerMessage: number;
  #consumer: MessageConsumer<T> | undefined;
  #broken: ConnectError | undefined;
  #isComplete = false;
  #isEnded = false;
  #isDelivering = false;

  constructor(messages: Iterable<T> = [], { bytesPerMessage = 10 } = {}) {
    this.#messages = Array.from(messages, (message) => ({ message }));
    this.#bytesPerMessage = bytesPerMessage;
  }

  /** A source whose messages are there, end included. */
  static of<T>(messages: Iterable<T>): MemorySource<T> {
    const source = new MemorySource(messages);
    source.complete();
    return source;
  }

  get deliveredBytes(): number {
    return this.delivered * this.#bytesPerMessage;
  }

  start(consumer: MessageConsumer<T>): void {
    if (this.isStarted) {
      throw new Error('the source was started twice');
    }
    this.isStarted = true;
    this.#consumer = consumer;
    if (this.#broken !== undefined) {
      consumer.error(this.#broken);
    }
  }

  pull(): void {
    if (!this.isStarted || this.isCanceled || this.#isEnded) {
      throw new Error('pulled before the start or after the end');
    }
    this.pulled++;
    this.#deliver();
  }

  cancel(): void {
    this.isCanceled = true;
  }

  push(...messages: T[]): void {
    this.#messages.push(...messages.map((message) => ({ message })));
    this.#deliver();
  }

  complete(): void {
    this.#isComplete = true;
    this.#deliver();
  }

  /** Breaks the stream, also while nothing is asked for; who starts it later is told then. */
  break(error: ConnectError): void {
    if (!this.isCanceled && !this.#isEnded) {
      this.#isEnded = true;
      this.#broken = error;
      this.#consumer?.error(error);
    }
  }

  /** A loop, and no recursion: pulling from inside `next` comes back here. */
  #deliver(): void {
    if (this.#isDelivering) {
      return;
    }
    this.#isDelivering = true;
    for (
      let next = this.#messages[this.delivered];
      next && this.#isWanted();
      next = this.#messages[this.delivered]
    ) {
      this.delivered++;
      this.#consumer?.next(next.message);
    }
    this.#isDelivering = false;
    if (this.#isWanted() && this.#isComplete) {
      this.#isEnded = true;
      this.#consumer?.complete();
    }
  }

  #isWanted(): boolean {
    return this.pulled > this.delivered && !this.isCanceled && !this.#isEnded;
  }
}

/** How many messages a sink takes before it wants to be awaited. */
export interface MemoryCallOptions {
  /** Default: no limit. */
  readonly window?: number;
  readonly kind?: DescMethod['methodKind'];
}

abstract class MemoryCall implements ServerCall {
  readonly spec: MethodSpec;
  readonly protocol = 'memory';
  readonly httpVersion = '2';
  readonly httpMethod = 'POST';
  readonly peer = { address: '127.0.0.1', port: 1, tls: undefined };
  readonly requestHeaders = new RpcHeaders();
  readonly responseHeaders = new RpcHeaders();
  readonly responseTrailers = new RpcHeaders();
  readonly requestTimeoutMs = undefined;
  readonly deadline = undefined;
  readonly #abort = new AbortController();
  cancelReason: ConnectError | undefined;
  /** How often `onCancel` was set. */
  cancelListeners = 0;
  #onCancel: ((reason: ConnectError) => void) | undefined;

  constructor(kind: DescMethod['methodKind']) {
    this.spec = testSpec(kind);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  onCancel(listener: (reason: ConnectError) => void): void {
    this.cancelListeners++;
    this.#onCancel = listener;
    if (this.cancelReason !== undefined) {
      listener(this.cancelReason);
    }
  }

  /** As when the peer goes away. */
  cancel(): void {
    this.cancelReason = new ConnectError('canceled by the test', { code: Code.Canceled });
    this.#abort.abort(this.cancelReason);
    this.#onCancel?.(this.cancelReason);
  }

  abstract readonly isAnswered: boolean;

  onFinish(): void {}

  flushHeaders(): void {}
}

/** A call that answers with one message, and remembers it. */
export class MemorySingleCall extends MemoryCall implements SingleReplyCall<unknown> {
  /** What counted: the first answer before a cancellation. */
  readonly answers: unknown[] = [];
  readonly errors: ConnectError[] = [];

  constructor({ kind = 'unary' }: MemoryCallOptions = {}) {
    super(kind);
  }

  succeed(message: unknown): void {
    if (!this.isAnswered) {
      this.answers.push(message);
    }
  }

  fail(error: ConnectError): void {
    if (!this.isAnswered) {
      this.errors.push(error);
    }
  }

  get isAnswered(): boolean {
    return this.answers.length + this.errors.length > 0 || this.cancelReason !== undefined;
  }
}

/**
 * A call that answers with a stream. Messages are JSON on this wire; one that is `undefined` does not fit
 * its type.
 */
export class MemoryStreamCall extends MemoryCall implements StreamReplyCall<unknown> {
  readonly written: unknown[] = [];
  encoded = 0;
  completions = 0;
  readonly errors: ConnectError[] = [];
  #window: number;
  #onReady: (() => void) | undefined;

  constructor({ window = Infinity, kind = 'server_streaming' }: MemoryCallOptions = {}) {
    super(kind);
    this.#window = window;
  }

  get isReady(): boolean {
    return this.#window > 0;
  }

  get isAnswered(): boolean {
    return this.completions + this.errors.length > 0 || this.cancelReason !== undefined;
  }

  onReady(listener: () => void): void {
    if (this.#onReady !== undefined) {
      throw new Error('onReady was set twice');
    }
    this.#onReady = listener;
  }

  /** The peer reads: so many messages more. */
  grant(messages: number): void {
    const wasReady = this.isReady;
    this.#window += messages;
    if (!wasReady && this.isReady && !this.isAnswered) {
      this.#onReady?.();
    }
  }

  encode(message: unknown): Uint8Array {
    if (message === undefined) {
      throw new ConnectError('the message does not fit its type', { code: Code.Internal });
    }
    this.encoded++;
    return Buffer.from(JSON.stringify(message));
  }

  write(message: Uint8Array): void {
    if (!this.isAnswered) {
      this.written.push(JSON.parse(Buffer.from(message).toString()));
      this.#window--;
    }
  }

  complete(): void {
    if (!this.isAnswered) {
      this.completions++;
    }
  }

  fail(error: ConnectError): void {
    if (!this.isAnswered) {
      this.errors.push(error);
    }
  }
}

const specs = new Map<DescMethod['methodKind'], MethodSpec>();

function testSpec(kind: DescMethod['methodKind']): MethodSpec {
  const spec = specs.get(kind) ?? createMethodSpec(testMethod(kind));
  specs.set(kind, spec);
  return spec;
}

/** A method of the made-up service `test.v1.TestService`, with one message type for both directions. */
export function testMethod(
  kind: DescMethod['methodKind'],
  idempotency = MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
): DescMethod {
  const registry = createFileRegistry(
    create(FileDescriptorSetSchema, { file: [testFile(kind, idempotency)] }),
  );
  const method = registry.getService('test.v1.TestService')?.methods[0];
  if (method === undefined) {
    throw new Error('the test descriptor has no method');
  }
  return method;
}

function testFile(kind: DescMethod['methodKind'], idempotencyLevel: MethodOptions_IdempotencyLevel) {
  return {
    name: 'test/v1/test.proto',
    package: 'test.v1',
    syntax: 'proto3',
    messageType: [
      {
        name: 'Text',
        field: [
          {
            name: 'text',
            number: 1,
            type: FieldDescriptorProto_Type.STRING,
            label: FieldDescriptorProto_Label.OPTIONAL,
          },
        ],
      },
    ],
    service: [
      {
        name: 'TestService',
        method: [
          {
            name: 'Call',
            inputType: '.test.v1.Text',
            outputType: '.test.v1.Text',
            clientStreaming: kind === 'client_streaming' || kind === 'bidi_streaming',
            serverStreaming: kind === 'server_streaming' || kind === 'bidi_streaming',
            options: { idempotencyLevel },
          },
        ],
      },
    ],
  };
}
