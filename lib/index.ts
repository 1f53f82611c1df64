/**
 * The public API of nestjs-connect. What is not exported here may change in any release.
 */

// Services: classes, their handlers, and what a handler is given.
export { ConnectService, type ConnectServiceOptions } from './nest/decorators/connect-service.decorator.js';
export { Rpc, type RpcDecorator, type TypedRpcDecorator } from './nest/decorators/rpc.decorator.js';
export { type RpcOptions } from './nest/rpc-metadata.accessor.js';
export { type ConnectHandlers, type RpcHandler, type RpcMany, type RpcSingle } from './nest/handler-types.js';
export { ConnectContext } from './nest/connect.context.js';
export { type RpcStream } from './stream/message-stream.js';
export { type MapEachOptions } from './stream/map-each.js';
export { type Overflow } from './stream/overflow-queue.js';
export { type ContextKey, ContextValues, createContextKey } from './rpc/context-values.js';
export { type HeadersInit, RpcHeaders } from './rpc/headers.js';
export { type Peer, type PeerTls } from './rpc/server-call.js';

// Servers: stand-alone and mounted.
export { ConnectServer } from './nest/connect.server.js';
export { ConnectModule, type ConnectModuleAsyncOptions } from './nest/connect.module.js';
export { type ConnectModuleOptions, type ConnectServerOptions } from './nest/connect-server-options.js';
export { type Around } from './nest/processing-hooks.js';
export { type CorsOptions } from './server/cors.js';
export { type TrustProxies } from './server/trusted-proxies.js';
export { type ConnectServerEvents, type ConnectServerStatus } from './nest/connect-transport.js';
export { CONNECT_TRANSPORT } from './nest/connect-transport-id.js';

// Clients: injected. Without Nest they come from nestjs-connect/client.
export {
  type ClientEntries,
  type ConnectClientAsyncEntry,
  type ConnectClientEntry,
  type ConnectClientsAsyncOptions,
  ConnectClientsModule,
  type ConnectClientsOptions,
} from './nest/clients/connect-clients.module.js';
export { type ConnectClientOptions } from './nest/clients/client-channel.js';
export { type MockedMethods } from './nest/clients/client-mock.js';
export { type GeneratedClient } from './nest/clients/generated-client.js';
export { type ClientServices } from './nest/clients/client-entry.js';
export {
  getConnectClientToken,
  getRxConnectClientToken,
  type InjectClient,
  InjectConnectClient,
  InjectRxConnectClient,
} from './nest/clients/client-tokens.js';
export {
  type CallOptions,
  type ConnectClient,
  type RequestMessages,
  type RxConnectClient,
} from './client/client-types.js';

// Errors.
export { Code } from './rpc/code.js';
export {
  ConnectError,
  type ConnectErrorOptions,
  type ErrorDetail,
  type IncomingDetail,
  type OutgoingDetail,
} from './rpc/connect-error.js';
export { isNotModified } from './rpc/not-modified.js';
export {
  badRequest,
  debugInfo,
  errorInfo,
  type FieldViolation,
  help,
  type HelpLink,
  localizedMessage,
  type LocalizedText,
  preconditionFailure,
  type PreconditionViolation,
  quotaFailure,
  type QuotaViolation,
  requestInfo,
  resourceInfo,
  retryInfo,
} from './rpc/error-details.js';
export {
  type BadRequest,
  BadRequestSchema,
  type DebugInfo,
  DebugInfoSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type Help,
  HelpSchema,
  type LocalizedMessage,
  LocalizedMessageSchema,
  type PreconditionFailure,
  PreconditionFailureSchema,
  type QuotaFailure,
  QuotaFailureSchema,
  type RequestInfo,
  RequestInfoSchema,
  type ResourceInfo,
  ResourceInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
} from './gen/google/rpc/error_details_pb.js';
export { ConnectConfigError } from './nest/connect-config.error.js';

// Extension points: codecs and compressions of your own, beside or instead of the ones here.
export { type Codec, type Decoder, type Encoder } from './codec/codec.js';
export { createJsonCodec, type JsonOptions } from './codec/json-codec.js';
export { protoCodec } from './codec/proto-codec.js';
export { type Compression, DecompressionLimitError } from './compression/compression.js';
export { br, builtinCompressions, deflate, gzip, zstd } from './compression/zlib.js';
