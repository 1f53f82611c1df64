/**
 * A service over the Eliza descriptor whose answers tell what it was asked: for tests of everything around it.
 */
import { type Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Code,
  type ConnectContext,
  ConnectError,
  ConnectServer,
  type ConnectServerOptions,
  ConnectService,
  Rpc,
  type RpcStream,
} from 'nestjs-connect';
import { map, of } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';

/** A sentence that makes `say` fail. */
export const FAIL = 'fail';

@ConnectService(ElizaService)
export class ElizaEcho {
  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext) {
    if (sentence === FAIL) {
      throw new ConnectError('as you wish', {
        code: Code.FailedPrecondition,
        metadata: { 'x-why': 'asked' },
      });
    }
    context.responseHeaders.set('x-protocol', context.protocol);
    context.responseTrailers.set('x-http', context.httpVersion);
    return { sentence };
  }

  @Rpc()
  async *introduce({ name }: IntroduceRequest) {
    for (const part of [1, 2, 3]) {
      yield { sentence: `${name} ${part}` };
    }
  }

  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>) {
    const sentences: string[] = [];
    for await (const { sentence } of requests) {
      sentences.push(sentence);
    }
    return { sentence: sentences.join(' ') };
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return requests.mapEach(({ sentence }) => of(sentence)).pipe(map((sentence) => ({ sentence })));
  }
}

export interface RunningServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a Nest microservice with one service class on a free port of the loopback interface. */
export async function startService(
  service: Type<unknown>,
  options: Omit<ConnectServerOptions, 'port'> = {},
): Promise<RunningServer> {
  @Module({ controllers: [service] })
  class AppModule {}
  const target = options.path === undefined ? { host: '127.0.0.1', port: 0 } : {};
  const strategy = new ConnectServer({ ...target, ...options });
  const app = await NestFactory.createMicroservice(AppModule, { strategy, logger: false });
  // ConnectServer hands its address to Nest, which types the result as nothing.
  const { port } = (await app.listen()) as unknown as { port: number };
  return { port, close: () => app.close() };
}
