/**
 * ElizaService as a Nest class: all four kinds of RPC. What Eliza says is decided in `eliza/`.
 */
import { Code, ConnectError, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { from, map, type Observable, takeWhile } from 'rxjs';
import { Conversation, type Reply } from './eliza/conversation.js';
import { facts } from './eliza/facts.js';
import { summary } from './eliza/summary.js';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from './gen/connectrpc/eliza/v1/eliza_pb.js';

interface Sentence {
  readonly sentence: string;
}

// Reflect has to keep what it is told until the end.
const MAX_REFLECTED_SENTENCES = 1_000;

@ConnectService(ElizaService)
export class ElizaRpc {
  /** Unary. Each sentence is a conversation of its own, so the answer can be cached. */
  @Rpc()
  say(request: SayRequest): Sentence {
    return { sentence: new Conversation().reply(request.sentence).sentence };
  }

  /** Server streaming: an Observable of messages. */
  @Rpc()
  introduce(request: IntroduceRequest): Observable<Sentence> {
    return from(facts(request.name)).pipe(map((sentence) => ({ sentence })));
  }

  /** Client streaming: `for await` takes one message after the other off the wire. */
  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>): Promise<Sentence> {
    const sentences: string[] = [];
    for await (const { sentence } of requests) {
      if (sentences.push(sentence) > MAX_REFLECTED_SENTENCES) {
        throw new ConnectError(`I can keep ${MAX_REFLECTED_SENTENCES} sentences in mind, no more`, {
          code: Code.ResourceExhausted,
        });
      }
    }
    return { sentence: summary(sentences) };
  }

  /**
   * Bidi streaming: `mapEach` takes the next sentence off the wire when the last one was answered. A
   * goodbye ends the call.
   */
  @Rpc()
  converse(requests: RpcStream<ConverseRequest>): Observable<Sentence> {
    const conversation = new Conversation();
    return requests
      .mapEach((request) => [conversation.reply(request.sentence)])
      .pipe(
        takeWhile((reply: Reply) => !reply.isGoodbye, true),
        map(({ sentence }) => ({ sentence })),
      );
  }
}
