/**
 * A call of a client protocol whose caller writes down everything that it is told in one list: for specs about the
 * order of headers, messages, trailers and end.
 */
import { type ClientCall } from '../../lib/rpc/client-call.js';
import { type ConnectError } from '../../lib/rpc/connect-error.js';
import { type HeaderList, type RpcHeaders } from '../../lib/rpc/headers.js';
import { type MethodKind } from '../../lib/rpc/method-spec.js';
import { type ClientProtocol } from '../../lib/wire/client-protocol.js';
import { sendAll, testClientMethod, type TestCallSetup } from './client-call.js';
import { type MemoryClientExchange, MemoryHttpClient } from './memory-http-client.js';
import { METHOD_OF_KIND, textOf } from './test-service.js';

export interface WatchedCallSetup extends TestCallSetup {
  /** Sent at once, and complete; `"open"` for nothing. Default: one message, `"hi"`. */
  readonly requests?: readonly string[] | 'open';
  /** The caller asks for headers and trailers. Default: true. */
  readonly wantsMetadata?: boolean;
}

export class WatchedCall {
  readonly http = new MemoryHttpClient();
  readonly call: ClientCall;
  /** `headers`, the texts of messages, `trailers`, then `end` or `error`. */
  readonly events: string[] = [];
  headers: HeaderList | undefined;
  trailers: HeaderList | undefined;
  error: ConnectError | undefined;

  constructor(protocol: ClientProtocol, kind: MethodKind, setup: WatchedCallSetup = {}) {
    const { options, requests = ['hi'], wantsMetadata = true, ...start } = setup;
    const method = testClientMethod(METHOD_OF_KIND[kind], options);
    const { streamsResponses } = method.spec;
    const reply = {
      succeed: (message: unknown) => this.events.push(textOf(message), 'end'),
      fail: (error: ConnectError) => this.#fail(error),
    };
    this.call = protocol.endpoint(method).open(
      this.http,
      {
        headers: undefined,
        timeoutMs: undefined,
        signal: undefined,
        onHeaders: wantsMetadata ? this.#teller('headers') : undefined,
        onTrailers: wantsMetadata ? this.#teller('trailers') : undefined,
        ...start,
      },
      streamsResponses ? undefined : reply,
    );
    if (streamsResponses) {
      this.#read();
    }
    if (requests !== 'open') {
      sendAll(this.call, requests);
    }
  }

  /** The one exchange of the call. */
  get exchange(): MemoryClientExchange {
    return this.http.request;
  }

  /** The texts of the replies. */
  get texts(): string[] {
    return this.events.filter((event) => !NO_TEXTS.has(event));
  }

  /** Code and message of the error; `"end"` after a success, `undefined` while the call is under way. */
  get outcome(): readonly [code: number, message: string] | 'end' | undefined {
    if (this.error !== undefined) {
      return [this.error.code, this.error.rawMessage];
    }
    return this.events.includes('end') ? 'end' : undefined;
  }

  #teller(event: 'headers' | 'trailers'): (told: RpcHeaders) => void {
    return (told) => {
      this.events.push(event);
      this[event] = told.toList();
    };
  }

  #read(): void {
    const { replies } = this.call;
    replies.start({
      next: (message) => {
        this.events.push(textOf(message));
        replies.pull();
      },
      complete: () => this.events.push('end'),
      error: (error) => this.#fail(error),
    });
    replies.pull();
  }

  #fail(error: ConnectError): void {
    this.events.push('error');
    this.error = error;
  }
}

const NO_TEXTS = new Set(['headers', 'trailers', 'end', 'error']);
