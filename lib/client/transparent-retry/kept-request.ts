/**
 * A request that can be sent once more: its head, and what was written of its body.
 */
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from '../../wire/client-exchange.js';

export class KeptRequest {
  #chunks: Uint8Array[] | undefined;
  #isComplete = false;
  #takesMore = true;

  private constructor(
    private readonly head: RequestHead,
    private readonly isWhole: boolean,
    private readonly body: Uint8Array | undefined,
  ) {}

  /** One that is sent in one step. */
  static whole(head: RequestHead, body: Uint8Array | undefined): KeptRequest {
    return new KeptRequest(head, true, body);
  }

  /** One whose body follows. */
  static opened(head: RequestHead): KeptRequest {
    return new KeptRequest(head, false, undefined);
  }

  /** Whether a request that goes on takes more bytes after the last {@link sendTo}. */
  get takesMore(): boolean {
    return this.#takesMore && !this.#isComplete;
  }

  get isGet(): boolean {
    return this.head.method === 'GET';
  }

  write(bytes: Uint8Array): void {
    (this.#chunks ??= []).push(bytes);
  }

  end(): void {
    this.#isComplete = true;
  }

  sendTo(http: HttpClient, listener: ClientExchangeListener): ClientExchange {
    if (this.isWhole) {
      return http.send(this.head, this.body, listener);
    }
    const exchange = http.open(this.head, listener);
    this.#takesMore = true;
    for (const chunk of this.#chunks ?? []) {
      this.#takesMore = exchange.write(chunk);
    }
    if (this.#isComplete) {
      exchange.end();
    }
    return exchange;
  }
}
