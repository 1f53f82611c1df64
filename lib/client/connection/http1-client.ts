/**
 * Requests to one server over HTTP/1.1: connections that are kept, as many as there are requests at a time.
 *
 * Node's agent lets go of connections that are idle: they do not hold the process.
 */
import { Agent, type ClientRequest, request as requestHttp } from 'node:http';
import { type Socket } from 'node:net';
import { ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type HttpClient,
  type RequestHead,
} from '../../wire/client-exchange.js';
import { type ConnectionOptions, resolveConnectionOptions, spreadAge } from './connection-options.js';
import { ConnectionTimer, MAX_TIMEOUT_MS } from './connection-timer.js';
import { Dialer } from './dialer.js';
import { type EngineExchange, type ExchangeOwner } from './engine-exchange.js';
import { clientClosed, clientDestroyed, notARequest } from './exchange-failure.js';
import { FailedExchange } from './failed-exchange.js';
import { Http1ClientExchange } from './http1-client-exchange.js';
import { LinkedSet } from '../linked-set.js';
import { Waiters } from '../waiters.js';
import { type Target } from '../balancing/target.js';

/** Of a response; as over HTTP/2. */
const MAX_HEADER_BYTES = 65_536;

interface TargetAgentInit {
  readonly dialer: Dialer;
  readonly idleTimeoutMs: number;
  readonly maxConnectionAgeMs: number;
}

/** Node's agent, for one target only. */
class TargetAgent extends Agent {
  readonly #dialer: Dialer;
  readonly #maxAgeMs: number;
  /** Connections whose time has come while a call was on them. */
  readonly #old = new WeakSet<Socket>();

  constructor({ dialer, idleTimeoutMs, maxConnectionAgeMs }: TargetAgentInit) {
    // The timeout ends idle connections only; what a server says of its own (`Keep-Alive: timeout=5`) goes before it.
    super({ keepAlive: true, timeout: Math.min(idleTimeoutMs, MAX_TIMEOUT_MS) });
    this.#dialer = dialer;
    this.#maxAgeMs = maxConnectionAgeMs;
  }

  override createConnection(): Socket {
    const socket = this.#dialer.dial();
    const age = new ConnectionTimer(() => this.#retire(socket));
    age.start(spreadAge(this.#maxAgeMs));
    socket.once('close', () => age.stop());
    return socket;
  }

  /** @returns Whether it is kept; Node's types do not know it. */
  override keepSocketAlive(socket: Socket): boolean {
    const isKept = !this.#old.has(socket) && (super.keepSocketAlive(socket) as unknown as boolean);
    if (isKept) {
      socket.on('data', endUnasked);
    }
    return isKept;
  }

  override reuseSocket(socket: Socket, request: ClientRequest): void {
    socket.off('data', endUnasked);
    super.reuseSocket(socket, request);
  }

  /** All connections are alike. */
  override getName(): string {
    return '';
  }

  #retire(socket: Socket): void {
    if (this.freeSockets[this.getName()]?.includes(socket) === true) {
      socket.destroy();
    } else {
      this.#old.add(socket);
    }
  }
}

/**
 * Bytes that nobody asked for, which Node would drop: "the client SHOULD close the connection, since message delimitation is
 * now ambiguous". The next call could get what belongs to another one. (RFC 9112, section 6.3)
 */
function endUnasked(this: Socket): void {
  this.destroy();
}

export class Http1Client implements HttpClient, ExchangeOwner {
  readonly #agent: Agent;
  readonly #exchanges = new LinkedSet<EngineExchange>();
  #isClosed = false;
  readonly #closing = new Waiters();

  /** @throws TypeError, Error When the TLS options are wrong. */
  constructor(
    private readonly target: Target,
    options: ConnectionOptions = {},
  ) {
    const { connectTimeoutMs, idleTimeoutMs, maxConnectionAgeMs } = resolveConnectionOptions(options);
    const dialer = new Dialer({ target, tls: options.tls, alpn: 'http/1.1', connectTimeoutMs });
    this.#agent = new TargetAgent({ dialer, idleTimeoutMs, maxConnectionAgeMs });
  }

  open(head: RequestHead, listener: ClientExchangeListener): ClientExchange {
    try {
      const request = this.#request(head, head.headers);
      const exchange = this.#begin(request, listener).watchDrain();
      request.flushHeaders();
      return exchange;
    } catch (cause) {
      return new FailedExchange(listener, asReason(cause));
    }
  }

  send(head: RequestHead, body: Uint8Array | undefined, listener: ClientExchangeListener): ClientExchange {
    try {
      const request = this.#request(head, framed(head, body));
      const exchange = this.#begin(request, listener);
      request.end(body);
      return exchange;
    } catch (cause) {
      return new FailedExchange(listener, asReason(cause));
    }
  }

  /** Takes no requests any more; settles when those under way have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#exchanges.size > 0) {
      await this.#closing.wait();
    }
    this.#agent.destroy();
  }

  /** Cuts off what is under way; its listeners are told. */
  destroy(): void {
    this.#isClosed = true;
    const reason = clientDestroyed(this.target.name);
    for (const exchange of this.#exchanges) {
      exchange.cut(reason);
    }
    this.#agent.destroy();
  }

  exchangeClosed(exchange: EngineExchange): void {
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size === 0) {
      this.#closing.release();
    }
  }

  /** @throws Error When the client is closed, or Node refuses to write such a request. */
  #request({ method, target }: RequestHead, headers: HeaderList): ClientRequest {
    if (this.#isClosed) {
      throw clientClosed(this.target.name);
    }
    return requestHttp({
      agent: this.#agent,
      method,
      path: target,
      headers: ['host', this.target.authority, ...headers],
      maxHeaderSize: MAX_HEADER_BYTES,
    });
  }

  #begin(request: ClientRequest, listener: ClientExchangeListener): Http1ClientExchange {
    const exchange = new Http1ClientExchange({
      owner: this,
      targetName: this.target.name,
      request,
      listener,
    });
    this.#exchanges.add(exchange);
    return exchange;
  }
}

/** A POST without a body says so; Node would send an empty chunk. (RFC 9110, section 8.6) */
function framed({ method, headers }: RequestHead, body: Uint8Array | undefined): HeaderList {
  return body === undefined && method === 'GET'
    ? headers
    : [...headers, 'content-length', String(body?.length ?? 0)];
}

function asReason(cause: unknown): ConnectError {
  return cause instanceof ConnectError ? cause : notARequest(cause);
}
