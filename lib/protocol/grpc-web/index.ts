/**
 * gRPC-Web on the server.
 */
import { createGrpcProtocol } from '../grpc/server.js';
import { grpcWebVariant } from './variant.js';

export const grpcWebProtocol = createGrpcProtocol(grpcWebVariant);
