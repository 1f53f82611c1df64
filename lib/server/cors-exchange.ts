/**
 * An exchange around the exchange that adds headers to the answer, whichever it is: no protocol and no
 * refusal has to think of them.
 */
import { type HeaderList } from '../rpc/headers.js';
import { type Exchange } from '../wire/exchange.js';
import { ForwardingExchange } from '../wire/forwarding-exchange.js';

export class CorsExchange extends ForwardingExchange {
  constructor(
    inner: Exchange,
    private readonly added: HeaderList,
  ) {
    super(inner);
  }

  override respond(status: number, headers: HeaderList): void {
    super.respond(status, this.#withAdded(headers));
  }

  override respondWithTrailers(status: number, headers: HeaderList): void {
    super.respondWithTrailers(status, this.#withAdded(headers));
  }

  override respondAndEnd(status: number, headers: HeaderList, body?: Uint8Array): void {
    super.respondAndEnd(status, this.#withAdded(headers), body);
  }

  /** `vary` may come twice then, which is a list in two lines. (RFC 9110, section 5.3) */
  #withAdded(headers: HeaderList): HeaderList {
    return [...headers, ...this.added];
  }
}
