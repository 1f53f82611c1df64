/**
 * Opens connections to a target: what a client says and believes in TLS is checked once, and shared by all of them.
 */
import { connect, type Socket } from 'node:net';
import {
  connect as connectTls,
  type ConnectionOptions,
  createSecureContext,
  type SecureContextOptions,
} from 'node:tls';
import { outsideCalls } from './call-context.js';
import { ConnectionTimer } from './connection-timer.js';
import { type Target } from '../balancing/target.js';

/** Of `node:tls`, with its defaults. */
export interface TlsOptions extends Pick<
  SecureContextOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'pfx' | 'ciphers' | 'minVersion' | 'maxVersion'
> {
  /** The name that the server's certificate must have, and SNI. Default: the host of the URL. */
  readonly servername?: string;
  /** Default: true. False accepts every certificate: for experiments only. */
  readonly rejectUnauthorized?: boolean;
  /** Checks the certificate's names instead of Node. */
  readonly checkServerIdentity?: NonNullable<ConnectionOptions['checkServerIdentity']>;
}

const STANDING = new WeakSet<Socket>();

/**
 * Tells whether a socket of a {@link Dialer} was connected, TLS included: before, nothing of a request was sent. Stays true
 * when the connection ends.
 */
export function hasStood(socket: Socket): boolean {
  return STANDING.has(socket);
}

export interface DialerInit {
  readonly target: Target;
  /** For `https:` targets. Default: Node's authorities, no client certificate. */
  readonly tls: TlsOptions | undefined;
  /** Time for a connection to stand, TLS included, in milliseconds; `Infinity` for no limit. */
  readonly connectTimeoutMs: number;
  /** What the client wants to speak: `h2` or `http/1.1`. */
  readonly alpn: string;
}

export class Dialer {
  readonly #target: Target;
  readonly #connectTimeoutMs: number;
  readonly #tls: ConnectionOptions | undefined;
  /** Of the last connection: the next one needs no full handshake. */
  #tlsSession: Buffer | undefined;

  /**
   * @throws TypeError When TLS options are given for a target that is clear text. Error when a certificate or a key
   * cannot be read.
   */
  constructor({ target, tls, alpn, connectTimeoutMs }: DialerInit) {
    this.#target = target;
    this.#connectTimeoutMs = connectTimeoutMs;
    if (target.isSecure) {
      this.#tls = resolveTls(target, tls, alpn);
    } else if (tls !== undefined) {
      throw new TypeError(`tls options are given for ${target.name}, which is clear text: use an https: URL`);
    }
  }

  /**
   * The socket belongs to nobody's call: what a call keeps in AsyncLocalStorage does not live as long as the connection.
   *
   * @returns A socket that is not connected yet; what is written meanwhile waits.
   */
  dial(): Socket {
    return outsideCalls(() => this.#limit(this.#connect()));
  }

  #connect(): Socket {
    const { address } = this.#target;
    if (this.#tls === undefined) {
      return connect(address);
    }
    const socket = connectTls({ ...this.#tls, ...address, session: this.#tlsSession });
    socket.on('session', (session: Buffer) => {
      this.#tlsSession = session;
    });
    return socket;
  }

  #limit(socket: Socket): Socket {
    const timer = new ConnectionTimer(() => socket.destroy(connectTimedOut(this.#connectTimeoutMs)));
    timer.start(this.#connectTimeoutMs);
    socket.once(this.#tls === undefined ? 'connect' : 'secureConnect', () => {
      STANDING.add(socket);
      timer.stop();
    });
    socket.once('close', () => timer.stop());
    return socket;
  }
}

/** As Node's own errors of this kind. */
function connectTimedOut(timeoutMs: number): Error {
  return Object.assign(new Error(`connect took longer than ${timeoutMs} ms`), {
    code: 'ETIMEDOUT',
    syscall: 'connect',
  });
}

function resolveTls(target: Target, options: TlsOptions = {}, alpn: string): ConnectionOptions {
  const { servername, rejectUnauthorized, checkServerIdentity, ...context } = options;
  return {
    // Made once: to read the authorities that Node trusts takes longer than a handshake.
    secureContext: createSecureContext(context),
    ALPNProtocols: [alpn],
    servername: servername ?? target.serverName,
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    ...(checkServerIdentity !== undefined && { checkServerIdentity }),
  };
}
