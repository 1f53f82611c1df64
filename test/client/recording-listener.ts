/**
 * Records what an exchange tells its caller, and fails when it breaks the promises of the port.
 */
import { type ConnectError } from '../../lib/rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../../lib/rpc/headers.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from '../../lib/wire/client-exchange.js';

/** What a caller says of its call. */
export type CallTraits = Pick<ClientExchangeListener, 'hasDeadline' | 'isIdempotent'>;

export class RecordingCall implements ClientExchangeListener {
  readonly hasDeadline: boolean;
  readonly isIdempotent: boolean;
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  status: number | undefined;
  headerList: HeaderList = [];
  trailerList: HeaderList = [];
  reason: ConnectError | undefined;
  drains = 0;
  /** Settles with the end or the abort. */
  readonly over: Promise<this>;
  exchange!: ClientExchange;
  #resolveOver!: () => void;
  #hasReturned = false;

  private constructor({ hasDeadline = false, isIdempotent = false }: CallTraits) {
    this.hasDeadline = hasDeadline;
    this.isIdempotent = isIdempotent;
    this.over = new Promise((resolve) => {
      this.#resolveOver = () => resolve(this);
    });
  }

  static open(client: HttpClient, head: RequestHead): RecordingCall {
    return RecordingCall.#start((call) => client.open(head, call));
  }

  static send(
    client: HttpClient,
    head: RequestHead,
    body?: Uint8Array | string,
    traits?: CallTraits,
  ): RecordingCall {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    return RecordingCall.#start((call) => client.send(head, bytes, call), traits);
  }

  static #start(begin: (call: RecordingCall) => ClientExchange, traits: CallTraits = {}): RecordingCall {
    const call = new RecordingCall(traits);
    call.exchange = begin(call);
    call.#hasReturned = true;
    return call;
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  get isOver(): boolean {
    return this.events.includes('end') || this.events.includes('abort');
  }

  header(name: string): string | undefined {
    return RpcHeaders.fromWire(this.headerList).get(name);
  }

  onHeaders(status: number, headers: HeaderList): void {
    this.#note('headers');
    this.status = status;
    this.headerList = headers;
  }

  onData(chunk: Uint8Array): void {
    this.#note('data');
    this.chunks.push(chunk);
  }

  onEnd(trailers: HeaderList): void {
    this.#note('end');
    this.trailerList = trailers;
    this.#resolveOver();
  }

  onDrain(): void {
    this.drains++;
    this.#note(undefined);
  }

  onAbort(reason: ConnectError): void {
    this.#note('abort');
    this.reason = reason;
    this.#resolveOver();
  }

  #note(event: string | undefined): void {
    if (!this.#hasReturned) {
      this.events.push(`${event} before open() had returned`);
    }
    if (this.isOver) {
      this.events.push(`${event} after the end`);
    } else if (event !== undefined && !(event === 'data' && this.events.at(-1) === 'data')) {
      this.events.push(event);
    }
  }
}

export function post(target: string, headers: HeaderList = []): RequestHead {
  return { method: 'POST', target, headers };
}
