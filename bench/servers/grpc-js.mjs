/**
 * `@grpc/grpc-js` with `@grpc/proto-loader`, whose default settings are its fastest.
 */
import { once } from 'node:events';
import { loadPackageDefinition, Server, ServerCredentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { BENCH } from '../paths.mjs';
import { answerBidi, answerUnary, messages } from './answers.mjs';
import { announce } from './control.mjs';

const definition = loadPackageDefinition(loadSync(`${BENCH}proto/bench/v1/bench.proto`));

async function serverStream(call) {
  for (const message of messages(call.request)) {
    if (!call.write(message)) {
      await once(call, 'drain');
    }
  }
  call.end();
}

function bidiStream(call) {
  call.on('data', (request) => call.write(answerBidi(request)));
  call.on('end', () => call.end());
}

const server = new Server();
server.addService(definition.bench.v1.BenchService.service, {
  unary: (call, respond) => respond(null, answerUnary(call.request)),
  serverStream: (call) => serverStream(call).catch((error) => call.destroy(error)),
  bidiStream,
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) {
    throw error;
  }
  announce({ port });
});
