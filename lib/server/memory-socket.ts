/**
 * A connection inside this process: two ends, of which each reads what the other writes. An http.Server takes one for the
 * socket of a client, because it takes any Duplex. (node:http, "Event: 'connection'")
 *
 * Node 20 has no `duplexPair`, and its ends are not sockets: no timeout, no address.
 */
import { Duplex } from 'node:stream';

/** What an end holds for its reader, in bytes, before the other end's writes wait. */
const BUFFER_BYTES = 65_536;

/** What applications read of the socket of a request, and what only sockets of one kind have. */
const FACTS = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
  'address',
  'connecting',
  'pending',
  'encrypted',
  'authorized',
  'authorizationError',
  'alpnProtocol',
  'servername',
  'getProtocol',
  'getPeerCertificate',
  'getPeerX509Certificate',
  'getCertificate',
  'getX509Certificate',
  'getCipher',
  'getEphemeralKeyInfo',
  'getSharedSigalgs',
  'getFinished',
  'getPeerFinished',
  'getSession',
  'getTLSTicket',
  'isSessionReused',
  'exportKeyingMaterial',
] as const;

/** What one socket tells of its connection, for others that carry parts of it; its functions are bound. */
export type SocketFacts = Partial<Record<(typeof FACTS)[number], unknown>>;

/** Asked for at once: a socket that has closed no longer knows where it came from. */
export function factsOf(socket: object): SocketFacts {
  const known = FACTS.filter((name) => Reflect.get(socket, name) !== undefined);
  return Object.fromEntries(
    known.map((name) => {
      const value: unknown = Reflect.get(socket, name);
      return [name, typeof value === 'function' ? value.bind(socket) : value];
    }),
  );
}

/** The end of an application's server, and that of its client. */
export interface MemoryConnection {
  readonly server: MemorySocket;
  readonly client: MemorySocket;
}

/** @param facts What the server's end says of itself. */
export function connectInMemory(facts: SocketFacts): MemoryConnection {
  // An http.Server has half-open sockets, and ends them itself.
  const server = new MemorySocket({ allowHalfOpen: true }, facts);
  const client = new MemorySocket({ allowHalfOpen: false }, {});
  server.attach(client);
  client.attach(server);
  return { server, client };
}

export class MemorySocket extends Duplex {
  bytesRead = 0;
  bytesWritten = 0;
  /** As it was set by {@link setTimeout}. */
  timeout: number | undefined;

  #other: MemorySocket | undefined;
  /** Ends a write of the other end that waits for a reader. */
  #taken: (() => void) | undefined;
  #hasEnd = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: { readonly allowHalfOpen: boolean }, facts: SocketFacts) {
    super({ ...options, highWaterMark: BUFFER_BYTES });
    Object.assign(this, facts);
  }

  /** Names the other end. */
  attach(other: MemorySocket): void {
    this.#other = other;
  }

  /** As that of net.Socket: the event `timeout` after so many milliseconds without a byte; 0 for never. */
  setTimeout(ms: number, listener?: () => void): this {
    clearTimeout(this.#idleTimer);
    this.timeout = ms;
    this.#idleTimer = ms > 0 ? setTimeout(() => this.emit('timeout'), ms).unref() : undefined;
    if (listener !== undefined) {
      this[ms > 0 ? 'once' : 'off']('timeout', listener);
    }
    return this;
  }

  /** As that of net.Socket: destroys the socket when all is written. */
  destroySoon(): void {
    this.end();
    if (this.writableFinished) {
      this.destroy();
    } else {
      this.once('finish', () => this.destroy());
    }
  }

  // What there is no network for.

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  // What Duplex asks for.

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: () => void): void {
    this.bytesWritten += chunk.length;
    this.#idleTimer?.refresh();
    // In a turn of its own, as from a network: parsers are not made to be fed by what they call.
    process.nextTick(() => this.#other?.receive(chunk, written));
  }

  override _final(finished: () => void): void {
    process.nextTick(() => this.#other?.receiveEnd());
    finished();
  }

  /** What was written before still arrives; then the other end sees an end, however this one went. */
  override _destroy(error: Error | null, destroyed: (error: Error | null) => void): void {
    clearTimeout(this.#idleTimer);
    this._read();
    process.nextTick(() => this.#other?.receiveEnd());
    destroyed(error);
  }

  /** @internal What arrives at an end that reads no more is lost, as it is in a network. */
  receive(chunk: Buffer, taken: () => void): void {
    this.bytesRead += chunk.length;
    this.#idleTimer?.refresh();
    if (this.#hasEnd || this.destroyed || chunk.length === 0 || this.push(chunk)) {
      taken();
    } else {
      this.#taken = taken;
    }
  }

  /** @internal */
  receiveEnd(): void {
    if (!this.#hasEnd && !this.destroyed) {
      this.#hasEnd = true;
      this.push(null);
    }
  }
}
