/**
 * Calls that a channel's connections do not know at times: between two attempts, or in the hands of an interceptor. Who closes
 * the channel waits for them, and who destroys it ends them.
 */
import { type SingleReply } from '../../rpc/client-call.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type MessageConsumer, type MessageSource } from '../../rpc/message-flow.js';
import { type MethodSpec } from '../../rpc/method-spec.js';
import { asFromWire } from '../../wire/outgoing-call.js';
import { type CallOptions } from '../client-types.js';
import { clientClosed, clientDestroyed } from '../connection/exchange-failure.js';
import { LinkedSet } from '../linked-set.js';
import { Waiters } from '../waiters.js';
import { type BegunCall, type CallBeginner } from './call-sender.js';

/** Of one channel. */
export class CallsUnderWay {
  readonly #calls = new LinkedSet<TrackedCall>();
  #isClosed = false;
  readonly #closing = new Waiters();

  /** @param name Of the channel's server, for messages. */
  constructor(private readonly name: string) {}

  /** @throws ConnectError `unavailable` when the channel is closed. */
  admit(): void {
    if (this.#isClosed) {
      throw asFromWire(clientClosed(this.name));
    }
  }

  /** Admits no calls any more. @returns Settles when those under way have ended; `undefined` when there are none. */
  close(): Promise<void> | undefined {
    this.#isClosed = true;
    return this.#calls.size === 0 ? undefined : this.#closing.wait();
  }

  /** Ends those under way; their callers are told. */
  destroy(): void {
    this.#isClosed = true;
    for (const call of this.#calls) {
      call.cut(asFromWire(clientDestroyed(this.name)));
    }
  }

  /** @internal */
  begun(call: TrackedCall): void {
    this.#calls.add(call);
  }

  /** @internal */
  ended(call: TrackedCall): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0) {
      this.#closing.release();
    }
  }
}

/** Tracks the calls of a method. */
export class TrackedCalls implements CallBeginner {
  readonly spec: MethodSpec;

  constructor(
    private readonly calls: CallBeginner,
    private readonly underWay: CallsUnderWay,
  ) {
    this.spec = calls.spec;
  }

  beginSingle(request: unknown, options: CallOptions, reply: SingleReply): BegunCall {
    this.underWay.admit();
    const tracked = new TrackedSingle(this.underWay, reply);
    return tracked.begin(() => this.calls.beginSingle(request, options, tracked));
  }

  beginStream(request: unknown, options: CallOptions): MessageSource<unknown> {
    this.underWay.admit();
    return new TrackedReplies(this.underWay, this.calls.beginStream(request, options));
  }
}

abstract class TrackedCall {
  /** @internal Of the set of calls. */
  next: TrackedCall | undefined;
  /** @internal Of the set of calls. */
  previous: TrackedCall | undefined;
  #isOver = false;

  constructor(private readonly underWay: CallsUnderWay) {
    underWay.begun(this);
  }

  /** Ends it from here, and tells its caller. */
  abstract cut(reason: ConnectError): void;

  /** @returns False when it was over before. */
  protected end(): boolean {
    if (this.#isOver) {
      return false;
    }
    this.#isOver = true;
    this.underWay.ended(this);
    return true;
  }
}

class TrackedSingle extends TrackedCall implements SingleReply, BegunCall {
  #call: BegunCall | undefined;

  constructor(
    underWay: CallsUnderWay,
    private readonly reply: SingleReply,
  ) {
    super(underWay);
  }

  begin(begin: () => BegunCall): this {
    try {
      this.#call = begin();
    } catch (error) {
      this.end();
      throw error;
    }
    return this;
  }

  succeed(message: unknown): void {
    if (this.end()) {
      this.reply.succeed(message);
    }
  }

  fail(error: ConnectError): void {
    if (this.end()) {
      this.reply.fail(error);
    }
  }

  /** The caller is told by the call itself, where it wants to know. */
  cancel(reason: ConnectError): void {
    this.#call?.cancel(reason);
    this.end();
  }

  cut(reason: ConnectError): void {
    this.fail(reason);
    this.#call?.cancel(reason);
  }
}

class TrackedReplies extends TrackedCall implements MessageSource<unknown> {
  #consumer: MessageConsumer<unknown> | undefined;

  constructor(
    underWay: CallsUnderWay,
    private readonly replies: MessageSource<unknown>,
  ) {
    super(underWay);
  }

  start(consumer: MessageConsumer<unknown>): void {
    this.#consumer = consumer;
    this.replies.start({
      next: (message) => consumer.next(message),
      complete: () => {
        if (this.end()) {
          consumer.complete();
        }
      },
      error: (error) => this.#fail(error),
    });
  }

  pull(): void {
    this.replies.pull();
  }

  cancel(): void {
    this.end();
    this.replies.cancel();
  }

  cut(reason: ConnectError): void {
    this.#fail(reason);
    this.replies.cancel();
  }

  #fail(error: ConnectError): void {
    if (this.end()) {
      this.#consumer?.error(error);
    }
  }
}
