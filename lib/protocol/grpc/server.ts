/**
 * gRPC and gRPC-Web as server protocols: routes to endpoints, one per codec and content type.
 */
import { type Codec } from '../../codec/codec.js';
import { CompressionTable } from '../../compression/negotiate.js';
import { Code } from '../../rpc/code.js';
import { type ConnectError } from '../../rpc/connect-error.js';
import { type Exchange } from '../../wire/exchange.js';
import { MessageFormat } from '../../wire/message-format.js';
import { type Endpoint, type ServerProtocol } from '../../wire/protocol.js';
import { type Route } from '../../wire/route.js';
import { GrpcCall } from './call.js';
import { contentTypesOf, isOfBase } from './content-types.js';
import { statusTrailers } from './trailers.js';
import { type GrpcVariant } from './variant.js';

export function createGrpcProtocol(variant: GrpcVariant): ServerProtocol {
  const recognizes = (contentType: string): boolean =>
    variant.contentTypes.some((base) => isOfBase(contentType, base));
  return Object.freeze({
    name: variant.name,
    endpoints: (route: Route) => route.options.codecs.flatMap((codec) => endpointsOf(route, codec, variant)),
    getEndpoint: () => undefined,
    recognizes,
    owns: recognizes,
    rejectUnknownMethod(exchange: Exchange, error: ConnectError): void {
      if (!variant.refuse(exchange)) {
        const [contentType = ''] = variant.contentTypes;
        // Not a bare 404: the official gRPC-Web client reads no code out of an HTTP status.
        exchange.respondAndEnd(200, ['content-type', contentType, ...statusTrailers(error, undefined)]);
      }
    },
  });
}

function endpointsOf(route: Route, codec: Codec, variant: GrpcVariant): Endpoint[] {
  const compressions = new CompressionTable(route.options.compressions, route.options);
  const format = MessageFormat.ofServer(route, codec, Code.Internal);
  const contentTypes = variant.contentTypes.flatMap((base) => contentTypesOf(base, codec));
  return contentTypes.map((contentType) => {
    const head = Object.freeze([
      'content-type',
      contentType,
      ...compressions.acceptHeader('grpc-accept-encoding'),
    ]);
    const endpoint = Object.freeze({ route, variant, format, compressions, head });
    return Object.freeze({
      contentTypes: [contentType],
      serve(exchange: Exchange): void {
        if (!variant.refuse(exchange)) {
          new GrpcCall(variant.open(exchange, contentType), endpoint).begin();
        }
      },
    });
  });
}
