/**
 * Handlers of a base class that two services share: each has its own route, members and enhancers.
 */
import { type ExecutionContext, UseGuards, UseInterceptors } from '@nestjs/common';
import { type ConnectContext, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { from, map, type Observable, of } from 'rxjs';
import {
  type ConverseRequest,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { elizaNamed } from '../../../support/eliza-services.js';
import { answered, eachAnswer, reach, refused } from '../call.js';
import { type Column } from '../column.js';

const FIRST = elizaNamed('First');
const SECOND = elizaNamed('Second');

const guard = UseGuards({
  canActivate: (context: ExecutionContext) =>
    context.switchToRpc().getContext<ConnectContext>().requestHeaders.get('x-deny') === undefined,
});

const exclaim = UseInterceptors({
  intercept: (_context: ExecutionContext, next: { handle(): Observable<{ sentence: string }> }) =>
    next.handle().pipe(map(({ sentence }) => ({ sentence: `${sentence}!` }))),
});

abstract class Base {
  protected abstract sign(word: string): string;

  @guard
  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext) {
    reach(context);
    return { sentence: this.sign(sentence) };
  }

  @guard
  @Rpc()
  introduce({ name }: IntroduceRequest, context: ConnectContext) {
    reach(context);
    return from(name.split(' ')).pipe(map((word) => ({ sentence: this.sign(word) })));
  }

  @guard
  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>, context: ConnectContext) {
    reach(context);
    const words: string[] = [];
    for await (const { sentence } of requests) {
      words.push(sentence);
    }
    return { sentence: this.sign(words.join(' ')) };
  }

  @guard
  @Rpc()
  converse(requests: RpcStream<ConverseRequest>, context: ConnectContext) {
    reach(context);
    return requests.mapEach(({ sentence }) => of({ sentence: this.sign(sentence) }));
  }
}

@ConnectService(FIRST)
class First extends Base {
  protected sign(word: string): string {
    return `${word}:first`;
  }
}

@exclaim
@ConnectService(SECOND)
class Second extends Base {
  protected sign(word: string): string {
    return `${word}:second`;
  }
}

const WORDS = 'one two';

export const inherited: Column = {
  name: 'inherited',
  module: { controllers: [First, Second] },
  cells: {
    async 'has the members and the enhancers of its own class'({ ask, kind }) {
      const expected = [':first', ':second!'].map((suffix) =>
        answered(eachAnswer(kind, WORDS, (message) => message + suffix)),
      );
      return { seen: await Promise.all([FIRST, SECOND].map((service) => ask(WORDS, { service }))), expected };
    },
    async 'has the guards of the base'({ ask }) {
      const headers = { 'x-deny': 'yes' };
      const denied = refused('PermissionDenied: Forbidden resource');
      return {
        seen: await Promise.all([FIRST, SECOND].map((service) => ask(WORDS, { service, headers }))),
        expected: [denied, denied],
      };
    },
  },
};
