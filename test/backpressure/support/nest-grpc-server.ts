/**
 * Nest's own gRPC transport, in a process of its own: `node nest-grpc-server.js "\"PROTO\""`, the path of Eliza's.
 */
import 'reflect-metadata';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GrpcMethod, type GrpcOptions, GrpcStreamMethod, Transport } from '@nestjs/microservices';
import { from, last, type Observable } from 'rxjs';
import { type Sentence } from './messages.js';
import { answerAboutWork, produce, workWithConcatMap } from './workload.js';

const SERVICE = 'ElizaService';
const FREE_PORT = '127.0.0.1:0';

@Controller()
class Eliza {
  /** As fast as it can: there is nothing that it could wait for. */
  @GrpcMethod(SERVICE, 'Introduce')
  introduce({ name }: { readonly name: string }) {
    return from(produce(name));
  }

  @GrpcStreamMethod(SERVICE, 'Reflect')
  reflect(requests: Observable<Sentence>) {
    return workWithConcatMap(requests).pipe(last());
  }

  @GrpcStreamMethod(SERVICE, 'Converse')
  converse(requests: Observable<Sentence>) {
    return workWithConcatMap(requests);
  }
}

@Module({ controllers: [Eliza] })
class AppModule {}

async function start(protoPath: string): Promise<number> {
  const options: GrpcOptions['options'] = { package: 'connectrpc.eliza.v1', protoPath, url: FREE_PORT };
  const bound = new Promise<number>((resolve, reject) => {
    // The transport does not tell which port it got: the server gets one more.
    options.onLoadPackageDefinition = (_definition, server: Server) => {
      server.bindAsync(FREE_PORT, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    };
  });
  const app = await NestFactory.createMicroservice(AppModule, {
    transport: Transport.GRPC,
    options,
    logger: false,
    abortOnError: false,
  });
  await app.listen();
  return bound;
}

const port = await start(JSON.parse(process.argv[2] ?? '') as string);
answerAboutWork(port, () => 0);
