/**
 * This library: a Nest microservice on `ConnectServer`. `node nestjs-connect.mjs STYLE`.
 *
 * STYLE is how the handlers of streams are written (`generator`, `observable`, `paced`), or `enhanced`: generators, with a
 * guard, a pipe and an interceptor around every call.
 */
import 'reflect-metadata';
import { UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectServer, ConnectService, Rpc } from 'nestjs-connect';
import { Observable } from 'rxjs';
import { BenchService } from '../gen/bench/v1/bench_pb.js';
import { answerBidi, answerUnary, messages, messages$ } from './answers.mjs';
import { decorateMethod, moduleOf } from './by-hand.mjs';
import { announce } from './control.mjs';

class Generators {
  unary(request) {
    return answerUnary(request);
  }

  async *serverStream(request) {
    yield* messages(request);
  }

  async *bidiStream(requests) {
    for await (const request of requests) {
      yield answerBidi(request);
    }
  }
}

class Observables {
  unary(request) {
    return answerUnary(request);
  }

  serverStream(request) {
    return messages$(request);
  }

  bidiStream(requests) {
    return requests.mapEach((request) => [answerBidi(request)]);
  }
}

/** An Observable that waits for its client between two messages. */
class PacedObservables extends Observables {
  serverStream(request, context) {
    return new Observable((subscriber) => {
      emitPaced(messages(request), context, subscriber).catch((error) => subscriber.error(error));
    });
  }
}

async function emitPaced(source, context, subscriber) {
  for (const message of source) {
    if (subscriber.closed) {
      return;
    }
    subscriber.next(message);
    await context.drained();
  }
  subscriber.complete();
}

class Enhanced extends Generators {}

UseGuards({ canActivate: () => true })(Enhanced);
UsePipes({ transform: (value) => value })(Enhanced);
UseInterceptors({ intercept: (_context, next) => next.handle() })(Enhanced);

const STYLES = {
  generator: Generators,
  observable: Observables,
  paced: PacedObservables,
  enhanced: Enhanced,
};

const Service = STYLES[process.argv[2] ?? 'generator'];
for (const declaring of [Generators, Observables, PacedObservables]) {
  for (const memberName of Object.getOwnPropertyNames(declaring.prototype)) {
    if (memberName !== 'constructor') {
      decorateMethod(declaring, memberName, Rpc());
    }
  }
}
ConnectService(BenchService)(Service);

const app = await NestFactory.createMicroservice(moduleOf(Service), {
  strategy: new ConnectServer({ host: '127.0.0.1', port: 0 }),
  logger: false,
  abortOnError: false,
});
const { port } = await app.listen();
announce({ port });
