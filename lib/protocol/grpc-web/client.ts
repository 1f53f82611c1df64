/**
 * gRPC-Web on the client: any HTTP version, and the trailers are the last frame of the body.
 *
 * In its binary form: `-text` exists for browsers that could not read bytes.
 * Spec: gRPC-Web, "Protocol differences vs gRPC over HTTP2".
 */
import { type HeaderList } from '../../rpc/headers.js';
import { userAgent } from '../../wire/user-agent.js';
import { createGrpcClientProtocol } from '../grpc/client.js';
import { type GrpcClientVariant } from '../grpc/client-variant.js';
import { FLAG_TRAILERS, parseTrailers } from './trailers.js';

const NONE: HeaderList = Object.freeze([]);

const grpcWebClientVariant: GrpcClientVariant = Object.freeze({
  name: 'grpc-web',
  needsHttp2: false,
  contentType: 'application/grpc-web',
  requestHeaders: ['x-grpc-web', '1', 'x-user-agent', userAgent('grpc-web-node-')],
  userAgent: userAgent(),
  // A proxy may add some; the server's are in the body, where a browser can see them.
  fromHttp: () => NONE,
  fromEnvelope: (flags: number, payload: Uint8Array) =>
    flags === FLAG_TRAILERS ? parseTrailers(payload) : undefined,
});

export const grpcWebClientProtocol = createGrpcClientProtocol(grpcWebClientVariant);
