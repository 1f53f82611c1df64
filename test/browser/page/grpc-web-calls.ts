/**
 * Calls with the official `grpc-web` client, on descriptors written by hand: it asks of a message only how it becomes
 * bytes.
 */
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { base64Decode } from '@bufbuild/protobuf/wire';
import * as grpcWeb from 'grpc-web';
import { StatusSchema } from '../../../lib/gen/google/rpc/status_pb.js';
import {
  ElizaService,
  type IntroduceResponse,
  IntroduceRequestSchema,
  IntroduceResponseSchema,
  type SayResponse,
  SayRequestSchema,
  SayResponseSchema,
} from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { ABORT_DELAY_MS, type CallError, type CallOutcome, type CallRequest, ownOf } from './outcome.js';

type Responses = grpcWeb.ClientReadableStream<SayResponse | IntroduceResponse>;

export function callWithGrpcWeb(request: CallRequest): Promise<CallOutcome> {
  const sentences: string[] = [];
  let headers = {};
  let trailers = {};
  return new Promise((resolve) => {
    const finish = (error?: CallError): void => resolve({ sentences, headers, trailers, error });
    const responses = send(request, (error) => finish(errorOf(error)));
    const cancel = (): void => {
      responses.cancel();
      // The client says nothing about a call that it canceled itself.
      finish({ code: grpcWeb.StatusCode.CANCELLED, message: 'canceled', details: [], metadata: {} });
    };
    responses
      .on('metadata', (all) => {
        headers = ownOf(Object.entries(all));
      })
      .on('status', ({ metadata = {} }) => {
        trailers = ownOf(Object.entries(metadata));
      })
      .on('data', ({ sentence }) => {
        sentences.push(sentence);
        if (sentences.length === request.abortAfter) {
          cancel();
        }
      })
      .on('error', (error) => finish(errorOf(error)))
      .on('end', () => finish());
    if (request.abortAfter === 0) {
      setTimeout(cancel, ABORT_DELAY_MS);
    }
  });
}

function send(
  { client, baseUrl, method, text, headers, timeoutMs }: CallRequest,
  fail: (error: grpcWeb.RpcError) => void,
) {
  const base = new grpcWeb.GrpcWebClientBase({ format: client.endsWith('text') ? 'text' : 'binary' });
  const deadline = timeoutMs === undefined ? {} : { deadline: String(Date.now() + timeoutMs) };
  const metadata = { ...headers, ...deadline };
  const service = `${baseUrl}/${ElizaService.typeName}`;
  return method === 'say'
    ? (base.rpcCall(
        `${service}/Say`,
        create(SayRequestSchema, { sentence: text }),
        metadata,
        describe(
          `/${ElizaService.typeName}/Say`,
          grpcWeb.MethodType.UNARY,
          SayRequestSchema,
          SayResponseSchema,
        ),
        (error: grpcWeb.RpcError | null) => {
          if (error !== null) {
            fail(error);
          }
        },
      ) as Responses)
    : (base.serverStreaming(
        `${service}/Introduce`,
        create(IntroduceRequestSchema, { name: text }),
        metadata,
        describe(
          `/${ElizaService.typeName}/Introduce`,
          grpcWeb.MethodType.SERVER_STREAMING,
          IntroduceRequestSchema,
          IntroduceResponseSchema,
        ),
      ) as Responses);
}

function describe<I extends DescMessage, O extends DescMessage>(
  path: string,
  type: string,
  input: I,
  output: O,
): grpcWeb.MethodDescriptor<MessageShape<I>, MessageShape<O>> {
  // The classes are kept and never used: messages are made and read by the two functions.
  return new grpcWeb.MethodDescriptor<MessageShape<I>, MessageShape<O>>(
    path,
    type,
    Object as never,
    Object as never,
    (message: MessageShape<I>) => toBinary(input, message),
    (bytes: Uint8Array) => fromBinary(output, bytes),
  );
}

function errorOf({ code, message, metadata }: grpcWeb.RpcError): CallError {
  const status = metadata['grpc-status-details-bin'];
  const details =
    status === undefined
      ? []
      : fromBinary(StatusSchema, base64Decode(status)).details.map(({ value }) => value);
  return {
    code,
    message,
    details: details.map((value) => fromBinary(SayRequestSchema, value).sentence),
    metadata: ownOf(Object.entries(metadata)),
  };
}
