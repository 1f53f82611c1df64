/**
 * The replies of a call that begins when somebody wants them.
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import { type MessageConsumer, type MessageSource } from '../../rpc/message-flow.js';

export class LazyReplies implements MessageSource<unknown> {
  #replies: MessageSource<unknown> | undefined;

  /** @param begin Starts the call. May throw a ConnectError. */
  constructor(private readonly begin: () => MessageSource<unknown>) {}

  start(consumer: MessageConsumer<unknown>): void {
    try {
      this.#replies = this.begin();
    } catch (error) {
      consumer.error(error as ConnectError); // Nothing else is thrown.
      return;
    }
    this.#replies.start(consumer);
  }

  pull(): void {
    this.#replies?.pull();
  }

  cancel(): void {
    this.#replies?.cancel();
  }
}
