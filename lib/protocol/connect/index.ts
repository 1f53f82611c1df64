/**
 * Connect on the server: routes to endpoints, one per codec, and the GET endpoint.
 *
 * Spec: Connect protocol.
 */
import { type Codec } from '../../codec/codec.js';
import { CompressionTable } from '../../compression/negotiate.js';
import { Code } from '../../rpc/code.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type Exchange } from '../../wire/exchange.js';
import { MessageFormat } from '../../wire/message-format.js';
import { type Endpoint, type GetEndpoint, type ServerProtocol } from '../../wire/protocol.js';
import { type Route } from '../../wire/route.js';
import { isConnectType, STREAM_PREFIX, UNARY_PREFIX } from './content-type.js';
import { ConnectGetCall, varyingHeaders } from './get-call.js';
import { type GetRequest, parseGetRequest } from './get-request.js';
import { ConnectStreamCall, type StreamEndpoint } from './stream-call.js';
import { ConnectUnaryCall, type UnaryEndpoint } from './unary-call.js';
import { sendUnaryError } from './unary-response.js';

const NO_METADATA = Object.freeze({ headers: undefined, trailers: undefined });

export const connectProtocol: ServerProtocol = Object.freeze({
  name: 'connect',
  endpoints(route: Route): readonly Endpoint[] {
    const build = route.spec.kind === 'unary' ? unaryEndpoint : streamEndpoint;
    return route.options.codecs.map((codec) => build(route, codec));
  },
  getEndpoint(route: Route): GetEndpoint | undefined {
    return route.spec.kind === 'unary' && route.spec.hasNoSideEffects ? createGetEndpoint(route) : undefined;
  },
  recognizes: isConnectType,
  owns: (contentType: string) => contentType.startsWith(STREAM_PREFIX),
  rejectUnknownMethod(exchange: Exchange, error: ConnectError): void {
    sendUnaryError(exchange, error, { base: [], metadata: NO_METADATA, status: 404 });
  },
});

function unaryEndpoint(route: Route, codec: Codec): Endpoint {
  const endpoint = createUnaryEndpoint(route, codec);
  return Object.freeze({
    contentTypes: [endpoint.contentType],
    serve(exchange: Exchange): void {
      new ConnectUnaryCall(exchange, endpoint).begin();
    },
  });
}

function createUnaryEndpoint(route: Route, codec: Codec): UnaryEndpoint {
  const compressions = new CompressionTable(route.options.compressions, route.options);
  return Object.freeze({
    route,
    compressions,
    format: MessageFormat.ofServer(route, codec, Code.InvalidArgument),
    contentType: UNARY_PREFIX + codec.name,
    base: Object.freeze(compressions.acceptHeader('accept-encoding')),
  });
}

function streamEndpoint(route: Route, codec: Codec): Endpoint {
  const compressions = new CompressionTable(route.options.compressions, route.options);
  const contentType = STREAM_PREFIX + codec.name;
  const endpoint: StreamEndpoint = Object.freeze({
    route,
    compressions,
    format: MessageFormat.ofServer(route, codec, Code.InvalidArgument),
    head: Object.freeze([
      'content-type',
      contentType,
      ...compressions.acceptHeader('connect-accept-encoding'),
    ]),
  });
  return Object.freeze({
    contentTypes: [contentType],
    serve(exchange: Exchange): void {
      new ConnectStreamCall(exchange, endpoint).begin();
    },
  });
}

function createGetEndpoint(route: Route): GetEndpoint {
  const byEncoding: ReadonlyMap<string, UnaryEndpoint> = new Map(
    route.options.codecs.map((codec) => {
      const endpoint = createUnaryEndpoint(route, codec);
      return [codec.name, Object.freeze({ ...endpoint, base: varyingHeaders(endpoint.base) })];
    }),
  );
  return Object.freeze({ serve: (exchange: Exchange) => serveGet(exchange, byEncoding) });
}

function serveGet(exchange: Exchange, byEncoding: ReadonlyMap<string, UnaryEndpoint>): void {
  let request: GetRequest;
  try {
    request = parseGetRequest(exchange.query);
  } catch (error) {
    // Parsing throws nothing else.
    sendUnaryError(exchange, error as ConnectError, { base: [], metadata: NO_METADATA });
    return;
  }
  const endpoint = byEncoding.get(request.encoding);
  if (endpoint === undefined) {
    // An unknown codec is a matter of media types, as for POST.
    const accepted = [...byEncoding.values()].map(({ contentType }) => contentType).toSorted();
    exchange.respondAndEnd(415, ['accept-post', accepted.join(', ')]);
  } else {
    new ConnectGetCall(exchange, endpoint, request).begin();
  }
}
