/**
 * The public API of `nestjs-connect/client`: typed clients for programs with or without Nest, of which nothing is imported
 * here.
 */

// Clients.
export { createClient, createRxClient } from './create-client.js';
export {
  type CallOptions,
  type ConnectClient,
  type RequestMessages,
  type RxConnectClient,
} from './client-types.js';
export { type RpcStream } from '../stream/message-stream.js';
export { type HeadersInit, RpcHeaders } from '../rpc/headers.js';

// Channels: where calls go, and how.
export { type ChannelOptions, type ConnectionSettings, createChannel } from './create-channel.js';
export { type CallSettings, type Channel } from './channel.js';
export { type TlsOptions } from './dialer.js';

// Errors.
export { Code } from '../rpc/code.js';
export {
  ConnectError,
  type ErrorDetail,
  type IncomingDetail,
  type OutgoingDetail,
} from '../rpc/connect-error.js';

// Extension points: codecs and compressions of your own.
export { type Codec, type Decoder, type Encoder } from '../codec/codec.js';
export { createJsonCodec, type JsonOptions } from '../codec/json-codec.js';
export { protoCodec } from '../codec/proto-codec.js';
export { type Compression, DecompressionLimitError } from '../compression/compression.js';
export { br, builtinCompressions, deflate, gzip, zstd } from '../compression/zlib.js';
