/**
 * This library, in a process of its own: `node connect-server.js "\"STYLE\""`. The style is how streams are written.
 */
import 'reflect-metadata';
import { type ConnectContext, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { last, Observable, type Subscriber } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
} from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { startServer } from '../../faults/support/server-forms.js';
import { type Sentence } from './messages.js';
import { answerAboutWork, createWorker, neverEnding, produce, workWithConcatMap } from './workload.js';

@ConnectService(ElizaService, { partial: true })
class Pulling {
  @Rpc()
  async *introduce({ name }: IntroduceRequest) {
    yield* produce(name);
  }

  @Rpc()
  async reflect(requests: RpcStream<ReflectRequest>) {
    const work = createWorker();
    let answer: Sentence = { sentence: '' };
    for await (const request of requests) {
      answer = await work(request);
    }
    return answer;
  }

  @Rpc()
  async *converse(requests: RpcStream<ConverseRequest>) {
    const work = createWorker();
    for await (const request of requests) {
      yield await work(request);
    }
  }
}

@ConnectService(ElizaService, { partial: true })
class Paced {
  @Rpc()
  introduce({ name }: IntroduceRequest, context: ConnectContext) {
    return new Observable<Sentence>((subscriber) => {
      emitPaced(produce(name), context, subscriber).catch((error: unknown) => subscriber.error(error));
    });
  }

  @Rpc()
  reflect(requests: RpcStream<ReflectRequest>) {
    return requests.mapEach(createWorker()).pipe(last());
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return requests.mapEach(createWorker());
  }
}

async function emitPaced(
  messages: Iterable<Sentence>,
  context: ConnectContext,
  subscriber: Subscriber<Sentence>,
): Promise<void> {
  for (const message of messages) {
    subscriber.next(message);
    await context.drained();
    if (subscriber.closed) {
      return;
    }
  }
  subscriber.complete();
}

/** Nothing but RxJS: the limit that the documentation tells of. */
@ConnectService(ElizaService, { partial: true })
class Unpaced {
  @Rpc()
  say() {
    return neverEnding;
  }

  @Rpc()
  reflect(requests: RpcStream<ReflectRequest>) {
    return workWithConcatMap(requests).pipe(last());
  }

  @Rpc()
  converse(requests: RpcStream<ConverseRequest>) {
    return workWithConcatMap(requests);
  }
}

const STYLES = { pulling: Pulling, paced: Paced, unpaced: Unpaced } as const;

/** The program's argument. */
export type Style = keyof typeof STYLES;

const style = JSON.parse(process.argv[2] ?? '') as Style;
const { engine, port } = await startServer({ form: 'stand-alone', options: {} }, [STYLES[style]]);
answerAboutWork(port, () => engine.activeCalls);
