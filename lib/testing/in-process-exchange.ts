/**
 * An exchange between a client and a server in one process: both ports, and a pipe each way instead of a socket.
 *
 *   ClientExchange ──► request pipe ──► ServerExchange ──► protocol, handler
 *         ◄────────── response pipe ◄──────────┘
 *
 * It behaves as a stream of HTTP/2: trailers, windows, early ends, resets of either side.
 */
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type HeaderList, RpcHeaders } from '../rpc/headers.js';
import { type ResponseSink } from '../server/response-writer.js';
import { ServerExchange } from '../server/server-exchange.js';
import { type VirtualConnection } from '../server/virtual-connection.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type RequestHead,
} from '../wire/client-exchange.js';
import { Pipe } from './pipe.js';

/** The client's half. */
export class InProcessExchange implements ClientExchange {
  readonly #requests = new Pipe(() => this.#tell((listener) => listener.onDrain()));
  readonly #responses = new Pipe(() => this.#server.sinkDrained());
  readonly #server: InProcessServerExchange;
  #isOver = false;

  constructor(
    connection: VirtualConnection,
    head: RequestHead,
    hasBody: boolean,
    private readonly listener: ClientExchangeListener,
  ) {
    this.#server = new InProcessServerExchange(connection, head, hasBody, {
      requests: this.#requests,
      responses: this.#responses,
      client: this,
    });
    // In a later turn, as a request needs time to arrive.
    this.#requests.put(0, () => connection.accept(this.#server));
  }

  write(bytes: Uint8Array): boolean {
    return this.#requests.put(bytes.byteLength, () => this.#server.bodyArrived(bytes));
  }

  end(): void {
    this.#requests.put(0, () => this.#server.completeRequest());
  }

  pause(): void {
    this.#responses.pause();
  }

  resume(): void {
    this.#responses.resume();
  }

  reset(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#responses.clear();
      this.#requests.clear();
      this.#requests.resume();
      this.#requests.put(0, () => this.#server.resetByClient());
    }
  }

  // What the server sends.

  /** @internal */
  head(status: number, headers: HeaderList): void {
    this.#tell((listener) => listener.onHeaders(status, headers));
  }

  /** @internal */
  body(bytes: Uint8Array): void {
    this.#tell((listener) => listener.onData(bytes));
  }

  /** @internal */
  complete(trailers: HeaderList): void {
    this.#tell((listener) => {
      this.#isOver = true;
      listener.onEnd(trailers);
    });
  }

  /** @internal */
  broken(): void {
    this.#tell((listener) => {
      this.#isOver = true;
      listener.onAbort(new ConnectError('the server canceled the stream', { code: Code.Canceled }));
    });
  }

  #tell(tell: (listener: ClientExchangeListener) => void): void {
    if (!this.#isOver) {
      tell(this.listener);
    }
  }
}

/** What the server's half shares with the client's. */
interface Link {
  readonly requests: Pipe;
  readonly responses: Pipe;
  readonly client: InProcessExchange;
}

const PSEUDO_HEADERS = 1;

class InProcessServerExchange extends ServerExchange {
  readonly httpVersion = '2';
  readonly method: string;
  readonly requestHeaders: HeaderList;
  isRequestComplete: boolean;

  protected isDelivered = false;
  protected readonly sink: ResponseSink;
  readonly #link: Link;
  readonly #headers: RpcHeaders;
  #trailers: HeaderList = [];

  constructor(
    connection: VirtualConnection,
    head: RequestHead,
    readonly hasBody: boolean,
    link: Link,
  ) {
    super(connection, head.target);
    this.method = head.method;
    this.requestHeaders = [':path', head.target, ...head.headers];
    this.#headers = RpcHeaders.fromWire(head.headers);
    this.#link = link;
    this.sink = this.#createSink();
    this.isRequestComplete = !hasBody;
  }

  get headerCount(): number {
    return this.requestHeaders.length / 2 - PSEUDO_HEADERS;
  }

  header(name: string): string | undefined {
    return this.#headers.get(name);
  }

  /** @internal The client has sent everything. */
  completeRequest(): void {
    this.isRequestComplete = true;
    this.bodyEnded();
  }

  /** @internal */
  resetByClient(): void {
    this.#link.responses.clear();
    this.gone();
  }

  protected watchEngine(): void {
    // The pipes tell by themselves.
  }

  protected watchBody(): void {
    // Bytes come by themselves, from the turn after this one.
  }

  protected pauseBody(): void {
    this.#link.requests.pause();
  }

  protected resumeBody(): void {
    this.#link.requests.resume();
  }

  protected sendHead(status: number, headers: HeaderList): void {
    this.#link.responses.put(0, () => this.#link.client.head(status, headers));
  }

  protected sendHeadBeforeTrailers(status: number, headers: HeaderList): void {
    this.sendHead(status, headers);
  }

  protected sendWhole(status: number, headers: HeaderList, body: Uint8Array | undefined): void {
    const length = body === undefined ? [] : ['content-length', String(body.byteLength)];
    this.sendHead(status, [...headers, ...length]);
    this.endBody(body);
  }

  protected prepareEnd(trailers: HeaderList | undefined): void {
    this.#trailers = trailers ?? [];
  }

  protected breakOff(): void {
    const { requests, responses, client } = this.#link;
    requests.clear();
    responses.clear();
    responses.resume();
    responses.put(0, () => {
      client.broken();
      this.gone();
    });
  }

  #createSink(): ResponseSink {
    const { responses, client } = this.#link;
    const write = (bytes: Uint8Array, callback?: () => void): boolean =>
      responses.put(bytes.byteLength, () => {
        client.body(bytes);
        callback?.();
      });
    return {
      write,
      end: (bytes?: Uint8Array): void => {
        if (bytes !== undefined && bytes.byteLength > 0) {
          write(bytes);
        }
        responses.put(0, () => {
          this.isDelivered = true;
          client.complete(this.#trailers);
          this.gone();
        });
      },
      cork: () => {},
      uncork: () => {},
      get writableLength() {
        return responses.waitingBytes;
      },
    };
  }
}
