/**
 * Nest's own gRPC transport.
 */
import 'reflect-metadata';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GrpcMethod, GrpcStreamMethod, Transport } from '@nestjs/microservices';
import { map } from 'rxjs';
import { BENCH } from '../paths.mjs';
import { answerBidi, answerUnary, messages$ } from './answers.mjs';
import { decorateMethod, moduleOf } from './by-hand.mjs';
import { announce, listen } from './control.mjs';

class BenchController {
  unary(request) {
    return answerUnary(request);
  }

  serverStream(request) {
    return messages$(request);
  }

  bidiStream(requests) {
    return requests.pipe(map(answerBidi));
  }
}

decorateMethod(BenchController, 'unary', GrpcMethod('BenchService', 'Unary'));
decorateMethod(BenchController, 'serverStream', GrpcMethod('BenchService', 'ServerStream'));
decorateMethod(BenchController, 'bidiStream', GrpcStreamMethod('BenchService', 'BidiStream'));
Controller()(BenchController);

/** The transport does not tell which port it got, so it has to be told one. */
async function freePort() {
  const probe = createServer();
  const port = await listen(probe);
  await once(probe.close(), 'close');
  return port;
}

const port = await freePort();
const app = await NestFactory.createMicroservice(moduleOf(BenchController), {
  transport: Transport.GRPC,
  options: {
    package: 'bench.v1',
    protoPath: `${BENCH}proto/bench/v1/bench.proto`,
    url: `127.0.0.1:${port}`,
  },
  logger: false,
  abortOnError: false,
});
await app.listen();
announce({ port });
