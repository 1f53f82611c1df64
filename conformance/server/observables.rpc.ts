/**
 * The suite's service in RxJS: handlers return Observables, and take request streams through `mapEach`.
 */
import { ConnectService, type ConnectContext, Rpc, type RpcStream } from 'nestjs-connect';
import {
  concat,
  concatMap,
  defer,
  EMPTY,
  from,
  map,
  type Observable,
  of,
  takeWhile,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import {
  type BidiStreamRequest,
  BidiStreamRequestSchema,
  type ClientStreamRequest,
  ClientStreamRequestSchema,
  ConformanceService,
  type IdempotentUnaryRequest,
  IdempotentUnaryRequestSchema,
  type ServerStreamRequest,
  ServerStreamRequestSchema,
  type UnaryRequest,
  UnaryRequestSchema,
} from '../gen/connectrpc/conformance/v1/service_pb.js';
import { type DelayedReply, Replies, type Response, type StreamReplies } from './replies.js';

// Partial: the suite wants to see that Unimplemented is not implemented.
@ConnectService(ConformanceService, { partial: true })
export class ObservablesRpc {
  constructor(private readonly replies: Replies) {}

  @Rpc()
  unary(request: UnaryRequest, context: ConnectContext): Observable<Response> {
    const echo = this.replies.record(UnaryRequestSchema, request);
    return delayed(this.replies.single(request.responseDefinition, [echo], context));
  }

  @Rpc()
  idempotentUnary(request: IdempotentUnaryRequest, context: ConnectContext): Observable<Response> {
    const echo = this.replies.record(IdempotentUnaryRequestSchema, request);
    return delayed(this.replies.single(request.responseDefinition, [echo], context));
  }

  @Rpc()
  serverStream(request: ServerStreamRequest, context: ConnectContext): Observable<Response> {
    const replies = this.replies.stream(context);
    replies.receive(this.replies.record(ServerStreamRequestSchema, request), request.responseDefinition);
    return remaining(replies);
  }

  @Rpc()
  clientStream(requests: RpcStream<ClientStreamRequest>, context: ConnectContext): Observable<Response> {
    return requests
      .mapEach((request) => of(request))
      .pipe(
        toArray(),
        concatMap((all) => {
          const echoes = all.map((request) => this.replies.record(ClientStreamRequestSchema, request));
          return delayed(this.replies.single(all[0]?.responseDefinition, echoes, context));
        }),
      );
  }

  @Rpc()
  bidiStream(requests: RpcStream<BidiStreamRequest>, context: ConnectContext): Observable<Response> {
    const replies = this.replies.stream(context);
    let isFullDuplex = false;
    const answers = requests.mapEach((request, index) => {
      replies.receive(this.replies.record(BidiStreamRequestSchema, request), request.responseDefinition);
      isFullDuplex = index === 0 ? request.fullDuplex : isFullDuplex;
      return isFullDuplex ? inTurn(replies) : EMPTY;
    });
    return concat(
      answers.pipe(takeWhile((response) => response !== undefined)),
      defer(() => remaining(replies)),
    );
  }
}

/** The answer to one request of a full-duplex stream; emits `undefined` when there is none left. */
function inTurn(replies: StreamReplies): Observable<Response | undefined> {
  replies.sendHeaders();
  const reply = replies.nextInTurn();
  return reply === undefined ? of(undefined) : delayed(reply);
}

function remaining(replies: StreamReplies): Observable<Response> {
  replies.sendHeaders();
  return concat(
    from(replies.remaining()).pipe(concatMap(delayed)),
    defer(() => {
      const error = replies.error();
      return error === undefined ? EMPTY : throwError(() => error);
    }),
  );
}

function delayed({ payload, delayMs }: DelayedReply): Observable<Response> {
  const response = { payload };
  return delayMs === 0 ? of(response) : timer(delayMs).pipe(map(() => response));
}
