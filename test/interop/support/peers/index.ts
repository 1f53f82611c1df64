/**
 * The servers that our client is tried on.
 */
import { CONNECT_GO, GRPC_GO, GRPCIO, PYTHON } from '../programs.js';
import { startConnectNode } from './connect-node.js';
import { startGrpcJs } from './grpc-js.js';
import { startNestGrpc } from './nest-grpc.js';
import { type Peer } from './peer.js';
import { programPeer } from './program.js';

const EVERY_PROTOCOL: Peer['protocols'] = { connect: ['1.1', '2'], grpc: ['2'], 'grpc-web': ['1.1', '2'] };
const GRPC_ONLY: Peer['protocols'] = { grpc: ['2'] };

export const PEERS: readonly Peer[] = [
  {
    name: 'connect-node',
    protocols: EVERY_PROTOCOL,
    codecs: ['proto', 'json'],
    sendsTrailers: true,
    compresses: true,
    needs: [],
    start: startConnectNode,
  },
  {
    name: 'grpc-js',
    protocols: GRPC_ONLY,
    codecs: ['proto'],
    sendsTrailers: true,
    compresses: false,
    needs: [],
    start: startGrpcJs,
  },
  {
    name: "Nest's gRPC transport",
    protocols: GRPC_ONLY,
    codecs: ['proto'],
    sendsTrailers: false,
    compresses: false,
    needs: [],
    start: startNestGrpc,
  },
  {
    name: 'connect-go',
    protocols: EVERY_PROTOCOL,
    codecs: ['proto', 'json'],
    sendsTrailers: true,
    compresses: true,
    needs: [CONNECT_GO],
    start: programPeer({ program: CONNECT_GO }),
  },
  {
    name: 'grpc-go',
    protocols: GRPC_ONLY,
    codecs: ['proto'],
    sendsTrailers: true,
    compresses: true,
    needs: [GRPC_GO],
    start: programPeer({ program: GRPC_GO }),
  },
  {
    name: 'grpcio',
    protocols: GRPC_ONLY,
    codecs: ['proto'],
    sendsTrailers: true,
    compresses: true,
    needs: [PYTHON, GRPCIO],
    start: programPeer({
      program: PYTHON,
      args: ['test/interop/python/server.py'],
      env: { PYTHONPATH: '.tools/python' },
    }),
  },
];
