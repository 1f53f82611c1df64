/**
 * Eliza's service on a bad day: fails with details, echoes metadata, and never comes to an end.
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

/** What a handler saw when its call was canceled. */
export interface Cancellation {
  readonly method: string;
  readonly reason: unknown;
}

// Reflect and Converse are left out, to be unimplemented.
@ConnectService(ElizaService, { partial: true })
export class TroubleRpc {
  readonly cancellations = new Subject<Cancellation>();

  @Rpc()
  say(request: SayRequest, context: ConnectContext): Sentence | Observable<never> {
    switch (request.sentence) {
      case 'fail':
        throw failure();
      case 'crash':
        throw new Error('the password is 1234');
      case 'never':
        this.#watch('say', context);
        return NEVER;
      default:
        for (const name of ['x-echo', 'x-echo-bin']) {
          for (const value of context.requestHeaders.getAll(name)) {
            context.responseHeaders.append(name, value);
            context.responseTrailers.append(`trailing-${name}`, value);
          }
        }
        return { sentence: `${request.sentence} within ${context.requestTimeoutMs ?? 'any'} ms` };
    }
  }

  /** Two sentences; then a failure, or nothing more, as the name says. */
  @Rpc()
  async *introduce(request: IntroduceRequest, context: ConnectContext): AsyncGenerator<Sentence> {
    yield { sentence: 'first' };
    yield { sentence: 'second' };
    if (request.name === 'fail') {
      throw failure();
    }
    this.#watch('introduce', context);
    await new Promise((resolve) => {
      context.signal.addEventListener('abort', resolve);
    });
  }

  #watch(method: string, { signal }: ConnectContext): void {
    signal.addEventListener('abort', () => {
      this.cancellations.next({ method, reason: signal.reason });
    });
  }
}

function failure(): ConnectError {
  return new ConnectError('no couch: \u{1F6CB} is broken', {
    code: Code.FailedPrecondition,
    details: [{ desc: SayRequestSchema, value: { sentence: 'the detail' } }],
    metadata: { 'x-reason': 'couch', 'x-reason-bin': new Uint8Array([0, 1, 255]) },
  });
}
