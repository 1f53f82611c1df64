/**
 * The public API of `nestjs-connect/client`: typed clients for programs with or without Nest, of which nothing is imported
 * here.
 */

// Clients.
export { type ClientOptions, createClient, createRxClient } from './create-client.js';
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
export { type BalancingSettings } from './balancing/balanced-client.js';
export { type CallSettings, type Channel } from './channel.js';
export { type Propagate } from './propagation/propagate-option.js';
export { type ConnectionOptions, type KeepaliveOptions } from './connection/connection-options.js';
export { type TlsOptions } from './connection/dialer.js';
export { type TransparentRetryOptions } from './transparent-retry/transparent-retry.js';

// Around calls: interceptors, values that they read, and retries.
export {
  type ClientInterceptor,
  type ClientInterceptorFunction,
  type ClientInterceptors,
  type InterceptedCall,
  type InterceptedReply,
  type NextCall,
  type ReplyHooks,
  type SingleRequestCall,
  type StreamRequestCall,
} from './interceptor/interceptor.js';
export { type ContextKey, ContextValues, createContextKey } from '../rpc/context-values.js';
export { type RetryOptions, type RetryPolicy } from './retry/retry-policy.js';
export { type RetryThrottling } from './retry/retry-throttle.js';

// Errors.
export { Code } from '../rpc/code.js';
export {
  ConnectError,
  type ErrorDetail,
  type IncomingDetail,
  type OutgoingDetail,
} from '../rpc/connect-error.js';
export { isNotModified } from '../rpc/not-modified.js';

// Extension points: codecs and compressions of your own.
export { type Codec, type Decoder, type Encoder } from '../codec/codec.js';
export { createJsonCodec, type JsonOptions } from '../codec/json-codec.js';
export { protoCodec } from '../codec/proto-codec.js';
export { type Compression, DecompressionLimitError } from '../compression/compression.js';
export { br, builtinCompressions, deflate, gzip, zstd } from '../compression/zlib.js';
