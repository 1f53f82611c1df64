/**
 * Exception filters on every level win over the table of `docs/errors.md`; without one, the table holds.
 */
import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  NotFoundException,
  type Type,
  UseFilters,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { RpcException } from '@nestjs/microservices';
import { Code, ConnectError } from 'nestjs-connect';
import { type Observable, of, throwError } from 'rxjs';
import { elizaNamed } from '../../../support/eliza-services.js';
import { type Answer, answered, type Cell, hasManyAnswers } from '../call.js';
import { applies, type Column, type Level, LEVELS } from '../column.js';
import { asyncEcho, type EchoPlan, rxEcho, Speaker } from '../echo.js';

/** By default `not_found`: what else comes is the filter's doing. */
class ForUseGlobal extends NotFoundException {}
class ForApp extends NotFoundException {}
class ForClass extends NotFoundException {}
class ForMethod extends NotFoundException {}
class Recoverable extends NotFoundException {}

/** Which exception a filter catches, in which shape it emits an error, and what the caller sees of that. */
const FILTERS: Readonly<
  Record<Level, { type: Type<Error>; emits: (message: string) => unknown; code: string }>
> = {
  useGlobal: {
    type: ForUseGlobal,
    emits: (message) => new RpcException({ code: 'out_of_range', message }),
    code: 'OutOfRange',
  },
  APP: {
    type: ForApp,
    emits: (message) => new ConnectError(message, { code: Code.Aborted }),
    code: 'Aborted',
  },
  class: {
    type: ForClass,
    emits: (message) => ({ code: Code.FailedPrecondition, message }),
    code: 'FailedPrecondition',
  },
  method: {
    type: ForMethod,
    emits: (message) => new RpcException({ code: 'ALREADY_EXISTS', message }).getError(),
    code: 'AlreadyExists',
  },
};

function filterOf(type: Type<Error>, result: (error: Error) => Observable<unknown>): ExceptionFilter<Error> {
  @Catch(type)
  class Filter implements ExceptionFilter<Error> {
    catch(error: Error, _host: ArgumentsHost) {
      return result(error);
    }
  }
  return new Filter();
}

function filterAt(level: Level): ExceptionFilter<Error> {
  const { type, emits } = FILTERS[level];
  return filterOf(type, ({ message }) => throwError(() => emits(`${message}, filtered`)));
}

const THROWN: Readonly<Record<string, () => Error>> = {
  'default-HttpException': () => new NotFoundException('no such word'),
  'default-ConnectError': () => new ConnectError('not now', { code: Code.Unavailable }),
  'default-RpcException': () => new RpcException({ code: Code.Unauthenticated, message: 'who?' }),
  'default-Error': () => new Error('the password is 1234'),
  recover: () => new Recoverable(),
  ...Object.fromEntries(
    LEVELS.map((level) => [level, () => new FILTERS[level].type(`said ${level}`)] as const),
  ),
};

/** Throws what the word stands for. */
class Thrower extends Speaker {
  override speak(word: string): string {
    const thrown = THROWN[word];
    if (thrown !== undefined) {
      throw thrown();
    }
    return word;
  }
}

const RX = elizaNamed('Rx');
const plan: EchoPlan = {
  speaker: Thrower,
  onClass: [UseFilters(filterAt('class'))],
  onMethods: [
    UseFilters(
      filterAt('method'),
      filterOf(Recoverable, () => of({ sentence: 'recovered' })),
    ),
  ],
};

/** An error behind the word "one", which only a stream of answers has delivered by then. */
function failed({ kind }: Cell, error: string): Answer {
  return { text: hasManyAnswers(kind) ? 'one' : '', error, fields: [], hasReachedHandler: true };
}

const filtered = Object.fromEntries(
  LEVELS.map((level) => [
    `emits an error that arrives with its code, level ${level}`,
    async (cell: Cell) => {
      const error = applies(level, cell)
        ? `${FILTERS[level].code}: said ${level}, filtered`
        : `NotFound: said ${level}`;
      const words = `one ${level} two`;
      return {
        seen: [await cell.ask(words), await cell.ask(words, { service: RX })],
        expected: [failed(cell, error), failed(cell, error)],
      };
    },
  ]),
);

const unfiltered = Object.fromEntries(
  [
    ['default-HttpException', 'NotFound: no such word'],
    ['default-ConnectError', 'Unavailable: not now'],
    ['default-RpcException', 'Unauthenticated: who?'],
    ['default-Error', 'Internal: internal error'],
  ].map(([word, error]) => [
    `leaves others to the table: ${word}`,
    async (cell: Cell) => {
      return { seen: await cell.ask(`one ${word} two`), expected: failed(cell, String(error)) };
    },
  ]),
);

export const filter: Column = {
  name: 'filter',
  module: {
    controllers: [asyncEcho(plan), rxEcho({ service: RX, ...plan })],
    providers: [{ provide: APP_FILTER, useValue: filterAt('APP') }],
  },
  useGlobals: (app) => app.useGlobalFilters(filterAt('useGlobal')),
  cells: {
    ...filtered,
    ...unfiltered,
    async 'answers in the place of the error'(cell) {
      const text = hasManyAnswers(cell.kind) ? 'one recovered' : 'recovered';
      return { seen: await cell.ask('one recover two'), expected: answered(text) };
    },
  },
};
