/**
 * The client of `@connectrpc/connect-node`. `node connect-node.mjs ROUTE`.
 */
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { BenchService } from '../gen/bench/v1/bench_pb.js';
import { REQUEST, route, serveCalls } from './control.mjs';

const { origin: baseUrl, http, format } = route;
const httpVersion = http === '1' ? '1.1' : '2';

const TRANSPORTS = {
  'connect-proto': () => createConnectTransport({ baseUrl, httpVersion, useBinaryFormat: true }),
  'connect-json': () => createConnectTransport({ baseUrl, httpVersion, useBinaryFormat: false }),
  grpc: () => createGrpcTransport({ baseUrl }),
};

const client = createClient(BenchService, TRANSPORTS[format]());
await serveCalls(() => client.unary(REQUEST));
