/**
 * The suite's service without RxJS: async functions, async generators, and `for await` over request streams.
 */
import { setTimeout } from 'node:timers/promises';
import { ConnectService, type ConnectContext, Rpc, type RpcStream } from 'nestjs-connect';
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
export class GeneratorsRpc {
  constructor(private readonly replies: Replies) {}

  @Rpc()
  async unary(request: UnaryRequest, context: ConnectContext): Promise<Response> {
    const echo = this.replies.record(UnaryRequestSchema, request);
    return delayed(this.replies.single(request.responseDefinition, [echo], context), context);
  }

  @Rpc()
  async idempotentUnary(request: IdempotentUnaryRequest, context: ConnectContext): Promise<Response> {
    const echo = this.replies.record(IdempotentUnaryRequestSchema, request);
    return delayed(this.replies.single(request.responseDefinition, [echo], context), context);
  }

  @Rpc()
  async *serverStream(request: ServerStreamRequest, context: ConnectContext): AsyncGenerator<Response> {
    const replies = this.replies.stream(context);
    replies.receive(this.replies.record(ServerStreamRequestSchema, request), request.responseDefinition);
    yield* remaining(replies, context);
  }

  @Rpc()
  async clientStream(
    requests: AsyncIterable<ClientStreamRequest>,
    context: ConnectContext,
  ): Promise<Response> {
    const all: ClientStreamRequest[] = [];
    for await (const request of requests) {
      all.push(request);
    }
    const echoes = all.map((request) => this.replies.record(ClientStreamRequestSchema, request));
    return delayed(this.replies.single(all[0]?.responseDefinition, echoes, context), context);
  }

  @Rpc()
  async *bidiStream(
    requests: RpcStream<BidiStreamRequest>,
    context: ConnectContext,
  ): AsyncGenerator<Response> {
    const replies = this.replies.stream(context);
    let isFullDuplex: boolean | undefined;
    for await (const request of requests) {
      replies.receive(this.replies.record(BidiStreamRequestSchema, request), request.responseDefinition);
      isFullDuplex ??= request.fullDuplex;
      if (isFullDuplex) {
        replies.sendHeaders();
        const reply = replies.nextInTurn();
        if (reply === undefined) {
          break;
        }
        yield await delayed(reply, context);
      }
    }
    yield* remaining(replies, context);
  }
}

async function* remaining(replies: StreamReplies, context: ConnectContext): AsyncGenerator<Response> {
  replies.sendHeaders();
  for (const reply of replies.remaining()) {
    yield await delayed(reply, context);
  }
  const error = replies.error();
  if (error !== undefined) {
    throw error;
  }
}

async function delayed({ payload, delayMs }: DelayedReply, { signal }: ConnectContext): Promise<Response> {
  if (delayMs > 0) {
    await setTimeout(delayMs, undefined, { signal });
  }
  return { payload };
}
