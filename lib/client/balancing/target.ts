/**
 * Where requests go: the URL of one server, read once.
 */
import { isIP } from 'node:net';

export interface Target {
  /** For messages, for example `http://localhost:8080`, `unix:/run/eliza.sock`. */
  readonly name: string;
  /** What requests give as `:authority` or `host`. */
  readonly authority: string;
  readonly isSecure: boolean;
  /** What TLS asks for (SNI) and finds in the certificate; `''` when the host is no name. (RFC 6066, section 3) */
  readonly serverName: string;
  /** For `net.connect` and `tls.connect`. */
  readonly address: HostAddress | UnixAddress;
  /** In front of every path: `''`, or what begins with a slash and does not end with one. */
  readonly pathPrefix: string;
}

export interface HostAddress {
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface UnixAddress {
  /** The socket's file. */
  readonly path: string;
}

const ACCEPTED =
  'expected "http://host:port/prefix", "https://host:port/prefix", "unix:/path/of.sock", ' +
  '"dns:///name:port" or "static:///host:port,host:port"';
const UNIX_SCHEME = 'unix:';
const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http:', 80],
  ['https:', 443],
]);

/**
 * Reads the URL of a server. Default ports: 80 for `http:`, 443 for `https:`. `unix:/path` is clear text, and
 * `unix:///path` means the same.
 *
 * @throws TypeError When it is not one; the message names the value and what is accepted.
 */
export function parseTarget(url: string): Target {
  if (typeof url !== 'string') {
    throw new TypeError(`the URL of a server is of type ${typeof url}: ${ACCEPTED}`);
  }
  return Object.freeze(url.startsWith(UNIX_SCHEME) ? parseUnix(url) : parseHost(url));
}

function parseUnix(url: string): Target {
  const path = url.slice(UNIX_SCHEME.length).replace(/^\/\/(?=\/)/, '');
  if (!path.startsWith('/') || path.startsWith('//') || path === '/') {
    throw invalidUrl(url, 'the path of the socket must be absolute');
  }
  // A server needs some authority, and the file's name is none. (RFC 9110, section 4.2)
  return {
    name: UNIX_SCHEME + path,
    authority: 'localhost',
    isSecure: false,
    serverName: '',
    address: { path },
    pathPrefix: '',
  };
}

function parseHost(text: string): Target {
  const url = parseUrl(text);
  const port = DEFAULT_PORTS.get(url.protocol);
  if (port === undefined || !/^https?:\/\//i.test(text)) {
    throw invalidUrl(text);
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(
      `the URL of a server holds a user or a password: send an authorization header instead`,
    );
  }
  if (url.search !== '' || url.hash !== '') {
    throw invalidUrl(text, 'it must have no query and no fragment');
  }
  const host = withoutBrackets(url.hostname);
  return {
    name: url.origin,
    authority: url.host,
    isSecure: url.protocol === 'https:',
    serverName: isIP(host) === 0 ? host : '',
    address: { host, port: url.port === '' ? port : Number(url.port) },
    pathPrefix: url.pathname.replace(/\/+$/, ''),
  };
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw invalidUrl(text, undefined, cause);
  }
}

function withoutBrackets(hostname: string): string {
  const inner = hostname.slice(1, -1);
  return isIP(inner) === 6 ? inner : hostname;
}

/** For a URL that is none; the message names it and what is accepted. */
export function invalidUrl(url: string, why?: string, cause?: unknown): TypeError {
  const reason = why === undefined ? '' : `${why}; `;
  return new TypeError(`"${url}" is not the URL of a server: ${reason}${ACCEPTED}`, { cause });
}
