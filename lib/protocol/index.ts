/**
 * The list of protocols: the only file that names them all.
 */
import { type ClientProtocol } from '../wire/client-protocol.js';
import { type ServerProtocol } from '../wire/protocol.js';
import { connectClientProtocol } from './connect/client.js';
import { connectProtocol } from './connect/index.js';
import { grpcClientProtocol } from './grpc/client.js';
import { grpcProtocol } from './grpc/index.js';
import { grpcWebClientProtocol } from './grpc-web/client.js';
import { grpcWebProtocol } from './grpc-web/index.js';

/** Every protocol that the server speaks. */
export const serverProtocols: readonly ServerProtocol[] = Object.freeze([
  connectProtocol,
  grpcProtocol,
  grpcWebProtocol,
]);

/** Every protocol that clients speak, the default first. */
export const clientProtocols: readonly ClientProtocol[] = Object.freeze([
  connectClientProtocol,
  grpcClientProtocol,
  grpcWebClientProtocol,
]);
