/**
 * Pipes on every level, and on a parameter: they change a request, or every message of a request stream.
 */
import { BadRequestException, type PipeTransform, UsePipes } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { ConnectContext, ConnectService, Rpc } from 'nestjs-connect';
import { from, isObservable, map, Observable, toArray } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type Answer, answered, hasManyAnswers, reach } from '../call.js';
import { applies, type Column, type Level, LEVELS } from '../column.js';

type Message = { sentence: string } | { name: string };

/** Writes the name of its level in capitals, and refuses "wrong". */
class Capitals implements PipeTransform {
  constructor(private readonly level: Level | 'param') {}

  transform(value: Message | Observable<Message> | ConnectContext): unknown {
    if (value instanceof ConnectContext) {
      return value;
    }
    return isObservable(value) ? value.pipe(map((message) => this.#change(message))) : this.#change(value);
  }

  #change(message: Message): Message {
    return 'name' in message
      ? { ...message, name: this.#write(message.name) }
      : { ...message, sentence: this.#write(message.sentence) };
  }

  #write(text: string): string {
    if (this.level === 'method' && text.includes('wrong')) {
      throw new BadRequestException('no such word');
    }
    return text.replace(this.level, this.level.toUpperCase());
  }
}

const onParam = new Capitals('param');
const onMethod = UsePipes(new Capitals('method'));

/** A stream that a pipe has changed is an Observable, and an `RpcStream` no more. */
@UsePipes(new Capitals('class'))
@ConnectService(ElizaService)
class Piped {
  @onMethod
  @Rpc()
  say(@Payload(onParam) { sentence }: SayRequest, @Ctx() context: ConnectContext) {
    reach(context);
    return { sentence };
  }

  @onMethod
  @Rpc()
  introduce(@Payload(onParam) { name }: IntroduceRequest, @Ctx() context: ConnectContext) {
    reach(context);
    return from(name.split(' ')).pipe(map((sentence) => ({ sentence })));
  }

  @onMethod
  @Rpc()
  reflect(@Payload(onParam) requests: Observable<ReflectRequest>, @Ctx() context: ConnectContext) {
    reach(context);
    return requests.pipe(
      toArray(),
      map((all) => ({ sentence: all.map(({ sentence }) => sentence).join(' ') })),
    );
  }

  @onMethod
  @Rpc()
  converse(@Payload(onParam) requests: Observable<ConverseRequest>, @Ctx() context: ConnectContext) {
    reach(context);
    return requests.pipe(map(({ sentence }) => ({ sentence })));
  }
}

export const pipe: Column = {
  name: 'pipe',
  module: { controllers: [Piped], providers: [{ provide: APP_PIPE, useValue: new Capitals('APP') }] },
  useGlobals: (app) => app.useGlobalPipes(new Capitals('useGlobal')),
  cells: {
    async 'changes what the handler is given, on every level'(cell) {
      const changed = LEVELS.map((level) => (applies(level, cell) ? level.toUpperCase() : level));
      return {
        seen: await cell.ask(['one', ...LEVELS, 'param'].join(' ')),
        expected: answered(['one', ...changed, 'PARAM'].join(' ')),
      };
    },
    async 'refuses a message'({ ask, kind }) {
      const takesStream = kind === 'client_streaming' || kind === 'bidi_streaming';
      const expected: Answer = {
        text: takesStream && hasManyAnswers(kind) ? 'one' : '',
        error: 'InvalidArgument: no such word',
        fields: [],
        // The messages of a stream reach the pipe by and by.
        hasReachedHandler: takesStream,
      };
      return { seen: await ask('one wrong'), expected };
    },
  },
};
