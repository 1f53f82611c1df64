/**
 * A channel for each way to reach a server, as an app would have it: calls with the same settings share one.
 */
import { createRegistry } from '@bufbuild/protobuf';
import {
  br,
  type Channel,
  type ChannelOptions,
  type Compression,
  createChannel,
  createJsonCodec,
  deflate,
  gzip,
  protoCodec,
  type TlsOptions,
  zstd,
} from 'nestjs-connect/client';
import { type ClientCompatRequest } from '../gen/connectrpc/conformance/v1/client_compat_pb.js';
import {
  Codec,
  Compression as CompressionName,
  HTTPVersion,
  Protocol,
} from '../gen/connectrpc/conformance/v1/config_pb.js';
import { file_connectrpc_conformance_v1_service } from '../gen/connectrpc/conformance/v1/service_pb.js';

const PROTOCOLS: ReadonlyMap<Protocol, string> = new Map([
  [Protocol.CONNECT, 'connect'],
  [Protocol.GRPC, 'grpc'],
  [Protocol.GRPC_WEB, 'grpc-web'],
]);

const HTTP_VERSIONS: ReadonlyMap<HTTPVersion, '1.1' | '2'> = new Map([
  [HTTPVersion.HTTP_VERSION_1, '1.1'],
  [HTTPVersion.HTTP_VERSION_2, '2'],
]);

const CODECS = new Map([
  [Codec.PROTO, protoCodec],
  // Payloads carry the requests in `google.protobuf.Any`.
  [Codec.JSON, createJsonCodec({ registry: createRegistry(file_connectrpc_conformance_v1_service) })],
]);

const COMPRESSIONS: ReadonlyMap<CompressionName, Compression | undefined> = new Map([
  [CompressionName.GZIP, gzip],
  [CompressionName.BR, br],
  [CompressionName.ZSTD, zstd],
  [CompressionName.DEFLATE, deflate],
]);

export class Channels {
  readonly #channels = new Map<string, Channel>();

  /** @throws Error When the request asks for something that this program does not have. */
  of(request: ClientCompatRequest): Channel {
    const key = keyOf(request);
    const known = this.#channels.get(key);
    if (known !== undefined) {
      return known;
    }
    const channel = createChannel(optionsOf(request));
    this.#channels.set(key, channel);
    return channel;
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#channels.values(), (channel) => channel.close()));
  }
}

/** The server's port stands for its certificate. */
function keyOf(request: ClientCompatRequest): string {
  const { host, port, protocol, httpVersion, codec, compression, useGetHttpMethod, messageReceiveLimit } =
    request;
  return [
    host,
    port,
    protocol,
    httpVersion,
    codec,
    compression,
    useGetHttpMethod,
    messageReceiveLimit,
  ].join();
}

function optionsOf(request: ClientCompatRequest): ChannelOptions {
  const { host, port, messageReceiveLimit, useGetHttpMethod } = request;
  const isSecure = request.serverTlsCert.length > 0;
  return {
    url: `${isSecure ? 'https' : 'http'}://${host}:${port}`,
    ...(isSecure ? { tls: tlsOf(request) } : {}),
    protocol: lookUp(PROTOCOLS, request.protocol, 'protocol'),
    httpVersion: lookUp(HTTP_VERSIONS, request.httpVersion, 'HTTP version'),
    codec: lookUp(CODECS, request.codec, 'codec'),
    ...compressionOf(request),
    useGet: useGetHttpMethod,
    receiveLimitBytes: messageReceiveLimit === 0 ? Infinity : messageReceiveLimit,
  };
}

/** One compression for both directions, or none. */
function compressionOf(request: ClientCompatRequest): Partial<ChannelOptions> {
  if (request.compression === CompressionName.IDENTITY) {
    return { compressions: [] };
  }
  const compression = lookUp(COMPRESSIONS, request.compression, 'compression');
  return { compressions: [compression], requestCompression: compression.name, compressMinBytes: 0 };
}

function tlsOf({ serverTlsCert, clientTlsCreds }: ClientCompatRequest): TlsOptions {
  const ca = Buffer.from(serverTlsCert);
  return clientTlsCreds === undefined
    ? { ca }
    : { ca, cert: Buffer.from(clientTlsCreds.cert), key: Buffer.from(clientTlsCreds.key) };
}

function lookUp<K, V>(known: ReadonlyMap<K, V | undefined>, key: K, what: string): V {
  const value = known.get(key);
  if (value === undefined) {
    throw new Error(`${what} ${String(key)} is not known here`);
  }
  return value;
}
