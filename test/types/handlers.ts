/**
 * What the compiler accepts and refuses of `@ConnectService` and `@Rpc`: every `@ts-expect-error` must hit.
 *
 * Compiled as a consumer, against the built declarations, by `npm run typecheck:consumers` under TypeScript 5.9,
 * 6.0 and 7.0. A mistake that no longer is an error fails the compilation ("unused @ts-expect-error").
 */
import { type DescService, type Message } from '@bufbuild/protobuf';
import { createParamDecorator, Injectable, type PipeTransform } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  ConnectContext,
  type ConnectHandlers,
  ConnectService,
  Rpc,
  type RpcHandler,
  type RpcStream,
} from 'nestjs-connect';
import { map, type Observable, of } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
  type SayResponse,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';

declare const response: SayResponse;

// --- Right ------------------------------------------------------------------------------------------

@ConnectService(ElizaService)
export class Observables {
  @Rpc()
  say(request: SayRequest) {
    return { sentence: request.sentence };
  }

  @Rpc()
  introduce(request: IntroduceRequest, context: ConnectContext): Observable<{ sentence: string }> {
    return of({ sentence: request.name + context.protocol });
  }

  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>) {
    let sentence = '';
    for await (const request of requests) {
      sentence += request.sentence;
    }
    return { sentence };
  }

  @Rpc({ overflow: 'drop-oldest', bufferBytes: 1024 })
  converse(requests: RpcStream<ConverseRequest>) {
    return requests.mapEach((request) => of(request.sentence)).pipe(map((sentence) => ({ sentence })));
  }
}

@ConnectService(ElizaService)
export class Generators implements ConnectHandlers<typeof ElizaService> {
  say = async (request: SayRequest) => ({ sentence: request.sentence });

  async *introduce(request: IntroduceRequest) {
    yield { sentence: request.name };
  }

  // A stream may be declared as one of the two things that it is.
  async reflect(requests: AsyncIterable<ReflectRequest>) {
    for await (const { sentence } of requests) {
      return { sentence };
    }
    return {};
  }

  async *converse(requests: Observable<ConverseRequest>) {
    yield { sentence: requests === undefined ? '' : 'one' };
  }
}

@ConnectService(ElizaService, { partial: true })
export class Partial {
  @Rpc(ElizaService.method.say)
  answer(request: SayRequest) {
    return of({ sentence: request.sentence });
  }

  @Rpc()
  introduce(): Iterable<{ sentence?: string }> {
    return [{ sentence: 'one' }, {}];
  }
}

const Language = createParamDecorator(() => 'en');

@Injectable()
class Trim implements PipeTransform<SayRequest, SayRequest> {
  transform(value: SayRequest): SayRequest {
    return value;
  }
}

@ConnectService(ElizaService, { partial: true })
export class Decorated {
  @Rpc()
  say(
    @Payload(Trim) request: SayRequest,
    @Language() language: string,
    @Ctx() context: ConnectContext,
  ): SayResponse {
    return { ...response, sentence: request.sentence + context.protocol + language };
  }
}

// A descriptor that was read at run time: there is nothing to check against before start-up.
@ConnectService(ElizaService as DescService)
export class Dynamic {
  @Rpc()
  anything(request: Message) {
    return request;
  }
}

export const say: RpcHandler<typeof ElizaService.method.say> = (request) => ({ sentence: request.sentence });

// --- Wrong: the class ----------------------------------------------------------------------------------

// @ts-expect-error a handler is missing
@ConnectService(ElizaService)
export class Missing {
  @Rpc()
  say(request: SayRequest) {
    return { sentence: request.sentence };
  }
}

// @ts-expect-error the request of another method
@ConnectService(ElizaService, { partial: true })
export class WrongRequest {
  @Rpc()
  say(request: ConverseRequest) {
    return { sentence: request.sentence };
  }
}

// @ts-expect-error one message instead of a stream
@ConnectService(ElizaService, { partial: true })
export class NotAStream {
  @Rpc()
  introduce(request: IntroduceRequest) {
    return { sentence: request.name };
  }
}

// @ts-expect-error a stream instead of one message
@ConnectService(ElizaService, { partial: true })
export class NotSingle {
  @Rpc()
  async *say(request: SayRequest) {
    yield { sentence: request.sentence };
  }
}

// @ts-expect-error a message instead of a stream of requests
@ConnectService(ElizaService, { partial: true })
export class NotARequestStream {
  @Rpc()
  converse(request: ConverseRequest) {
    return of({ sentence: request.sentence });
  }
}

// @ts-expect-error a field of a wrong type
@ConnectService(ElizaService, { partial: true })
export class WrongFieldType {
  @Rpc()
  say(request: SayRequest) {
    return { sentence: request.sentence.length };
  }
}

// @ts-expect-error a field that the message does not have
@ConnectService(ElizaService, { partial: true })
export class UnknownField {
  @Rpc()
  say(request: SayRequest) {
    return { sentence: request.sentence, sentense: 'typo' };
  }
}

// @ts-expect-error a field that the message does not have, in a stream
@ConnectService(ElizaService, { partial: true })
export class UnknownFieldInStream {
  @Rpc()
  async *introduce(request: IntroduceRequest) {
    yield { sentence: request.name, sentense: 'typo' };
  }
}

// --- Wrong: the method ---------------------------------------------------------------------------------

export class ByName {
  // @ts-expect-error the request of another method
  @Rpc(ElizaService.method.say)
  wrongRequest(request: ConverseRequest) {
    return { sentence: request.sentence };
  }

  // @ts-expect-error a field of a wrong type
  @Rpc(ElizaService.method.say)
  wrongField(request: SayRequest) {
    return { sentence: request.sentence.length };
  }

  // @ts-expect-error a field that the message does not have
  @Rpc(ElizaService.method.say)
  unknownField(request: SayRequest) {
    return { sentence: request.sentence, sentense: 'typo' };
  }

  // @ts-expect-error one message instead of a stream
  @Rpc(ElizaService.method.introduce)
  notAStream(request: IntroduceRequest) {
    return { sentence: request.name };
  }

  // @ts-expect-error a method that the service does not have
  @Rpc(ElizaService.method.nope)
  unknownMethod() {
    return {};
  }

  // @ts-expect-error an overflow policy that does not exist
  @Rpc({ overflow: 'drop-all' })
  wrongOption() {
    return {};
  }
}

// @ts-expect-error a second parameter that is no context
export const wrongContext: RpcHandler<typeof ElizaService.method.say> = (
  request,
  context: Map<string, string>,
) => ({
  sentence: request.sentence + String(context.size),
});

// @ts-expect-error implements says it with TypeScript's own words
export class Implements implements ConnectHandlers<typeof ElizaService> {
  say(request: SayRequest) {
    return { sentence: request.sentence };
  }
}
