/**
 * Providers that are made for every call, and know which call that is.
 */
import { type CanActivate, Inject, Injectable, NotFoundException, Scope, UseGuards } from '@nestjs/common';
import { APP_GUARD, REQUEST } from '@nestjs/core';
import { type RequestContext } from '@nestjs/microservices';
import { type ConnectContext } from 'nestjs-connect';
import { answered, refused } from '../call.js';
import { applies, type Column } from '../column.js';
import { asyncEcho, Speaker } from '../echo.js';

type Request = RequestContext<unknown, ConnectContext>;

let made = 0;

@Injectable({ scope: Scope.REQUEST })
class Caller {
  readonly #number = ++made;

  constructor(@Inject(REQUEST) private readonly request: Request) {
    if (this.#header('x-broken') !== undefined) {
      throw new NotFoundException('no such caller');
    }
  }

  /** Whose call it is, and which of the instances this is. */
  get name(): string {
    return `${this.#header('x-name')}#${this.#number}`;
  }

  #header(name: string): string | undefined {
    return this.request.getContext().requestHeaders.get(name);
  }
}

@Injectable({ scope: Scope.REQUEST })
class ClassGuard implements CanActivate {
  constructor(@Inject(REQUEST) private readonly request: Request) {}

  canActivate(): boolean {
    return this.request.getContext().requestHeaders.get('x-deny') !== 'class';
  }
}

@Injectable({ scope: Scope.REQUEST })
class AppGuard implements CanActivate {
  constructor(@Inject(REQUEST) private readonly request: Request) {}

  canActivate(): boolean {
    return this.request.getContext().requestHeaders.get('x-deny') !== 'APP';
  }
}

/** Says the name of the caller behind every word. */
@Injectable()
class Scoped extends Speaker {
  constructor(private readonly caller: Caller) {
    super();
  }

  override speak(word: string): string {
    return `${word}@${this.caller.name}`;
  }
}

const WORDS = 'one two three';
const said = (name: string) =>
  WORDS.split(' ')
    .map((word) => `${word}@${name}`)
    .join(' ');
const DENIED = refused('PermissionDenied: Forbidden resource');

export const requestScoped: Column = {
  name: 'request-scoped',
  module: {
    controllers: [asyncEcho({ speaker: Scoped, onClass: [UseGuards(ClassGuard)] })],
    providers: [Caller, ClassGuard, { provide: APP_GUARD, useClass: AppGuard }],
  },
  cells: {
    async 'is made once for each of two calls at the same time, and knows its own'({ ask }) {
      const callers = ['Ada', 'Bob'];
      const answers = await Promise.all(callers.map((name) => ask(WORDS, { headers: { 'x-name': name } })));
      const numbers = answers.map(({ text }) => /\d+$/.exec(text)?.[0]);
      return {
        seen: { answers, numbers: new Set(numbers).size },
        expected: {
          answers: callers.map((name, i) => answered(said(`${name}#${numbers[i]}`))),
          numbers: callers.length,
        },
      };
    },
    async 'answers what its constructor throws'({ ask }) {
      const seen = await ask(WORDS, { headers: { 'x-broken': 'yes' } });
      return { seen, expected: refused('NotFound: no such caller') };
    },
    async 'guards a class'({ ask }) {
      return { seen: await ask(WORDS, { headers: { 'x-deny': 'class' } }), expected: DENIED };
    },
    async 'guards an app'(cell) {
      const seen = await cell.ask(WORDS, { headers: { 'x-deny': 'APP', 'x-name': 'Eve' } });
      return { seen, expected: applies('APP', cell) ? DENIED : answered(seen.text) };
    },
  },
};
