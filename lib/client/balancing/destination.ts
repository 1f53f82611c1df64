/**
 * What the URL of a channel stands for: one server, a list of servers, or a name whose addresses are looked up.
 */
import { invalidUrl, parseTarget, type Target } from './target.js';

export interface Destination {
  /**
   * - `server`: one. When its name has several addresses, Node takes the first that answers.
   * - `servers`: a list of them.
   * - `name`: one target, and every address of its host is a server.
   */
  readonly kind: 'server' | 'servers' | 'name';
  /** For messages. */
  readonly name: string;
  readonly targets: readonly [Target, ...Target[]];
}

const DNS_SCHEME = 'dns:///';
const STATIC_SCHEME = 'static:///';
const UNIX_SCHEME = 'unix:';

/**
 * Reads the URL of a channel: what {@link parseTarget} takes, `dns:///name:port`, or `static:///` and a list of
 * `host:port` and `unix:/path` with commas between.
 *
 * @param isSecure For `dns:` and `static:`, which do not tell: TLS, and 443 as the default port.
 * @throws TypeError When it is none of them; the message names the value and what is accepted.
 */
export function parseDestination(url: string, { isSecure }: { readonly isSecure: boolean }): Destination {
  const scheme = isSecure ? 'https://' : 'http://';
  // Only text has a scheme; parseTarget refuses everything else.
  const text = typeof url === 'string' ? url : '';
  if (text.startsWith(DNS_SCHEME)) {
    return { kind: 'name', name: url, targets: [parseServer(url, scheme + text.slice(DNS_SCHEME.length))] };
  }
  if (text.startsWith(STATIC_SCHEME)) {
    const [first = '', ...more] = new Set(text.slice(STATIC_SCHEME.length).split(','));
    const parse = (entry: string): Target =>
      parseServer(url, entry.startsWith(UNIX_SCHEME) ? entry : scheme + entry);
    return { kind: 'servers', name: url, targets: [parse(first), ...more.map(parse)] };
  }
  const target = parseTarget(url);
  return { kind: 'server', name: target.name, targets: [target] };
}

/** @param text One server of the URL. */
function parseServer(url: string, text: string): Target {
  const target = parseTarget(text);
  if (target.pathPrefix !== '') {
    throw invalidUrl(url, 'it must have no path');
  }
  return target;
}
