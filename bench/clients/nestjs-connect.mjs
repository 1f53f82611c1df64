/**
 * This library's client. `node nestjs-connect.mjs ROUTE SHAPE`, SHAPE `promises` or `observables`.
 */
import { createChannel, createClient, createRxClient } from 'nestjs-connect/client';
import { firstValueFrom } from 'rxjs';
import { BenchService } from '../gen/bench/v1/bench_pb.js';
import { REQUEST, route, serveCalls } from './control.mjs';

const SETTINGS = {
  'connect-proto': { protocol: 'connect', codec: 'proto' },
  'connect-json': { protocol: 'connect', codec: 'json' },
  grpc: { protocol: 'grpc' },
};

const channel = createChannel({
  url: route.origin,
  httpVersion: route.http === '1' ? '1.1' : '2',
  ...SETTINGS[route.format],
});

const SHAPES = {
  promises() {
    const client = createClient(BenchService, channel);
    return () => client.unary(REQUEST);
  },
  observables() {
    const client = createRxClient(BenchService, channel);
    return () => firstValueFrom(client.unary(REQUEST));
  },
};

await serveCalls(SHAPES[process.argv[3]]());
