/**
 * `@connectrpc/connect-node`: one listener for HTTP/2 and one for HTTP/1.1, because Node has no server for both.
 */
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { BenchService } from '../gen/bench/v1/bench_pb.js';
import { answerBidi, answerUnary, messages } from './answers.mjs';
import { announce, listen } from './control.mjs';

const service = {
  unary: answerUnary,
  async *serverStream(request) {
    yield* messages(request);
  },
  async *bidiStream(requests) {
    for await (const request of requests) {
      yield answerBidi(request);
    }
  },
};

const handler = connectNodeAdapter({ routes: (router) => router.service(BenchService, service) });
announce({
  port: await listen(createHttp2Server(handler)),
  http1Port: await listen(createServer(handler)),
});
