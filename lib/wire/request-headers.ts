/**
 * The headers of an endpoint's requests: what is the same in all of them is put together once.
 */
import { type HeaderList, type RpcHeaders } from '../rpc/headers.js';
import { appendHeaders } from './metadata-headers.js';

export interface RequestHeadersInit {
  /** The protocol's own, of every request. */
  readonly own: HeaderList;
  /** Value of `user-agent`; a caller's own value replaces it. */
  readonly userAgent: string;
  /** The header that carries the deadline, for example `"grpc-timeout"`. */
  readonly timeoutName: string;
}

export class RequestHeaders {
  readonly #own: HeaderList;
  /** With the user agent: the whole list of a call that adds nothing. */
  readonly #complete: HeaderList;
  readonly #timeoutName: string;

  constructor({ own, userAgent, timeoutName }: RequestHeadersInit) {
    this.#own = own;
    this.#complete = Object.freeze([...own, 'user-agent', userAgent]);
    this.#timeoutName = timeoutName;
  }

  /**
   * @param timeout In the protocol's own form; `undefined` for none.
   * @param application The caller's headers, sent behind the protocol's and without reserved names.
   * @returns The timeout first.
   */
  of(timeout: string | undefined, application: RpcHeaders | undefined): HeaderList {
    if (timeout === undefined && application === undefined) {
      return this.#complete;
    }
    const own = application?.has('user-agent') === true ? this.#own : this.#complete;
    // "implementations should send Timeout immediately after the reserved headers": those that begin with ":".
    // (gRPC over HTTP/2, "Requests"; to the others it is all the same)
    const list = timeout === undefined ? [...own] : [this.#timeoutName, timeout, ...own];
    return appendHeaders(list, application);
  }
}
