/**
 * Everything that a page can be told by a call: messages, metadata, details of errors; and calls that wait for their
 * cancellation.
 */
import { Code, ConnectError, type ConnectContext, ConnectService, Rpc } from 'nestjs-connect';
import { NEVER, type Observable, Subject } from 'rxjs';
import {
  ElizaService,
  type IntroduceRequest,
  type SayRequest,
  SayRequestSchema,
} from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';

interface Sentence {
  readonly sentence: string;
}

/** The names of methods whose call was canceled. */
export type Cancellations = Observable<string>;

// Browsers have neither of the other two kinds.
@ConnectService(ElizaService, { partial: true })
export class BrowserRpc {
  readonly cancellations = new Subject<string>();

  @Rpc()
  say({ sentence }: SayRequest, context: ConnectContext): Sentence | Observable<never> {
    if (sentence === 'fail') {
      throw failure();
    }
    if (sentence === 'never') {
      this.#watch('say', context);
      return NEVER;
    }
    const sent = context.requestHeaders.get('x-ask');
    context.responseHeaders.set('x-head', `${sent}, in front`);
    context.responseTrailers.set('x-tail', `${sent}, behind`);
    return { sentence: `${context.method.name}: ${sentence}` };
  }

  /** Three sentences, slow enough to come one by one; the last of them as the name says. */
  @Rpc()
  async *introduce({ name }: IntroduceRequest, context: ConnectContext): AsyncGenerator<Sentence> {
    yield { sentence: 'first' };
    yield { sentence: 'second' };
    if (name === 'fail') {
      throw failure();
    }
    if (name === 'never') {
      this.#watch('introduce', context);
      await new Promise((resolve) => {
        context.signal.addEventListener('abort', resolve);
      });
    }
    yield { sentence: 'third' };
  }

  #watch(method: string, { signal }: ConnectContext): void {
    signal.addEventListener('abort', () => this.cancellations.next(method));
  }
}

function failure(): ConnectError {
  return new ConnectError('no couch: \u{1F6CB} is broken', {
    code: Code.FailedPrecondition,
    details: [{ desc: SayRequestSchema, value: { sentence: 'the detail' } }],
    metadata: { 'x-tail': 'couch' },
  });
}
