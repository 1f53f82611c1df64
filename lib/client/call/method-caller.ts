/**
 * One method of one channel, as promises and streams, and as Observables.
 */
import { Observable } from 'rxjs';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { MessageStream, type RpcStream } from '../../stream/message-stream.js';
import { type CallBeginner, type SendOptions } from './call-sender.js';
import { LazyReplies } from './lazy-replies.js';

const NO_OPTIONS: SendOptions = Object.freeze({});

export class MethodCaller {
  constructor(private readonly calls: CallBeginner) {}

  /** The caller with the shape that {@link ConnectClient} promises. */
  get promising(): (request: unknown, options?: SendOptions) => Promise<unknown> | RpcStream<unknown> {
    return this.calls.spec.streamsResponses
      ? (request, options) => this.stream(request, options)
      : (request, options) => this.#promise(request, options);
  }

  /** The caller with the shape that {@link RxConnectClient} promises. */
  get observable(): (request: unknown, options?: SendOptions) => Observable<unknown> {
    return this.calls.spec.streamsResponses
      ? (request, options) =>
          new Observable((subscriber) => this.stream(request, options).subscribe(subscriber))
      : (request, options) => this.single(request, options);
  }

  /** For methods with one reply. */
  single(request: unknown, options = NO_OPTIONS): Observable<unknown> {
    return new Observable((subscriber) => {
      const call = this.calls.beginSingle(request, options, {
        succeed(message) {
          subscriber.next(message);
          subscriber.complete();
        },
        fail: (error) => subscriber.error(error),
      });
      return () => call.cancel(new ConnectError('the caller unsubscribed', { code: Code.Canceled }));
    });
  }

  /** For methods with a stream of replies. */
  stream(request: unknown, options = NO_OPTIONS): RpcStream<unknown> {
    const replies = new LazyReplies(() => this.calls.beginStream(request, options));
    return new MessageStream(replies, { path: this.calls.spec.path, onceHint: ONCE_HINT });
  }

  #promise(request: unknown, options = NO_OPTIONS): Promise<unknown> {
    return new Promise((succeed, fail) => {
      this.calls.beginSingle(request, options, { succeed, fail });
    });
  }
}

const ONCE_HINT = 'Call the method again, or use the Rx client, where every subscription is a call';
