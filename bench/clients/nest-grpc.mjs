/**
 * Nest's own gRPC client. `node nest-grpc.mjs ROUTE`.
 */
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { BENCH } from '../paths.mjs';
import { REQUEST, route, serveCalls } from './control.mjs';

const client = ClientProxyFactory.create({
  transport: Transport.GRPC,
  options: {
    package: 'bench.v1',
    protoPath: `${BENCH}proto/bench/v1/bench.proto`,
    url: new URL(route.origin).host,
  },
});
const service = client.getService('BenchService');

await serveCalls(() => firstValueFrom(service.unary(REQUEST)));
