/**
 * Interceptors on every level, around Observables, promises and generators; one of them is asynchronous.
 */
import {
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { type ConnectContext } from 'nestjs-connect';
import { map, type Observable, of } from 'rxjs';
import { type ElizaDesc, elizaNamed } from '../../../support/eliza-services.js';
import { answered, type Cell, eachAnswer } from '../call.js';
import { applies, type Column, type Finding, type Level } from '../column.js';
import { asyncEcho, rxEcho } from '../echo.js';

interface Response {
  readonly sentence: string;
}

/** Signs every answer. */
function signature(level: Level): NestInterceptor<Response, Response> {
  return { intercept: (_context, next) => sign(level, next.handle()) };
}

function sign(level: Level, answers: Observable<Response>): Observable<Response> {
  return answers.pipe(map(({ sentence }) => ({ sentence: `${sentence}<${level}` })));
}

const onClass: NestInterceptor<Response, Response> = {
  async intercept(_context: ExecutionContext, next: CallHandler<Response>) {
    await Promise.resolve();
    return sign('class', next.handle());
  },
};

/** Answers itself when the call says so. */
const onMethod: NestInterceptor<Response, Response> = {
  intercept(context: ExecutionContext, next: CallHandler<Response>) {
    const { requestHeaders } = context.switchToRpc().getContext<ConnectContext>();
    return requestHeaders.get('x-cached') === undefined
      ? sign('method', next.handle())
      : of({ sentence: 'cached' });
  },
};

const RX = elizaNamed('Rx');
const WORDS = 'one two three';
const decorators = { onClass: [UseInterceptors(onClass)], onMethods: [UseInterceptors(onMethod)] };

/** The inner ones first; among the global ones, those of `useGlobalInterceptors` are inside. */
function signatures(cell: Cell, levels: readonly Level[]): string {
  return levels
    .filter((level) => applies(level, cell))
    .map((level) => `<${level}`)
    .join('');
}

async function signed(cell: Cell, service?: ElizaDesc): Promise<Finding> {
  const all = signatures(cell, ['method', 'class', 'useGlobal', 'APP']);
  return {
    seen: await cell.ask(WORDS, service && { service }),
    expected: answered(eachAnswer(cell.kind, WORDS, (message) => message + all)),
  };
}

export const interceptor: Column = {
  name: 'interceptor',
  module: {
    controllers: [asyncEcho(decorators), rxEcho({ service: RX, ...decorators })],
    providers: [{ provide: APP_INTERCEPTOR, useValue: signature('APP') }],
  },
  useGlobals: (app) => app.useGlobalInterceptors(signature('useGlobal')),
  cells: {
    'maps every answer of promises, generators, for await and mapEach': (cell) => signed(cell),
    'maps every answer of Observables': (cell) => signed(cell, RX),
    async 'answers in the place of the handler'(cell) {
      const outer = signatures(cell, ['class', 'useGlobal', 'APP']);
      return {
        seen: await cell.ask(WORDS, { headers: { 'x-cached': 'yes' } }),
        expected: { ...answered(`cached${outer}`), hasReachedHandler: false },
      };
    },
  },
};
