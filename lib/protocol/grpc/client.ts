/**
 * gRPC and gRPC-Web as client protocols: methods to endpoints, with everything compiled that their calls share.
 */
import { CompressionTable } from '../../compression/negotiate.js';
import { type CallStart, type SingleReply } from '../../rpc/client-call.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type HttpClient } from '../../wire/client-exchange.js';
import { type ClientEndpoint, type ClientMethod, type ClientProtocol } from '../../wire/client-protocol.js';
import { MessageFormat } from '../../wire/message-format.js';
import { RequestHeaders } from '../../wire/request-headers.js';
import { GrpcClientCall, type GrpcClientEndpoint } from './client-call.js';
import { type GrpcClientVariant, grpcClientVariant } from './client-variant.js';
import { contentTypesOf } from './content-types.js';

export function createGrpcClientProtocol(variant: GrpcClientVariant): ClientProtocol {
  return Object.freeze({
    name: variant.name,
    needsHttp2: variant.needsHttp2,
    endpoint(method: ClientMethod): ClientEndpoint {
      const endpoint = compile(method, variant);
      return Object.freeze({
        open: (http: HttpClient, start: CallStart, reply: SingleReply | undefined) =>
          new GrpcClientCall(http, endpoint, start, reply).open(),
      });
    },
  });
}

export const grpcClientProtocol = createGrpcClientProtocol(grpcClientVariant);

function compile(method: ClientMethod, variant: GrpcClientVariant): GrpcClientEndpoint {
  const { options } = method;
  const contentTypes = contentTypesOf(variant.contentType, options.codec);
  const compressions = new CompressionTable(options.compressions, options);
  return Object.freeze({
    method,
    variant,
    format: MessageFormat.ofClient(method),
    contentTypes,
    compressions,
    requestHeaders: new RequestHeaders({
      own: [
        ...variant.requestHeaders,
        'content-type',
        contentTypes[0],
        ...encodingHeader(method),
        ...compressions.acceptHeader('grpc-accept-encoding'),
        // Messages are compressed one by one: nothing on the way should compress the whole body.
        'accept-encoding',
        'identity',
      ],
      userAgent: variant.userAgent,
      timeoutName: 'grpc-timeout',
    }),
  });
}

function encodingHeader({ options: { requestCompression } }: ClientMethod): HeaderList {
  return requestCompression === undefined ? [] : ['grpc-encoding', requestCompression.name];
}
