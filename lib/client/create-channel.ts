/**
 * Channels to servers on a network.
 */
import { type BalancingSettings, createEngine } from './balancing/balanced-client.js';
import { type CallSettings, Channel, findNamed } from './channel.js';
import { type ConnectionOptions } from './connection/connection-options.js';
import { parseDestination } from './balancing/destination.js';
import { type TlsOptions } from './connection/dialer.js';
import { Http1Client } from './connection/http1-client.js';
import { Http2Client } from './connection/http2-client.js';
import {
  TransparentRetryClient,
  type TransparentRetryOptions,
} from './transparent-retry/transparent-retry.js';

/** How a channel reaches its server, besides the URL. */
export interface ConnectionSettings extends CallSettings, ConnectionOptions, TransparentRetryOptions {
  /** `'1.1'` or `'2'`; gRPC needs `'2'`. Default: `'2'`, in clear text with prior knowledge. */
  readonly httpVersion?: '1.1' | '2';
  /**
   * For `https:` URLs; makes `dns:` and `static:` URLs secure, were it `{}`. Default: Node's authorities, no client
   * certificate.
   */
  readonly tls?: TlsOptions;
}

/** Options of {@link createChannel}. */
export interface ChannelOptions extends ConnectionSettings, BalancingSettings {
  /**
   * `http://host:port/prefix`, `https://…`, `unix:/path/of.sock`; `dns:///name:port` for all addresses of a name;
   * `static:///host:port,host:port,unix:/path` for a list.
   */
  readonly url: string;
}

const ENGINES = [
  { name: '2', Engine: Http2Client },
  { name: '1.1', Engine: Http1Client },
];

/** @throws TypeError When an option is wrong. */
export function createChannel({ url, httpVersion = '2', ...settings }: ChannelOptions): Channel {
  const destination = parseDestination(url, { isSecure: settings.tls !== undefined });
  const { Engine } = findNamed('httpVersion', httpVersion, ENGINES);
  const servers = createEngine(destination, (target) => new Engine(target, settings), settings);
  const engine = new TransparentRetryClient(servers, destination.name, settings);
  const channel = new Channel(engine, settings, {
    name: destination.name,
    prefix: destination.targets[0].pathPrefix,
  });
  if (channel.needsHttp2 && httpVersion !== '2') {
    channel.destroy();
    throw new TypeError(`httpVersion is "${httpVersion}", but ${settings.protocol} needs "2"`);
  }
  return channel;
}
