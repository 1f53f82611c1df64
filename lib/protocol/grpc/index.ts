/**
 * gRPC on the server.
 */
import { createGrpcProtocol } from './server.js';
import { grpcVariant } from './variant.js';

export const grpcProtocol = createGrpcProtocol(grpcVariant);
