/**
 * The client of `@grpc/grpc-js` with `@grpc/proto-loader`, whose default settings are its fastest. `node grpc-js.mjs ROUTE`.
 */
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { BENCH } from '../paths.mjs';
import { REQUEST, route, serveCalls } from './control.mjs';

const { bench } = loadPackageDefinition(loadSync(`${BENCH}proto/bench/v1/bench.proto`));
const client = new bench.v1.BenchService(new URL(route.origin).host, credentials.createInsecure());

await serveCalls(
  () =>
    new Promise((resolve, reject) => {
      client.unary(REQUEST, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    }),
);
