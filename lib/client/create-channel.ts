/**
 * Channels to servers on a network.
 */
import { type CallSettings, Channel, findNamed } from './channel.js';
import { type TlsOptions } from './dialer.js';
import { Http1Client } from './http1-client.js';
import { Http2Client } from './http2-client.js';
import { parseTarget } from './target.js';

/** How a channel reaches its server, besides the URL. */
export interface ConnectionSettings extends CallSettings {
  /** `'1.1'` or `'2'`; gRPC needs `'2'`. Default: `'2'`, in clear text with prior knowledge. */
  readonly httpVersion?: '1.1' | '2';
  /** For `https:` URLs. Default: Node's authorities, no client certificate. */
  readonly tls?: TlsOptions;
}

/** Options of {@link createChannel}. */
export interface ChannelOptions extends ConnectionSettings {
  /** `http://host:port/prefix`, `https://…` or `unix:/path/of.sock`. */
  readonly url: string;
}

const ENGINES = [
  { name: '2', Engine: Http2Client },
  { name: '1.1', Engine: Http1Client },
];

/** @throws TypeError When an option is wrong. */
export function createChannel({ url, httpVersion = '2', tls, ...settings }: ChannelOptions): Channel {
  const target = parseTarget(url);
  const { Engine } = findNamed('httpVersion', httpVersion, ENGINES);
  const channel = new Channel(new Engine(target, { tls }), settings, target.pathPrefix);
  if (channel.needsHttp2 && httpVersion !== '2') {
    throw new TypeError(`httpVersion is "${httpVersion}", but ${settings.protocol} needs "2"`);
  }
  return channel;
}
