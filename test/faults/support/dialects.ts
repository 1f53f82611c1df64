/**
 * The same call in every protocol, with messages in JSON: what a test sends and gets is what it reads.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { StatusSchema } from '../../../lib/gen/google/rpc/status_pb.js';
import { type Http2Result } from '../../server/engine-harness.js';
import { type Frame, frame as envelope, framesIn } from '../../support/frames.js';

/** How a call ended, in the words of Connect: `ok`, or the name of a code. */
export interface Outcome {
  readonly code: string;
  readonly message: string;
}

/** An answer over either HTTP version, its body in latin1. */
export type Answer = Pick<Http2Result, 'status' | 'headers' | 'body' | 'trailers'>;

export interface Dialect {
  readonly protocol: 'Connect' | 'gRPC' | 'gRPC-Web';
  /** Over which it is spoken. */
  readonly versions: readonly ('1.1' | '2')[];
  readonly unaryHeaders: Record<string, string>;
  readonly streamHeaders: Record<string, string>;
  readonly timeout: (ms: number) => Record<string, string>;
  /** The body of a unary call. */
  readonly unaryBody: (message: object) => Buffer;
  readonly unaryOutcome: (answer: Answer) => Outcome;
  readonly streamOutcome: (answer: Answer) => Outcome;
  /** The messages of a response, without its end. */
  readonly unaryMessages: (answer: Answer) => unknown[];
  readonly streamMessages: (answer: Answer) => unknown[];
  readonly errorDetails: (answer: Answer, isUnary: boolean) => EncodedDetail[];
  /** What goes with the end of a response: trailers, or the headers of a response that is nothing but its end. */
  readonly endMetadata: (answer: Answer, isUnary: boolean) => Readonly<Record<string, unknown>>;
}

/** A detail of an error: the name of its type, and its bytes. */
export interface EncodedDetail {
  readonly type: string;
  readonly value: Uint8Array;
}

/** A message of a stream, which is the same in all protocols. */
export function streamed(message: object): Buffer {
  return envelope(0, JSON.stringify(message));
}

const FLAG_END_STREAM = 0b10;
const FLAG_TRAILERS = 0x80;
const ENDS = FLAG_END_STREAM | FLAG_TRAILERS;

const connectDialect: Dialect = {
  protocol: 'Connect',
  versions: ['1.1', '2'],
  unaryHeaders: { 'content-type': 'application/json' },
  streamHeaders: { 'content-type': 'application/connect+json' },
  timeout: (ms) => ({ 'connect-timeout-ms': String(ms) }),
  unaryBody: (message) => Buffer.from(JSON.stringify(message)),
  unaryOutcome: ({ status, body }) => (status === 200 ? OK : connectError(JSON.parse(utf8(body)))),
  streamOutcome(answer) {
    const { error } = endOfStream(answer);
    return error === undefined ? OK : connectError(error);
  },
  unaryMessages: ({ status, body }) => (status === 200 ? [JSON.parse(utf8(body))] : []),
  streamMessages: messagesIn,
  errorDetails(answer, isUnary) {
    const error = isUnary ? JSON.parse(utf8(answer.body)) : endOfStream(answer).error;
    const { details = [] } = error as { details?: { type: string; value: string }[] };
    return details.map(({ type, value }) => ({ type, value: Buffer.from(value, 'base64') }));
  },
  endMetadata: (answer, isUnary) => (isUnary ? answer.headers : (endOfStream(answer).metadata ?? {})),
};

const grpcDialect: Dialect = {
  protocol: 'gRPC',
  versions: ['2'],
  unaryHeaders: { 'content-type': 'application/grpc+json', te: 'trailers' },
  streamHeaders: { 'content-type': 'application/grpc+json', te: 'trailers' },
  timeout: grpcTimeout,
  unaryBody: streamed,
  unaryOutcome: (answer) => grpcStatus(grpcMetadata(answer)),
  streamOutcome: (answer) => grpcStatus(grpcMetadata(answer)),
  unaryMessages: messagesIn,
  streamMessages: messagesIn,
  errorDetails: (answer) => statusDetails(grpcMetadata(answer)),
  endMetadata: grpcMetadata,
};

const grpcWebDialect: Dialect = {
  protocol: 'gRPC-Web',
  versions: ['1.1', '2'],
  unaryHeaders: { 'content-type': 'application/grpc-web+json' },
  streamHeaders: { 'content-type': 'application/grpc-web+json' },
  timeout: grpcTimeout,
  unaryBody: streamed,
  unaryOutcome: webOutcome,
  streamOutcome: webOutcome,
  unaryMessages: messagesIn,
  streamMessages: messagesIn,
  errorDetails: (answer) => statusDetails(webMetadata(answer)),
  endMetadata: webMetadata,
};

export const DIALECTS: readonly Dialect[] = [connectDialect, grpcDialect, grpcWebDialect];

const OK: Outcome = { code: 'ok', message: '' };

function grpcTimeout(ms: number): Record<string, string> {
  return { 'grpc-timeout': `${ms}m` };
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString();
}

function bodyFrames({ body }: Answer): Frame[] {
  return framesIn(Buffer.from(body, 'latin1'));
}

function lastFrame(answer: Answer): Frame {
  const last = bodyFrames(answer).at(-1);
  if (last === undefined || (last[0] & ENDS) === 0) {
    throw new Error(`the response has no end: status ${answer.status}, ${answer.body.length} bytes`);
  }
  return last;
}

function messagesIn(answer: Answer): unknown[] {
  return bodyFrames(answer)
    .filter(([flags]) => (flags & ENDS) === 0)
    .map(([, payload]) => JSON.parse(utf8(payload)) as unknown);
}

function connectError(error: unknown): Outcome {
  const { code, message = '' } = error as { code: string; message?: string };
  return { code, message };
}

/** The status of a gRPC call stands in its trailers, or in its headers when it has nothing else. */
function grpcStatus(metadata: Readonly<Record<string, unknown>>): Outcome {
  const status = metadata['grpc-status'];
  if (typeof status !== 'string') {
    throw new Error(`the response has no grpc-status: ${JSON.stringify(metadata)}`);
  }
  const message = metadata['grpc-message'];
  return {
    code: GRPC_CODES[Number(status)] ?? status,
    message: typeof message === 'string' ? decodeURIComponent(message) : '',
  };
}

function webOutcome(answer: Answer): Outcome {
  return grpcStatus(webMetadata(answer));
}

function grpcMetadata({ headers, trailers }: Answer): Readonly<Record<string, unknown>> {
  return { ...headers, ...trailers };
}

function webMetadata(answer: Answer): Readonly<Record<string, unknown>> {
  return answer.headers['grpc-status'] === undefined ? webTrailers(answer) : answer.headers;
}

/** google.rpc.Status, whose details are Any. */
function statusDetails(metadata: Readonly<Record<string, unknown>>): EncodedDetail[] {
  const status = fromBinary(StatusSchema, Buffer.from(String(metadata['grpc-status-details-bin']), 'base64'));
  return status.details.map(({ typeUrl, value }) => ({
    type: typeUrl.replace('type.googleapis.com/', ''),
    value,
  }));
}

interface EndOfStream {
  readonly error?: object;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

function endOfStream(answer: Answer): EndOfStream {
  const [, end] = lastFrame(answer);
  return JSON.parse(utf8(end)) as EndOfStream;
}

/** The last envelope of a gRPC-Web response, as headers. */
function webTrailers(answer: Answer): Record<string, string> {
  const [, block] = lastFrame(answer);
  const lines = block.split('\r\n').filter((line) => line !== '');
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
}

const GRPC_CODES: Readonly<Record<number, string>> = {
  0: 'ok',
  3: 'invalid_argument',
  4: 'deadline_exceeded',
  8: 'resource_exhausted',
  9: 'failed_precondition',
  12: 'unimplemented',
  13: 'internal',
  14: 'unavailable',
};
