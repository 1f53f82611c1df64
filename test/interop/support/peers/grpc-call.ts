/**
 * A call of grpc-js on the server's side, which is also what Nest's gRPC transport gives its handlers: the script's part,
 * metadata, and the error.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { Metadata, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { StatusSchema } from '../../../../lib/gen/google/rpc/status_pb.js';
import { FAILURE, type ScriptedCall } from './script.js';

/** What calls of all four kinds have. */
export interface GrpcCall extends Pick<
  ServerUnaryCall<unknown, unknown>,
  'metadata' | 'getDeadline' | 'sendMetadata'
> {
  once(event: 'cancelled', listener: () => void): unknown;
}

/** @param toError Of what grpc-js wants to be told. */
export function scripted(call: GrpcCall, toError: (failure: typeof GRPC_FAILURE) => Error): ScriptedCall {
  return {
    whenCanceled: () =>
      new Promise((resolve) => call.once('cancelled', () => resolve(new Error('canceled')))),
    timeLeftMs: () => Number(call.getDeadline()) - Date.now(),
    failure: () => toError(GRPC_FAILURE),
  };
}

/** Sends the headers. @returns The trailers, to be sent at the end. */
export function echo(call: GrpcCall): Metadata {
  const headers = new Metadata();
  const trailers = new Metadata();
  for (const suffix of ['', '-bin']) {
    for (const value of call.metadata.get(`x-echo${suffix}`)) {
      headers.add(`x-echo${suffix}`, value);
      trailers.add(`x-echo-trailer${suffix}`, value);
    }
  }
  call.sendMetadata(headers);
  return trailers;
}

const GRPC_FAILURE = {
  code: status.FAILED_PRECONDITION,
  details: FAILURE.message,
  metadata: failureMetadata(),
};

function failureMetadata(): Metadata {
  const metadata = new Metadata();
  metadata.set('x-reason', FAILURE.reason);
  metadata.set('x-reason-bin', Buffer.from(FAILURE.reasonBytes));
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, rpcStatus())));
  return metadata;
}

function rpcStatus() {
  return create(StatusSchema, {
    code: status.FAILED_PRECONDITION,
    message: FAILURE.message,
    details: [anyPack(StringValueSchema, FAILURE.detail)],
  });
}
