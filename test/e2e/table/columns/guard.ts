/**
 * Guards on every level, which decide at once, by a promise, and by an Observable.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type CanActivate, type ExecutionContext, ForbiddenException, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { type ConnectContext } from 'nestjs-connect';
import { of } from 'rxjs';
import { elizaNamed } from '../../../support/eliza-services.js';
import { answered, refused } from '../call.js';
import { applies, type Column, type Level, LEVELS } from '../column.js';
import { asyncEcho, rxEcho } from '../echo.js';

/** Long enough for the requests to be there before the guard has decided. */
const WAIT_MS = 5;
const WAIT = { 'x-wait': 'yes' };
const RX = elizaNamed('Rx');
const WORDS = 'one two three';
const MANY_WORDS = Array.from({ length: 200 }, (_, i) => `word${i}`).join(' ');

type Decide = (isAllowed: boolean, context: ConnectContext) => ReturnType<CanActivate['canActivate']>;

/** Calls say in their headers which guard refuses them, and how. */
function guardOf(level: Level, decide: Decide): CanActivate {
  return {
    canActivate(execution: ExecutionContext) {
      const context = execution.switchToRpc().getContext<ConnectContext>();
      const { requestHeaders } = context;
      if (requestHeaders.get('x-throw') === level) {
        throw new ForbiddenException('not you');
      }
      return decide(requestHeaders.get('x-deny') !== level, context);
    },
  };
}

const later: Decide = async (isAllowed, { requestHeaders }) => {
  await (requestHeaders.get('x-wait') === undefined ? setImmediate() : setTimeout(WAIT_MS));
  return isAllowed;
};

const decorators = {
  onClass: [UseGuards(guardOf('class', later))],
  onMethods: [UseGuards(guardOf('method', (isAllowed) => of(isAllowed)))],
};

function refusals(header: string, error: string): Column['cells'] {
  return Object.fromEntries(
    LEVELS.map((level) => [
      `answers "${error}" and leaves the handler alone, level ${level}`,
      async (cell) => {
        const seen = await cell.ask(WORDS, { headers: { [header]: level } });
        return { seen, expected: applies(level, cell) ? refused(error) : answered(WORDS) };
      },
    ]),
  );
}

export const guard: Column = {
  name: 'guard',
  module: {
    controllers: [asyncEcho(decorators), rxEcho({ service: RX, ...decorators })],
    providers: [{ provide: APP_GUARD, useValue: guardOf('APP', (isAllowed) => isAllowed) }],
  },
  useGlobals: (app) => app.useGlobalGuards(guardOf('useGlobal', (isAllowed) => isAllowed)),
  cells: {
    ...refusals('x-deny', 'PermissionDenied: Forbidden resource'),
    ...refusals('x-throw', 'PermissionDenied: not you'),
    async 'loses no message that comes before it has decided'({ ask }) {
      return { seen: await ask(MANY_WORDS, { headers: WAIT }), expected: answered(MANY_WORDS) };
    },
    async 'loses no message of a request stream that is subscribed to'({ ask }) {
      const seen = await ask(MANY_WORDS, { service: RX, headers: WAIT });
      return { seen, expected: answered(MANY_WORDS) };
    },
  },
};
