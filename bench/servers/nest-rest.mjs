/**
 * Nest with a controller that takes and gives JSON. `node nest-rest.mjs PLATFORM`, `express` or `fastify`.
 */
import 'reflect-metadata';
import { Body, Controller, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { answerUnary } from './answers.mjs';
import { decorateMethod, moduleOf } from './by-hand.mjs';
import { announce } from './control.mjs';

// 100 KiB of text do not fit into the default of Express.
const BODY_LIMIT_BYTES = 1024 * 1024;

class BenchController {
  unary(request) {
    return answerUnary(request);
  }
}

decorateMethod(BenchController, 'unary', Post('unary'));
Body()(BenchController.prototype, 'unary', 0);
Controller('bench')(BenchController);

const PLATFORMS = {
  express: async () => {
    const { ExpressAdapter } = await import('@nestjs/platform-express');
    const app = await create(new ExpressAdapter());
    return app.useBodyParser('json', { limit: BODY_LIMIT_BYTES });
  },
  fastify: async () => {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    return create(new FastifyAdapter({ bodyLimit: BODY_LIMIT_BYTES }));
  },
};

function create(adapter) {
  return NestFactory.create(moduleOf(BenchController), adapter, { logger: false, abortOnError: false });
}

const app = await PLATFORMS[process.argv[2]]();
await app.listen(0, '127.0.0.1');
announce({ port: Number(new URL(await app.getUrl()).port) });
