/**
 * One HTTP/1.1 request and its response as a client's exchange.
 *
 * An early response cannot leave the rest of a request unsent, as a stream's reset does: giving the exchange up before
 * both are complete costs the connection.
 */
import { type ClientRequest, type IncomingMessage } from 'node:http';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type ClientExchangeListener } from '../../wire/client-exchange.js';
import { hasStood } from './dialer.js';
import { EngineExchange, type ExchangeOwner } from './engine-exchange.js';
import { brokenResponse, cannotConnect, CLOSED_BY_PEER, connectionLost } from './exchange-failure.js';

export interface Http1ExchangeInit {
  readonly owner: ExchangeOwner;
  /** For messages. */
  readonly targetName: string;
  readonly request: ClientRequest;
  readonly listener: ClientExchangeListener;
}

const EXCHANGE = Symbol('exchange');

/** Request and response carry their exchange, so that one set of listener functions serves all of them. */
interface Carrier {
  readonly destroyed: boolean;
  [EXCHANGE]?: Http1ClientExchange;
}

export class Http1ClientExchange extends EngineExchange {
  readonly #targetName: string;
  readonly #request: ClientRequest;
  #response: IncomingMessage | undefined;
  /** Asked for before there was a response to pause. */
  #isPaused = false;

  constructor({ owner, targetName, request, listener }: Http1ExchangeInit) {
    super(owner, listener);
    this.#targetName = targetName;
    this.#request = request;
    const carrier: Carrier = request;
    carrier[EXCHANGE] = this;
    request.on('response', onResponse);
    request.on('error', onError);
    request.on('close', onClose);
  }

  get peer(): string {
    return this.#targetName;
  }

  /** Wants to be told of `drain`: needless for a request that is sent in one step. */
  watchDrain(): this {
    this.#request.on('drain', onDrain);
    return this;
  }

  write(bytes: Uint8Array): boolean {
    return this.#takesBytes && this.#request.write(bytes);
  }

  end(): void {
    if (this.#takesBytes) {
      this.#request.end();
    }
  }

  pause(): void {
    this.#isPaused = true;
    this.#response?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#response?.resume();
  }

  /** @internal */
  responded(response: IncomingMessage): void {
    this.#response = response;
    const carrier: Carrier = response;
    carrier[EXCHANGE] = this;
    response.on('data', onData);
    response.on('end', onEnd);
    response.on('error', onError);
    if (this.#isPaused) {
      response.pause();
    }
    this.headArrived(response.statusCode ?? 0, lowerCased(response.rawHeaders));
  }

  /** @internal Everything that came was read. */
  bodyEnded({ rawTrailers }: IncomingMessage): void {
    this.finish(lowerCased(rawTrailers));
  }

  /** @internal */
  failed(error: Error): void {
    // What breaks after a complete response, for example the rest of the request, is none of the caller's business.
    if (this.#response?.complete !== true) {
      this.abort(this.#reasonOf(error));
    }
  }

  /** @internal Node has let go of the request: its response, if complete, may still wait to be read. */
  closed(): void {
    if (this.#response?.complete !== true) {
      this.abort(connectionLost(this.#targetName, this.#response !== undefined, { cause: CLOSED_BY_PEER }));
    }
    this.setGone();
  }

  protected breakOff(): void {
    // A no-op when the connection has been handed back.
    this.#request.destroy();
  }

  get #takesBytes(): boolean {
    return !this.isOver && !this.#request.writableEnded && !this.#request.destroyed;
  }

  #reasonOf(cause: Error): ConnectError {
    const { code = '' } = cause as NodeJS.ErrnoException;
    const hasBegun = this.#response !== undefined;
    const { socket } = this.#request;
    if (socket !== null && !hasStood(socket)) {
      return cannotConnect(this.#targetName, cause);
    }
    if (code.startsWith('HPE_')) {
      return brokenResponse(this.#targetName, hasBegun, cause);
    }
    const isStale = this.#request.reusedSocket && !hasBegun && RESETS.has(code);
    return connectionLost(this.#targetName, hasBegun, { cause, fate: isStale ? 'stale' : undefined });
  }
}

const RESETS: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

/** HTTP/1.1 names come in any case. */
function lowerCased(rawHeaders: readonly string[]): HeaderList {
  return rawHeaders.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text));
}

function onResponse(this: Carrier, response: IncomingMessage): void {
  this[EXCHANGE]?.responded(response);
}

function onData(this: Carrier, chunk: Uint8Array): void {
  this[EXCHANGE]?.bodyArrived(chunk);
}

function onEnd(this: Carrier & IncomingMessage): void {
  this[EXCHANGE]?.bodyEnded(this);
}

function onDrain(this: Carrier): void {
  this[EXCHANGE]?.drained();
}

function onError(this: Carrier, error: Error): void {
  this[EXCHANGE]?.failed(error);
}

function onClose(this: Carrier): void {
  this[EXCHANGE]?.closed();
}
