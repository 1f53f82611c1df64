/**
 * The test service on Nest's gRPC transport.
 */
import { type Server } from '@grpc/grpc-js';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  GrpcMethod,
  type GrpcOptions,
  GrpcStreamMethod,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { concatMap, from, map, type Observable, toArray } from 'rxjs';
import { packageDefinition } from '../test-service.js';
import { echo, type GrpcCall, scripted } from './grpc-call.js';
import { grpcCredentials } from './grpc-js.js';
import { type PeerInit, type RunningPeer } from './peer.js';
import { Script } from './script.js';

interface Text {
  readonly value: string;
}

const SERVICE = 'TestService';
const FREE_PORT = '127.0.0.1:0';

@Controller()
class TestController {
  readonly #script = new Script();

  @GrpcMethod(SERVICE, 'Say')
  say(request: Text, _metadata: unknown, call: GrpcCall): Promise<Text> {
    echo(call);
    return this.#answer(request, call);
  }

  @GrpcMethod(SERVICE, 'Watch')
  watch({ value: words }: Text, _metadata: unknown, call: GrpcCall): Observable<Text> {
    echo(call);
    return from(words.split(' ')).pipe(concatMap((value) => this.#answer({ value }, call)));
  }

  @GrpcStreamMethod(SERVICE, 'Collect')
  collect(requests: Observable<Text>, _metadata: unknown, call: GrpcCall): Observable<Text> {
    return this.talk(requests, _metadata, call).pipe(
      toArray(),
      map((answers) => ({ value: answers.map(({ value }) => value).join(' ') })),
    );
  }

  @GrpcStreamMethod(SERVICE, 'Talk')
  talk(requests: Observable<Text>, _metadata: unknown, call: GrpcCall): Observable<Text> {
    return requests.pipe(concatMap((request) => this.#answer(request, call)));
  }

  async #answer({ value }: Text, call: GrpcCall): Promise<Text> {
    const script = scripted(call, (failure) => new RpcException(failure));
    return { value: await this.#script.answer(value, script) };
  }
}

@Module({ controllers: [TestController] })
class TestModule {}

export async function startNestGrpc({ tls }: PeerInit): Promise<RunningPeer> {
  const credentials = grpcCredentials(tls);
  const options: GrpcOptions['options'] = {
    package: 'test.v1',
    packageDefinition: packageDefinition(),
    url: FREE_PORT,
    credentials,
  };
  const bound = new Promise<number>((resolve, reject) => {
    // The transport does not tell which port it got: the server gets one more.
    options.onLoadPackageDefinition = (_definition, server: Server) => {
      server.bindAsync(FREE_PORT, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    };
  });
  const app = await NestFactory.createMicroservice(TestModule, {
    transport: Transport.GRPC,
    options,
    logger: false,
    abortOnError: false,
  });
  await app.listen();
  return { port: await bound, close: () => app.close() };
}
