/**
 * Headers and trailers of a call in several attempts: kept until it is known that their attempt is the last one, since those
 * of a failed one belong to nobody.
 */
import { type CallStart } from '../../rpc/client-call.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type RpcHeaders } from '../../rpc/headers.js';
import { asFromWire, callbackThrew, watchRejection } from '../../wire/outgoing-call.js';

type MetadataListeners = Pick<CallStart, 'onHeaders' | 'onTrailers'>;

export class KeptMetadata {
  /** For the attempts; there are listeners where the caller has them. */
  readonly listeners: MetadataListeners;
  #headers: RpcHeaders | undefined;
  #trailers: RpcHeaders | undefined;
  #isCommitted = false;

  /** @param onRejected Told when a function of the caller is async, and rejects. */
  constructor(
    private readonly caller: MetadataListeners,
    private readonly onRejected: (error: ConnectError) => void,
  ) {
    this.listeners = {
      onHeaders: caller.onHeaders && ((headers) => this.#keep(headers, this.#trailers)),
      onTrailers: caller.onTrailers && ((trailers) => this.#keep(this.#headers, trailers)),
    };
  }

  /** Another attempt follows. */
  drop(): void {
    this.#headers = this.#trailers = undefined;
  }

  /** Tells what is there, and from now on all that comes. @returns As {@link tell}. */
  commit(): ConnectError | undefined {
    this.#isCommitted = true;
    return this.tell();
  }

  /** Tells what is there. @returns The error of the call when a function of the caller throws. */
  tell(): ConnectError | undefined {
    const { onHeaders, onTrailers } = this.caller;
    const headers = this.#headers;
    const trailers = this.#trailers;
    this.drop();
    try {
      if (headers !== undefined) {
        this.#call(onHeaders, headers);
      }
      if (trailers !== undefined) {
        this.#call(onTrailers, trailers);
      }
      return undefined;
    } catch (cause) {
      return asFromWire(callbackThrew(cause));
    }
  }

  #call(callback: MetadataListeners[keyof MetadataListeners], metadata: RpcHeaders): void {
    watchRejection(callback?.(metadata), (cause) => this.onRejected(asFromWire(callbackThrew(cause))));
  }

  /** Throws what the caller's function throws: the attempt ends the call with it. */
  #keep(headers: RpcHeaders | undefined, trailers: RpcHeaders | undefined): void {
    this.#headers = headers;
    this.#trailers = trailers;
    const thrown = this.#isCommitted ? this.tell() : undefined;
    if (thrown !== undefined) {
      throw thrown.cause;
    }
  }
}
