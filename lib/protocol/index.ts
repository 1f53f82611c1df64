/**
 * The list of protocols: the only file that names them all.
 */
import { type ServerProtocol } from '../wire/protocol.js';
import { connectProtocol } from './connect/index.js';
import { grpcProtocol } from './grpc/index.js';
import { grpcWebProtocol } from './grpc-web/index.js';

/** Every protocol that the server speaks. */
export const serverProtocols: readonly ServerProtocol[] = Object.freeze([
  connectProtocol,
  grpcProtocol,
  grpcWebProtocol,
]);
