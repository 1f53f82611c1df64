/**
 * Services that answer every word that they are asked, in every shape in which handlers return. Each call makes a class of its
 * own, to be decorated by a column.
 */
import { applyDecorators, type Type } from '@nestjs/common';
import { type ConnectContext, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { from, map, of, toArray } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type ElizaDesc } from '../../support/eliza-services.js';
import { reach } from './call.js';

/** What a service says for a word. As the base of a service it may have dependencies. */
export class Speaker {
  /** May throw. */
  speak(word: string): string {
    return word;
  }
}

export interface EchoPlan {
  /** Default: Eliza's own service. */
  readonly service?: ElizaDesc;
  /** Default: says the word again. */
  readonly speaker?: Type<Speaker>;
  readonly onClass?: readonly ClassDecorator[];
  readonly onMethods?: readonly MethodDecorator[];
}

/** Promises, generators, `for await` and `mapEach`. */
export function asyncEcho(plan: EchoPlan = {}): Type<object> {
  const { service = ElizaService, speaker = Speaker, onClass = [], onMethods = [] } = plan;

  @ConnectService(service)
  @applyDecorators(...onClass)
  class AsyncEcho extends speaker {
    @applyDecorators(...onMethods)
    @Rpc()
    async say({ sentence }: SayRequest, context: ConnectContext) {
      reach(context);
      await Promise.resolve();
      return { sentence: this.speakAll(sentence.split(' ')) };
    }

    @applyDecorators(...onMethods)
    @Rpc()
    async *introduce({ name }: IntroduceRequest, context: ConnectContext) {
      reach(context);
      for (const word of name.split(' ')) {
        await Promise.resolve();
        yield { sentence: this.speak(word) };
      }
    }

    @applyDecorators(...onMethods)
    @Rpc()
    async reflect(requests: RpcStream<ReflectRequest>, context: ConnectContext) {
      reach(context);
      const words: string[] = [];
      for await (const { sentence } of requests) {
        words.push(sentence);
      }
      return { sentence: this.speakAll(words) };
    }

    @applyDecorators(...onMethods)
    @Rpc()
    converse(requests: RpcStream<ConverseRequest>, context: ConnectContext) {
      reach(context);
      return requests.mapEach(({ sentence }) => of({ sentence: this.speak(sentence) }));
    }

    private speakAll(words: readonly string[]): string {
      return words.map((word) => this.speak(word)).join(' ');
    }
  }
  return AsyncEcho;
}

/** Observables, and a generator over a request stream. */
export function rxEcho(plan: EchoPlan = {}): Type<object> {
  const { service = ElizaService, speaker = Speaker, onClass = [], onMethods = [] } = plan;

  @ConnectService(service)
  @applyDecorators(...onClass)
  class RxEcho extends speaker {
    @applyDecorators(...onMethods)
    @Rpc()
    say({ sentence }: SayRequest, context: ConnectContext) {
      reach(context);
      return of(sentence.split(' ')).pipe(map((words) => this.speakAll(words)));
    }

    @applyDecorators(...onMethods)
    @Rpc()
    introduce({ name }: IntroduceRequest, context: ConnectContext) {
      reach(context);
      return from(name.split(' ')).pipe(map((word) => ({ sentence: this.speak(word) })));
    }

    @applyDecorators(...onMethods)
    @Rpc()
    reflect(requests: RpcStream<ReflectRequest>, context: ConnectContext) {
      reach(context);
      return requests.pipe(
        map(({ sentence }) => sentence),
        toArray(),
        map((words) => this.speakAll(words)),
      );
    }

    @applyDecorators(...onMethods)
    @Rpc()
    async *converse(requests: RpcStream<ConverseRequest>, context: ConnectContext) {
      reach(context);
      for await (const { sentence } of requests) {
        yield { sentence: this.speak(sentence) };
      }
    }

    private speakAll(words: readonly string[]): { sentence: string } {
      return { sentence: words.map((word) => this.speak(word)).join(' ') };
    }
  }
  return RxEcho;
}
