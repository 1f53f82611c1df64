/**
 * The test service on `@grpc/grpc-js`.
 */
import { promisify } from 'node:util';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type UntypedServiceImplementation,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { packageDefinition, TestService } from '../test-service.js';
import { echo, type GrpcCall, scripted } from './grpc-call.js';
import { type PeerInit, type RunningPeer } from './peer.js';
import { Script } from './script.js';

interface Text {
  readonly value: string;
}

export async function startGrpcJs({ tls }: PeerInit): Promise<RunningPeer> {
  const server = new Server();
  server.addService(
    packageDefinition()[TestService.typeName] as ServiceClientConstructor['service'],
    service(),
  );
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind('127.0.0.1:0', grpcCredentials(tls));
  return { port, close: async () => server.forceShutdown() };
}

export function grpcCredentials(tls: PeerInit['tls']): ServerCredentials {
  return tls === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(null, [
        { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) },
      ]);
}

function service(): UntypedServiceImplementation {
  const script = new Script();
  const answer = async ({ value }: Text, call: GrpcCall): Promise<Text> => ({
    value: await script.answer(value, scripted(call, asError)),
  });
  const say = (call: ServerUnaryCall<Text, Text>, respond: sendUnaryData<Text>): void => {
    const trailers = echo(call);
    answer(call.request, call).then((text) => respond(null, text, trailers), respond);
  };
  const collect = async (call: ServerReadableStream<Text, Text>): Promise<Text> => {
    const answers: string[] = [];
    for await (const request of call.iterator({ destroyOnReturn: false })) {
      answers.push((await answer(request as Text, call)).value);
    }
    return { value: answers.join(' ') };
  };
  const watch = async (call: ServerWritableStream<Text, Text>): Promise<void> => {
    const trailers = echo(call);
    for (const value of call.request.value.split(' ')) {
      call.write(await answer({ value }, call));
    }
    call.end(trailers);
  };
  const talk = async (call: ServerDuplexStream<Text, Text>): Promise<void> => {
    for await (const request of call.iterator({ destroyOnReturn: false })) {
      call.write(await answer(request as Text, call));
    }
    call.end();
  };
  return {
    say,
    look: say,
    collect: (call: ServerReadableStream<Text, Text>, respond: sendUnaryData<Text>) => {
      collect(call).then((text) => respond(null, text), respond);
    },
    watch: (call: ServerWritableStream<Text, Text>) =>
      void watch(call).catch((error) => call.emit('error', error)),
    talk: (call: ServerDuplexStream<Text, Text>) =>
      void talk(call).catch((error) => call.emit('error', error)),
  };
}

function asError(failure: object): Error {
  return Object.assign(new Error('asked to fail'), failure);
}
