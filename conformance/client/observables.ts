/**
 * The suite's calls with Observables in both directions: what `createRxClient` gives.
 */
import { type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { type Channel, createRxClient } from 'nestjs-connect/client';
import {
  concat,
  concatMap,
  defer,
  EMPTY,
  from,
  ignoreElements,
  lastValueFrom,
  type Observable,
  of,
  tap,
  timer,
} from 'rxjs';
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
export async function callWithObservables(channel: Channel, call: PlannedCall): Promise<void> {
  const replies = repliesOf(channel, call).pipe(tap((reply) => call.received(reply)));
  await lastValueFrom(replies, { defaultValue: undefined });
}

function repliesOf(channel: Channel, call: PlannedCall): Observable<Reply> {
  const client = createRxClient(ConformanceService, channel);
  const { method, options } = call;
  switch (method) {
    case 'Unary':
      return client.unary(call.onlyRequest(UnaryRequestSchema), options);
    case 'IdempotentUnary':
      return client.idempotentUnary(call.onlyRequest(IdempotentUnaryRequestSchema), options);
    case 'Unimplemented':
      return client.unimplemented(call.onlyRequest(UnimplementedRequestSchema), options);
    case 'ServerStream':
      return client.serverStream(call.onlyRequest(ServerStreamRequestSchema), options);
    case 'ClientStream':
      return client.clientStream(requests(ClientStreamRequestSchema, call), options);
    case 'BidiStream':
      return client.bidiStream(requests(BidiStreamRequestSchema, call), options);
    default:
      throw new Error(`unknown method "${method}"`);
  }
}

function requests<Desc extends DescMessage>(schema: Desc, call: PlannedCall): Observable<MessageShape<Desc>> {
  const inTurn = from(call.requests(schema)).pipe(
    concatMap((request) => concat(delay(call), send(request, call), nextTurn(call))),
  );
  return concat(
    inTurn,
    defer(() => {
      call.closing();
      return EMPTY;
    }),
  );
}

function delay({ requestDelayMs }: PlannedCall): Observable<never> {
  return requestDelayMs === 0 ? EMPTY : timer(requestDelayMs).pipe(ignoreElements());
}

function send<T>(request: T, call: PlannedCall): Observable<T> {
  return of(request).pipe(tap(() => call.sending()));
}

function nextTurn(call: PlannedCall): Observable<never> {
  return defer(() => call.turn()).pipe(ignoreElements());
}
