/**
 * Services under `providers`: mounted apps serve them like controllers. Microservices refuse them at boot, so their modes have
 * no such cells; mounted-providers.spec.ts has the refusals.
 */
import { type ExecutionContext, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { type ConnectContext } from 'nestjs-connect';
import { answered, refused } from '../call.js';
import { type Column } from '../column.js';
import { asyncEcho } from '../echo.js';

const guardOf = (level: 'APP' | 'class') => ({
  canActivate: (context: ExecutionContext) =>
    context.switchToRpc().getContext<ConnectContext>().requestHeaders.get('x-deny') !== level,
});

const WORDS = 'one two';

export const provider: Column = {
  name: 'provider',
  needsMounting: true,
  module: {
    providers: [
      asyncEcho({ onClass: [UseGuards(guardOf('class'))] }),
      { provide: APP_GUARD, useValue: guardOf('APP') },
    ],
  },
  cells: {
    async 'is served'({ ask }) {
      return { seen: await ask(WORDS), expected: answered(WORDS) };
    },
    async 'has its guards, and those of the app'({ ask }) {
      const denied = refused('PermissionDenied: Forbidden resource');
      const levels = ['class', 'APP'];
      return {
        seen: await Promise.all(levels.map((level) => ask(WORDS, { headers: { 'x-deny': level } }))),
        expected: [denied, denied],
      };
    },
  },
};
