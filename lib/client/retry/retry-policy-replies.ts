/**
 * A stream of replies whose first message may come from a later attempt.
 *
 * One message is asked for before its consumer does: only who reads hears that an attempt has failed, and a caller that
 * wants to send everything before it looks at the replies shall not wait for that.
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import { type MessageConsumer, type MessageSource } from '../../rpc/message-flow.js';

/** Decides what an attempt's end means. */
export interface RepliesOwner {
  /** A message of the response has come: no other attempt follows. @returns False when the call has ended by that. */
  replyBegins(): boolean;
  replyCompletes(): void;
  attemptFails(error: ConnectError): void;
  /** The consumer wants no more. */
  repliesAbandoned(): void;
}

export class RetriedReplies implements MessageSource<unknown>, MessageConsumer<unknown> {
  #attempt: MessageSource<unknown> | undefined;
  #consumer: MessageConsumer<unknown> | undefined;
  /** Asked for by the consumer, and not delivered. */
  #demand = 0;
  /** Asked of the attempt, and not delivered. */
  #asked = 0;
  #held: { readonly message: unknown } | undefined;
  #failure: ConnectError | undefined;
  #isOver = false;

  constructor(private readonly owner: RepliesOwner) {}

  /** Goes on with the replies of a new attempt. */
  attach(attempt: MessageSource<unknown>): void {
    this.#attempt = attempt;
    this.#asked = 0;
    attempt.start(this);
    this.#pullUpTo(1);
  }

  start(consumer: MessageConsumer<unknown>): void {
    if (this.#failure === undefined) {
      this.#consumer = consumer;
    } else {
      consumer.error(this.#failure);
    }
  }

  pull(): void {
    this.#demand++;
    const held = this.#held;
    if (held === undefined) {
      this.#pullUpTo(this.#demand);
    } else {
      this.#held = undefined;
      this.#deliver(held.message);
    }
  }

  cancel(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#held = undefined;
      this.owner.repliesAbandoned();
    }
  }

  /** @internal Of the attempt. */
  next(message: unknown): void {
    this.#asked--;
    if (!this.owner.replyBegins()) {
      return;
    }
    if (this.#demand > 0) {
      this.#deliver(message);
      this.#pullUpTo(this.#demand);
    } else {
      this.#held = { message };
    }
  }

  /** @internal Of the attempt. */
  complete(): void {
    this.owner.replyCompletes();
  }

  /** @internal Of the attempt. */
  error(error: ConnectError): void {
    this.owner.attemptFails(error);
  }

  /** Ends the stream. @param failure `undefined` for success. */
  end(failure: ConnectError | undefined): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#failure = failure;
    this.#held = undefined;
    if (failure === undefined) {
      this.#consumer?.complete();
    } else {
      this.#consumer?.error(failure);
    }
  }

  #deliver(message: unknown): void {
    this.#demand--;
    this.#consumer?.next(message);
  }

  #pullUpTo(wanted: number): void {
    if (!this.#isOver && this.#asked < wanted) {
      this.#asked++;
      this.#attempt?.pull();
    }
  }
}
