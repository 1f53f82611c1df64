/**
 * The options of the server as users write them, and the one place where their defaults are.
 */
import { type Codec } from '../codec/codec.js';
import { createJsonCodec, type JsonOptions } from '../codec/json-codec.js';
import { protoCodec } from '../codec/proto-codec.js';
import { type Compression } from '../compression/compression.js';
import { builtinCompressions } from '../compression/zlib.js';
import { serverProtocols } from '../protocol/index.js';
import { compileCors, type CorsOptions } from '../server/cors.js';
import { type HttpEngineOptions } from '../server/engine.js';
import { type ListenTarget } from '../server/listener.js';
import { ENGINE_OPTIONS, type EngineOptionsInit, resolveEngineOptions } from '../server/options.js';
import { compileTrustedProxies, type TrustProxies } from '../server/trusted-proxies.js';
import { type Overflow } from '../stream/overflow-queue.js';
import { MAX_ENVELOPE_BYTES } from '../wire/envelope.js';
import { type ServerProtocol } from '../wire/protocol.js';
import { type WireOptions } from '../wire/route.js';
import { ConnectConfigError } from './connect-config.error.js';
import { type Around } from './processing-hooks.js';

/**
 * Options of {@link ConnectModule}: settings of the engine (connections, timers, limits; see its names), of the wire, and of
 * streams. Where to listen is the app's business.
 */
export interface ConnectModuleOptions extends EngineOptionsInit {
  /** Protocols to serve. Default: all, `['connect', 'grpc', 'grpc-web']`. */
  readonly protocols?: readonly string[];
  /** Codecs, by their names in content types. Default: proto and JSON. */
  readonly codecs?: readonly Codec[];
  /**
   * Compressions that requests may use and, with {@link compressMinBytes}, responses, in order of preference.
   * Default: gzip, br, zstd (Node 24), deflate. Plug others in by their {@link Compression}.
   */
  readonly compressions?: readonly Compression[];
  /**
   * Largest request message, in bytes after decompression. Default: 4 MiB. `Infinity` for none. Beyond: the
   * call fails with `resource_exhausted`.
   */
  readonly receiveLimitBytes?: number;
  /** Largest response message, in bytes before compression. Default: what an envelope holds, 2^32 - 1. Beyond: `resource_exhausted`. */
  readonly sendLimitBytes?: number;
  /**
   * Smallest response message that is compressed, in bytes, when the client accepts it. Default: `Infinity`,
   * responses are not compressed: small messages cost ten times as much and hardly shrink.
   */
  readonly compressMinBytes?: number;
  /** Longest timeout a client may ask for, in milliseconds; longer ones are shortened. Default: `Infinity`. */
  readonly maxTimeoutMs?: number;
  /** Refuse Connect requests without `connect-protocol-version` (curl does not send it). Default: false. */
  readonly requireProtocolVersion?: boolean;
  /**
   * Lets pages of other origins call. `true`: all origins, without cookies; an object: see {@link CorsOptions}.
   * Default: false, nothing is sent about it, and browsers let only pages of the server's own origin call.
   *
   * Preflights of served methods are answered 204, and every answer to a call carries the headers that browsers ask
   * for, errors included. The application's own routes beside a {@link ConnectModule} are left as they are.
   */
  readonly cors?: boolean | CorsOptions;
  /**
   * Calls unary handlers that have nothing around them (no guard, pipe, interceptor or filter, global ones included; no
   * parameter decorator; nothing request-scoped) without Nest's pipeline, from their second call on. Default: true.
   */
  readonly directCalls?: boolean;
  /**
   * The proxies in front of the server, whose `x-forwarded-for` says who the client is (`context.peer.address`): their number,
   * or their addresses and networks. Default: none, the peer is whoever opened the connection.
   */
  readonly trustProxies?: TrustProxies;
  /** Runs around every call, guards and exception filters included; see {@link Around}. Default: nothing. */
  readonly around?: Around;
  /** In front of every path, for example `"/rpc"`. Default: none. */
  readonly prefix?: string;
  /** How JSON is written and read. */
  readonly jsonOptions?: JsonOptions;
  /** What happens when a handler's Observable emits faster than its client reads. Default: `'buffer'`. */
  readonly overflow?: Overflow;
  /** Bytes of encoded messages that may wait for a client, per call. Default: 4 MiB. */
  readonly bufferBytes?: number;
  /**
   * Delivered bytes from which on a plain subscription to a request stream is warned of in the log, once per
   * method. Default: 1 MiB.
   */
  readonly requestBufferWarnBytes?: number;
}

/** Options of {@link ConnectServer}: those of the module, and where to listen. */
export interface ConnectServerOptions extends ConnectModuleOptions {
  /** Address to listen on. Default: all, as Node does. */
  readonly host?: string;
  /** Port; 0 for any free one, which `app.listen()` returns. Default: 3000, as Nest's. */
  readonly port?: number;
  /** A unix socket instead of host and port. */
  readonly path?: string;
  /**
   * Serves TLS instead of clear text, HTTP/2 and HTTP/1.1 by ALPN. Node's own options: `key` and `cert`; for client
   * certificates `ca`, `requestCert` and `rejectUnauthorized`.
   */
  readonly tls?: NonNullable<ListenTarget['tls']>;
}

/** {@link ConnectModuleOptions}, complete. */
export interface ResolvedOptions {
  readonly protocols: readonly ServerProtocol[];
  readonly engine: HttpEngineOptions;
  readonly wire: WireOptions;
  readonly streams: StreamOptions;
  readonly directCalls: boolean;
}

export interface StreamOptions {
  readonly overflow: Overflow;
  readonly bufferBytes: number;
  readonly requestBufferWarnBytes: number;
}

const MIB = 1024 * 1024;
const DEFAULT_PORT = 3000;
const OVERFLOWS: readonly Overflow[] = ['buffer', 'drop-oldest', 'drop-newest', 'latest'];

type OwnOptions = Omit<ConnectModuleOptions, keyof EngineOptionsInit>;

const MODULE_OPTIONS: readonly string[] = [
  ...ENGINE_OPTIONS,
  ...Object.keys({
    protocols: true,
    codecs: true,
    compressions: true,
    receiveLimitBytes: true,
    sendLimitBytes: true,
    compressMinBytes: true,
    maxTimeoutMs: true,
    requireProtocolVersion: true,
    cors: true,
    directCalls: true,
    trustProxies: true,
    around: true,
    prefix: true,
    jsonOptions: true,
    overflow: true,
    bufferBytes: true,
    requestBufferWarnBytes: true,
  } satisfies Record<keyof OwnOptions, true>),
];

const SERVER_OPTIONS: readonly string[] = [...MODULE_OPTIONS, 'host', 'port', 'path', 'tls'];

/** @throws ConnectConfigError When there is an option that nothing would read. */
export function checkServerOptions(options: ConnectServerOptions): void {
  checkNames('ConnectServer', options, SERVER_OPTIONS);
}

/** @throws ConnectConfigError When there are none, or one that nothing would read. */
export function checkModuleOptions(options: ConnectModuleOptions): void {
  checkNames('ConnectModule', options, MODULE_OPTIONS);
}

/** The compiler does not see what a factory returns too much, nor anything in plain JavaScript. */
function checkNames(owner: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new ConnectConfigError(
      `the options of ${owner} are ${String(options)}: expected an object, of a factory, too`,
    );
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new ConnectConfigError(`${owner} has no option "${unknown}": expected some of ${names.join(', ')}`);
  }
}

/** @throws ConnectConfigError, TypeError or RangeError that names the option, its value and what is accepted. */
export function resolveConnectOptions(options: ConnectModuleOptions): ResolvedOptions {
  return {
    protocols: resolveProtocols(options.protocols),
    engine: {
      ...resolveEngineOptions(options),
      cors: compileCors(options.cors),
      proxies: compileTrustedProxies(options.trustProxies),
    },
    wire: {
      codecs: options.codecs ?? [protoCodec, createJsonCodec(options.jsonOptions)],
      compressions: options.compressions ?? builtinCompressions,
      receiveLimitBytes: amount('receiveLimitBytes', options.receiveLimitBytes, 4 * MIB),
      sendLimitBytes: Math.min(
        amount('sendLimitBytes', options.sendLimitBytes, MAX_ENVELOPE_BYTES),
        MAX_ENVELOPE_BYTES,
      ),
      compressMinBytes: amount('compressMinBytes', options.compressMinBytes, Infinity),
      maxTimeoutMs: amount('maxTimeoutMs', options.maxTimeoutMs, Infinity),
      requireProtocolVersion: options.requireProtocolVersion ?? false,
    },
    streams: resolveStreamOptions(options, {
      overflow: 'buffer',
      bufferBytes: 4 * MIB,
      requestBufferWarnBytes: MIB,
    }),
    directCalls: options.directCalls ?? true,
  };
}

/**
 * A method's own settings over the server's.
 *
 * @param where Put in front of errors, for example `"@Rpc() of ElizaRpc.say: "`.
 */
export function resolveStreamOptions(
  options: Partial<{ [K in keyof StreamOptions]: StreamOptions[K] | undefined }>,
  defaults: StreamOptions,
  where = '',
): StreamOptions {
  const { overflow = defaults.overflow } = options;
  if (!OVERFLOWS.includes(overflow)) {
    throw new ConnectConfigError(
      `${where}overflow is "${overflow as string}": expected one of ${OVERFLOWS.join(', ')}`,
    );
  }
  return {
    overflow,
    bufferBytes: amount(`${where}bufferBytes`, options.bufferBytes, defaults.bufferBytes),
    requestBufferWarnBytes: amount(
      `${where}requestBufferWarnBytes`,
      options.requestBufferWarnBytes,
      defaults.requestBufferWarnBytes,
    ),
  };
}

/** Where to listen, as the engine takes it. */
export function resolveListenTarget({ host, port, path, tls }: ConnectServerOptions): ListenTarget {
  if (path !== undefined && (host !== undefined || port !== undefined)) {
    throw new ConnectConfigError(
      `path "${path}" and host or port are both set: a server listens on one of them`,
    );
  }
  return { host, port: port ?? DEFAULT_PORT, path, tls };
}

/** @returns The prefix with a slash in front and none behind; empty for none. */
export function normalizePrefix(prefix = ''): string {
  const segments = prefix.split('/').filter((segment) => segment !== '');
  return segments.map((segment) => `/${segment}`).join('');
}

function resolveProtocols(names: readonly string[] | undefined): readonly ServerProtocol[] {
  if (names === undefined) {
    return serverProtocols;
  }
  return names.map((name) => {
    const protocol = serverProtocols.find((candidate) => candidate.name === name);
    if (protocol === undefined) {
      const known = serverProtocols.map((candidate) => candidate.name).join(', ');
      throw new ConnectConfigError(`protocols has "${name}": expected some of ${known}`);
    }
    return protocol;
  });
}

function amount(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) {
    return fallback;
  }
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new ConnectConfigError(
      `${name} is ${String(value)}: expected a number from 0, or Infinity for no limit`,
    );
  }
  return value;
}
