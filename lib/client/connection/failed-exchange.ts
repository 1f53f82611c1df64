/**
 * The exchange of a request that could not be sent: its listener is told in the next turn, as the port promises.
 */
import { type ConnectError } from '../../rpc/connect-error.js';
import { type ClientExchange, type ClientExchangeListener } from '../../wire/client-exchange.js';

export class FailedExchange implements ClientExchange {
  #isOver = false;

  constructor(listener: ClientExchangeListener, reason: ConnectError) {
    process.nextTick(() => {
      if (!this.#isOver) {
        this.#isOver = true;
        listener.onAbort(reason);
      }
    });
  }

  write(): boolean {
    return false;
  }

  end(): void {}

  pause(): void {}

  resume(): void {}

  reset(): void {
    this.#isOver = true;
  }
}
