/**
 * An engine with a fake protocol, for specs of connections: what a call does is a function of the spec.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { type ConnectError } from '../../lib/rpc/connect-error.js';
import { type HeaderList } from '../../lib/rpc/headers.js';
import { Dispatcher } from '../../lib/server/dispatcher.js';
import { HttpEngine } from '../../lib/server/engine.js';
import { type ListenTarget } from '../../lib/server/listener.js';
import { type EngineOptionsInit, resolveEngineOptions } from '../../lib/server/options.js';
import { type Exchange, type ExchangeListener } from '../../lib/wire/exchange.js';
import { type ServerProtocol } from '../../lib/wire/protocol.js';
import { testRoute } from '../support/routes.js';

export const PATH = '/test.v1.TestService/Unary';
export const CONTENT_TYPE = 'application/test';

/** What a spec's protocol does with an exchange. */
export type Serve = (exchange: Exchange) => void;

/** Records what an exchange tells its protocol; override what a spec needs. */
export class RecordingListener implements ExchangeListener {
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  isMidMessage = false;
  abortReason: ConnectError | undefined;
  terminateReason: ConnectError | undefined;
  readonly closed: Promise<void>;
  #resolveClosed!: () => void;

  constructor(readonly exchange: Exchange) {
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  onData(chunk: Uint8Array): void {
    this.events.push('data');
    this.chunks.push(chunk);
  }

  onEnd(): void {
    this.events.push('end');
  }

  onDrain(): void {
    this.events.push('drain');
  }

  onAbort(reason: ConnectError): void {
    this.events.push('abort');
    this.abortReason = reason;
  }

  onClose(): void {
    this.events.push('close');
    this.#resolveClosed();
  }

  terminate(reason: ConnectError): void {
    this.events.push('terminate');
    this.terminateReason = reason;
    this.exchange.respondAndEnd(503, [], Buffer.from(reason.rawMessage));
  }
}

/** Answers with the request's body. */
export class EchoListener extends RecordingListener {
  override onEnd(): void {
    super.onEnd();
    this.exchange.respondAndEnd(200, ['content-type', CONTENT_TYPE], Buffer.from(this.text));
  }
}

export const echo: Serve = (exchange) => exchange.start(new EchoListener(exchange));

/** A server under test and its clients; {@link close} ends all of them. */
export class EngineHarness {
  readonly engine: HttpEngine;
  readonly warnings: string[] = [];
  readonly #clients: { destroy(): void }[] = [];
  #port = 0;

  constructor(serve: Serve = echo, options: EngineOptionsInit = {}) {
    const resolved = resolveEngineOptions(options);
    const dispatcher = new Dispatcher([fakeProtocol(serve)], resolved);
    dispatcher.add(testRoute());
    dispatcher.add(testRoute({ kind: 'bidi_streaming' }));
    this.engine = new HttpEngine(resolved, dispatcher, {
      warn: (message) => this.warnings.push(message),
      error: (message) => this.warnings.push(message),
    });
  }

  get port(): number {
    return this.#port;
  }

  async listen(target: ListenTarget = {}): Promise<this> {
    const address = await this.engine.listen({ host: '127.0.0.1', ...target });
    this.#port = 'port' in address ? address.port : 0;
    return this;
  }

  /** Names the port of a server that the engine is attached to. */
  usePort(port: number): this {
    this.#port = port;
    return this;
  }

  /** Opens a connection that speaks in bytes. */
  raw(): RawClient {
    return this.track(new RawClient(connect({ port: this.#port, host: '127.0.0.1', allowHalfOpen: true })));
  }

  /** Opens an HTTP/2 connection. */
  http2(): ClientHttp2Session {
    const session = connectHttp2(`http://127.0.0.1:${this.#port}`);
    session.on('error', () => {});
    return this.track(session);
  }

  track<T extends { destroy(): void }>(client: T): T {
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    this.#clients.forEach((client) => client.destroy());
    await this.engine.close();
  }
}

/** A TCP client that records what it gets. */
export class RawClient {
  text = '';
  isEnded = false;
  error: NodeJS.ErrnoException | undefined;
  /** Settles when the connection has closed, or its read side has ended. */
  readonly ended: Promise<void>;
  #changed: (() => void)[] = [];

  constructor(readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
      this.#notify();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error;
    });
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.isEnded = true;
        this.#notify();
        resolve();
      };
      socket.once('end', end).once('close', end);
    });
  }

  write(text: string | Uint8Array): this {
    this.socket.write(text);
    return this;
  }

  /** Settles when the text has come; rejects when the connection ends before. */
  async until(text: string): Promise<string> {
    while (!this.text.includes(text)) {
      if (this.isEnded) {
        throw new Error(`the connection ended before "${text}" came: ${JSON.stringify(this.text)}`);
      }
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
    return this.text;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #notify(): void {
    const changed = this.#changed;
    this.#changed = [];
    changed.forEach((resolve) => resolve());
  }
}

/** An HTTP/1.1 request in bytes. */
export function http1Request(
  body: string,
  headers: Readonly<Record<string, string>> = {},
  path = PATH,
): string {
  const all = {
    host: 'test',
    'content-type': CONTENT_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** What an HTTP/2 call gave. */
export interface Http2Result {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  readonly trailers: Readonly<Record<string, unknown>> | undefined;
  /** In the order in which they came: `headers`, `trailers`, `end`, `close <code>`. */
  readonly events: readonly string[];
}

/** Begins an HTTP/2 call and leaves its upload open. */
export function openHttp2(
  session: ClientHttp2Session,
  headers: Record<string, string> = {},
): ClientHttp2Stream {
  return session.request(
    { ':method': 'POST', ':path': PATH, 'content-type': CONTENT_TYPE, ...headers },
    { endStream: false },
  );
}

/** Records a call until its stream has closed. */
export function recordHttp2(stream: ClientHttp2Stream): Promise<Http2Result> {
  const events: string[] = [];
  const chunks: Buffer[] = [];
  let head: Record<string, unknown> = {};
  let trailers: Record<string, unknown> | undefined;
  stream.on('response', (headers) => {
    head = { ...headers };
    events.push('headers');
  });
  stream.on('trailers', (headers) => {
    trailers = { ...headers };
    events.push('trailers');
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => events.push('end'));
  stream.on('error', () => {});
  return new Promise((resolve) => {
    stream.on('close', () => {
      events.push(`close ${stream.rstCode}`);
      const status = head[':status'];
      resolve({
        status: typeof status === 'number' ? status : undefined,
        headers: head,
        body: Buffer.concat(chunks).toString('latin1'),
        trailers,
        events,
      });
    });
  });
}

/** A whole HTTP/2 call. */
export function callHttp2(
  session: ClientHttp2Session,
  body: string | Uint8Array,
  headers?: Record<string, string>,
): Promise<Http2Result> {
  const stream = openHttp2(session, headers);
  stream.end(body);
  return recordHttp2(stream);
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The value of a header in a list. */
export function headerIn(list: HeaderList, name: string): string | undefined {
  const at = list.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name);
  return at === -1 ? undefined : list[at + 1];
}

function fakeProtocol(serve: Serve): ServerProtocol {
  return {
    name: 'fake',
    endpoints: () => [{ contentTypes: [CONTENT_TYPE], serve }],
    getEndpoint: () => ({ serve }),
    recognizes: (contentType) => contentType === CONTENT_TYPE,
    owns: (contentType) => contentType === CONTENT_TYPE,
    rejectUnknownMethod: (exchange) => exchange.respondAndEnd(404, [], Buffer.from('unknown method')),
  };
}
