/**
 * The suite's calls with promises, generators and `for await`: what `createClient` gives.
 */
import { setTimeout } from 'node:timers/promises';
import { type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { type Channel, createClient } from 'nestjs-connect/client';
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  ConformanceService,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  UnaryRequestSchema,
  UnimplementedRequestSchema,
} from '../gen/connectrpc/conformance/v1/service_pb.js';
import { type PlannedCall, type Reply } from './planned-call.js';

/** Rejects with a ConnectError when the call failed, and with another error when the plan makes no sense. */
export async function callWithPromises(channel: Channel, call: PlannedCall): Promise<void> {
  const client = createClient(ConformanceService, channel);
  const { method, options } = call;
  switch (method) {
    case 'Unary':
      return receive(client.unary(call.onlyRequest(UnaryRequestSchema), options), call);
    case 'IdempotentUnary':
      return receive(client.idempotentUnary(call.onlyRequest(IdempotentUnaryRequestSchema), options), call);
    case 'Unimplemented':
      return receive(client.unimplemented(call.onlyRequest(UnimplementedRequestSchema), options), call);
    case 'ServerStream':
      return receiveAll(client.serverStream(call.onlyRequest(ServerStreamRequestSchema), options), call);
    case 'ClientStream':
      return receive(client.clientStream(requests(ClientStreamRequestSchema, call), options), call);
    case 'BidiStream':
      return receiveAll(client.bidiStream(requests(BidiStreamRequestSchema, call), options), call);
    default:
      throw new Error(`unknown method "${method}"`);
  }
}

async function receive(reply: Promise<Reply>, call: PlannedCall): Promise<void> {
  call.received(await reply);
}

async function receiveAll(replies: AsyncIterable<Reply>, call: PlannedCall): Promise<void> {
  for await (const reply of replies) {
    call.received(reply);
  }
}

async function* requests<Desc extends DescMessage>(
  schema: Desc,
  call: PlannedCall,
): AsyncGenerator<MessageShape<Desc>> {
  for (const request of call.requests(schema)) {
    if (call.requestDelayMs > 0) {
      await setTimeout(call.requestDelayMs);
    }
    call.sending();
    yield request;
    await call.turn();
  }
  call.closing();
}
