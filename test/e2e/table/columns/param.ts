/**
 * Parameter decorators of an app's own: values from the ExecutionContext, through a pipe, beside `@Payload` and `@Ctx`.
 */
import {
  createParamDecorator,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  UseInterceptors,
} from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { type ConnectContext, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { of } from 'rxjs';
import { type MethodKind } from '../../../../lib/rpc/method-spec.js';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from '../../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { answered, eachAnswer, reach } from '../call.js';
import { type Column } from '../column.js';

const Header = createParamDecorator((name: string, context: ExecutionContext) =>
  context.switchToRpc().getContext<ConnectContext>().requestHeaders.get(name),
);

const Place = createParamDecorator(
  (_data: unknown, context: ExecutionContext) =>
    `${context.getType()}:${context.getClass().name}.${context.getHandler().name}`,
);

const orSilent: PipeTransform<string | undefined, string> = {
  transform: (value) => value?.toUpperCase() ?? 'SILENT',
};

/** Takes a generator for one value unless the handler's wrapper finds the context behind the decorated parameters. */
const passOn: NestInterceptor = { intercept: (_context, next) => next.handle() };

@UseInterceptors(passOn)
@ConnectService(ElizaService)
class Params {
  /** The request and the context need no decorators where they stand: first, and behind the last decorated one. */
  @Rpc()
  say(
    { sentence }: SayRequest,
    @Header('x-mood', orSilent) mood: string,
    @Place() place: string,
    context: ConnectContext,
  ) {
    reach(context);
    return { sentence: `${sentence}|${mood}|${place}` };
  }

  @Rpc()
  async *introduce(
    @Payload() { name }: IntroduceRequest,
    @Header('x-mood', orSilent) mood: string,
    @Place() place: string,
    @Ctx() context: ConnectContext,
  ) {
    reach(context);
    for (const word of name.split(' ')) {
      yield { sentence: `${word}|${mood}|${place}` };
    }
  }

  @Rpc()
  async reflect(
    @Payload() requests: RpcStream<ReflectRequest>,
    @Header('x-mood', orSilent) mood: string,
    @Place() place: string,
    @Ctx() context: ConnectContext,
  ) {
    reach(context);
    const words: string[] = [];
    for await (const { sentence } of requests) {
      words.push(sentence);
    }
    return { sentence: `${words.join(' ')}|${mood}|${place}` };
  }

  @Rpc()
  converse(
    @Payload() requests: RpcStream<ConverseRequest>,
    @Header('x-mood', orSilent) mood: string,
    @Place() place: string,
    @Ctx() context: ConnectContext,
  ) {
    reach(context);
    return requests.mapEach(({ sentence }) => of({ sentence: `${sentence}|${mood}|${place}` }));
  }
}

const HANDLERS: Readonly<Record<MethodKind, string>> = {
  unary: 'say',
  server_streaming: 'introduce',
  client_streaming: 'reflect',
  bidi_streaming: 'converse',
};

const WORDS = 'one two';

export const param: Column = {
  name: 'custom param',
  module: { controllers: [Params] },
  cells: {
    async 'is given what the ExecutionContext knows'({ ask, kind }) {
      const suffix = `|GLAD|rpc:Params.${HANDLERS[kind]}`;
      return {
        seen: await ask(WORDS, { headers: { 'x-mood': 'glad' } }),
        expected: answered(eachAnswer(kind, WORDS, (message) => message + suffix)),
      };
    },
    async 'is given what a pipe makes of nothing'({ ask, kind }) {
      const suffix = `|SILENT|rpc:Params.${HANDLERS[kind]}`;
      return {
        seen: await ask(WORDS),
        expected: answered(eachAnswer(kind, WORDS, (message) => message + suffix)),
      };
    },
  },
};
