/**
 * Opens connections to a target: what a client says and believes in TLS is checked once, and shared by all of them.
 */
import { connect, isIP, type Socket } from 'node:net';
import {
  connect as connectTls,
  type ConnectionOptions,
  createSecureContext,
  type SecureContextOptions,
} from 'node:tls';
import { type Target } from './target.js';

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

export interface DialerInit {
  readonly target: Target;
  /** For `https:` targets. Default: Node's authorities, no client certificate. */
  readonly tls: TlsOptions | undefined;
  /** What the client wants to speak: `h2` or `http/1.1`. */
  readonly alpn: string;
}

export class Dialer {
  readonly #target: Target;
  readonly #tls: ConnectionOptions | undefined;
  /** Of the last connection: the next one needs no full handshake. */
  #tlsSession: Buffer | undefined;

  /**
   * @throws TypeError When TLS options are given for a target that is clear text. Error when a certificate or a key
   * cannot be read.
   */
  constructor({ target, tls, alpn }: DialerInit) {
    this.#target = target;
    if (target.isSecure) {
      this.#tls = resolveTls(target, tls, alpn);
    } else if (tls !== undefined) {
      throw new TypeError(`tls options are given for ${target.name}, which is clear text: use an https: URL`);
    }
  }

  /** @returns A socket that is not connected yet; what is written meanwhile waits. */
  dial(): Socket {
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
}

function resolveTls(target: Target, options: TlsOptions = {}, alpn: string): ConnectionOptions {
  const { servername, rejectUnauthorized, checkServerIdentity, ...context } = options;
  return {
    // Made once: to read the authorities that Node trusts takes longer than a handshake.
    secureContext: createSecureContext(context),
    ALPNProtocols: [alpn],
    servername: servername ?? serverName(target),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    ...(checkServerIdentity !== undefined && { checkServerIdentity }),
  };
}

/** SNI has names only. (RFC 6066, section 3) */
function serverName({ address }: Target): string {
  return 'host' in address && isIP(address.host) === 0 ? address.host : '';
}
