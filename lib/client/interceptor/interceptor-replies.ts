/**
 * What interceptors answer, as the two kinds of reply that a call has.
 */
import { EMPTY, type Observable, type Subscription, take } from 'rxjs';
import { type SingleReply } from '../../rpc/client-call.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type MessageConsumer, type MessageSource } from '../../rpc/message-flow.js';
import { Fifo } from '../../stream/fifo.js';
import { SendCredit } from '../../stream/readiness.js';
import { type BegunCall } from '../call/call-sender.js';

/** The first message is the reply. */
export class InterceptedSingle implements BegunCall {
  #isOver = false;
  #subscription: Subscription | undefined;

  /** @param withoutValue The error of an Observable that completes without a message. */
  constructor(
    private readonly reply: SingleReply,
    private readonly withoutValue: () => ConnectError,
  ) {}

  /** @param reply$ Fails with ConnectErrors only. */
  start(reply$: Observable<unknown>): this {
    // Two, not one: to interceptors a source that ends behind its message has completed, and was not unsubscribed.
    this.#subscription = reply$.pipe(take(2)).subscribe({
      next: (message) => this.#succeed(message),
      error: (error: ConnectError) => this.#fail(error),
      complete: () => this.#fail(this.withoutValue()),
    });
    return this;
  }

  cancel(reason: ConnectError): void {
    if (!this.#isOver) {
      this.#fail(reason);
      this.#subscription?.unsubscribe();
    }
  }

  #succeed(message: unknown): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.reply.succeed(message);
      queueMicrotask(() => this.#subscription?.unsubscribe());
    }
  }

  #fail(error: ConnectError): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.reply.fail(error);
    }
  }
}

/**
 * A stream of replies with demand: RxJS has none, so it goes around the interceptors, as {@link credit} of the stream
 * that they are given.
 */
export class InterceptedStream implements MessageSource<unknown> {
  /** There while a message is asked for. */
  readonly credit: SendCredit;
  readonly #messages = new Fifo<{ readonly message: unknown }>();
  #demand = 0;
  #onReady: (() => void) | undefined;
  #consumer: MessageConsumer<unknown> | undefined;
  #subscription: Subscription | undefined;
  #ending: 'complete' | ConnectError | undefined;
  #isDelivering = false;
  #isOver = false;

  #reply$: Observable<unknown> = EMPTY;

  constructor() {
    const isReady = () => this.#demand > 0;
    this.credit = new SendCredit({
      get isReady() {
        return isReady();
      },
      onReady: (listener) => {
        this.#onReady = listener;
      },
    });
  }

  /** @param reply$ Subscribed at the start. Fails with ConnectErrors only. */
  from(reply$: Observable<unknown>): this {
    this.#reply$ = reply$;
    return this;
  }

  start(consumer: MessageConsumer<unknown>): void {
    this.#consumer = consumer;
    this.#subscription = this.#reply$.subscribe({
      next: (message) => {
        this.#messages.push({ message });
        this.#deliver();
      },
      error: (error: ConnectError) => this.#end(error),
      complete: () => this.#end('complete'),
    });
  }

  pull(): void {
    this.#demand++;
    this.#deliver();
    this.#onReady?.();
  }

  cancel(): void {
    this.#isOver = true;
    this.#messages.clear();
    this.#subscription?.unsubscribe();
  }

  #end(ending: 'complete' | ConnectError): void {
    this.#ending = ending;
    this.#deliver();
  }

  /** A loop, and no recursion: pulling from inside `next` comes back here. */
  #deliver(): void {
    if (this.#isDelivering) {
      return;
    }
    this.#isDelivering = true;
    while (this.#demand > 0 && !this.#isOver && this.#deliverOne());
    this.#isDelivering = false;
    if (this.#ending !== undefined && this.#messages.size === 0 && !this.#isOver) {
      this.#isOver = true;
      this.#tellEnd(this.#ending);
    }
  }

  #deliverOne(): boolean {
    const next = this.#messages.shift();
    if (next === undefined) {
      return false;
    }
    this.#demand--;
    this.#consumer?.next(next.message);
    return true;
  }

  #tellEnd(ending: 'complete' | ConnectError): void {
    if (ending === 'complete') {
      this.#consumer?.complete();
    } else {
      this.#consumer?.error(ending);
    }
  }
}
