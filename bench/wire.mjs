/**
 * Requests as bytes, and responses back into messages that can be compared.
 */
import { create, equals, fromBinary, fromJson, toBinary, toJsonString } from '@bufbuild/protobuf';
import {
  BidiStreamRequestSchema,
  BidiStreamResponseSchema,
  ServerStreamRequestSchema,
  ServerStreamResponseSchema,
  UnaryRequestSchema,
  UnaryResponseSchema,
} from './gen/bench/v1/bench_pb.js';
import { SERVICE_PATH } from './paths.mjs';
import { PAYLOADS } from './payloads.mjs';

const PREFIX_BYTES = 5;
// Connect's flag of the message that ends a stream.
const END_STREAM = 0b10;

const identity = (bytes) => bytes;
const proto = { to: toBinary, from: fromBinary };
const json = {
  to: (schema, message) => Buffer.from(toJsonString(schema, message)),
  from: (schema, bytes) => fromJson(schema, JSON.parse(bytes.toString())),
};

/** How a unary message travels. No request has a header that accepts compression. */
export const FORMATS = {
  'connect-proto': {
    title: 'Connect, proto',
    contentType: 'application/proto',
    headers: { 'connect-protocol-version': '1' },
    codec: proto,
    frame: identity,
    unframe: identity,
    hasTrailers: false,
  },
  'connect-json': {
    title: 'Connect, JSON',
    contentType: 'application/json',
    headers: { 'connect-protocol-version': '1' },
    codec: json,
    frame: identity,
    unframe: identity,
    hasTrailers: false,
  },
  grpc: {
    title: 'gRPC',
    contentType: 'application/grpc',
    headers: { te: 'trailers' },
    codec: proto,
    frame: envelope,
    unframe: onlyMessage,
    hasTrailers: true,
  },
  rest: {
    title: 'JSON',
    path: '/bench/unary',
    contentType: 'application/json',
    headers: {},
    codec: json,
    frame: identity,
    unframe: identity,
    hasTrailers: false,
  },
};

/** How a stream of messages travels. */
export const STREAM_FORMATS = {
  connect: {
    title: 'Connect',
    contentType: 'application/connect+proto',
    headers: { 'connect-protocol-version': '1' },
  },
  grpc: { title: 'gRPC', contentType: 'application/grpc', headers: { te: 'trailers' } },
};

/** @returns The payload, as it travels in that format, in either direction. */
export function encodeUnary(format, payload) {
  const message = create(UnaryRequestSchema, PAYLOADS[payload].message);
  return format.frame(format.codec.to(UnaryRequestSchema, message));
}

/** @returns A whole unary request: path, headers, body. */
export function unaryRequest(formatName, payload) {
  const format = FORMATS[formatName];
  return {
    path: format.path ?? `${SERVICE_PATH}/Unary`,
    headers: { 'content-type': format.contentType, ...format.headers },
    body: encodeUnary(format, payload),
  };
}

/** @throws Error When an answer is not the payload that was sent. */
export function checkUnaryAnswer(formatName, payload, { headers, trailers, body }) {
  checkPlain(headers);
  const { codec, unframe, hasTrailers } = FORMATS[formatName];
  if (hasTrailers) {
    checkGrpcStatus(trailers);
  }
  const answer = codec.from(UnaryResponseSchema, unframe(body));
  if (!equals(UnaryResponseSchema, answer, create(UnaryResponseSchema, PAYLOADS[payload].message))) {
    throw new Error('the answer is not what was sent');
  }
}

/** @returns A whole request for a stream of messages. */
export function serverStreamRequest(formatName, init) {
  const message = create(ServerStreamRequestSchema, init);
  return {
    path: `${SERVICE_PATH}/ServerStream`,
    headers: streamHeaders(formatName),
    body: envelope(toBinary(ServerStreamRequestSchema, message)),
  };
}

/** @throws Error When a message is missing, too much, or not the one that should stand there. */
export function checkServerStreamAnswer({ count, textLength }, { headers, trailers, body }) {
  checkPlain(headers);
  const all = readEnvelopes(body);
  const messages = all.filter(({ flags }) => flags !== END_STREAM);
  checkStreamEnd(all.find(({ flags }) => flags === END_STREAM)?.bytes, trailers);
  if (messages.length !== count) {
    throw new Error(`${messages.length} messages instead of ${count}`);
  }
  for (const [index, { bytes }] of messages.entries()) {
    const { sequence, text } = fromBinary(ServerStreamResponseSchema, bytes);
    if (sequence !== index + 1 || text.length !== textLength) {
      throw new Error(`message ${index + 1} is not what it should be`);
    }
  }
}

function checkStreamEnd(endStream, trailers) {
  if (endStream === undefined) {
    checkGrpcStatus(trailers);
  } else if (JSON.parse(endStream.toString()).error !== undefined) {
    throw new Error(`the stream ended with ${endStream.toString()}`);
  }
}

/** @returns Path, headers and the one message of a stream that stays open. */
export function bidiStreamRequest(formatName) {
  return {
    path: `${SERVICE_PATH}/BidiStream`,
    headers: streamHeaders(formatName),
    body: envelope(toBinary(BidiStreamRequestSchema, create(BidiStreamRequestSchema, BIDI_MESSAGE))),
    answer: envelope(toBinary(BidiStreamResponseSchema, create(BidiStreamResponseSchema, BIDI_MESSAGE))),
  };
}

const BIDI_MESSAGE = { text: 'still here' };

function streamHeaders(formatName) {
  const { contentType, headers } = STREAM_FORMATS[formatName];
  return { 'content-type': contentType, ...headers };
}

/** @returns The message behind the five bytes that gRPC and Connect put before it. */
function envelope(bytes) {
  const framed = Buffer.alloc(PREFIX_BYTES + bytes.length);
  framed.writeUInt32BE(bytes.length, 1);
  framed.set(bytes, PREFIX_BYTES);
  return framed;
}

function onlyMessage(body) {
  const messages = readEnvelopes(body);
  if (messages.length !== 1) {
    throw new Error(`${messages.length} messages instead of one`);
  }
  return messages[0].bytes;
}

function readEnvelopes(body) {
  const all = [];
  for (let offset = 0; offset < body.length;) {
    const end = offset + PREFIX_BYTES + body.readUInt32BE(offset + 1);
    const flags = body[offset];
    if (flags % 2 !== 0 || end > body.length) {
      throw new Error(flags % 2 === 0 ? 'half a message' : 'a compressed message');
    }
    all.push({ flags, bytes: body.subarray(offset + PREFIX_BYTES, end) });
    offset = end;
  }
  return all;
}

function checkGrpcStatus(trailers) {
  if (trailers['grpc-status'] !== '0') {
    throw new Error(`grpc-status ${trailers['grpc-status']}: ${trailers['grpc-message']}`);
  }
}

function checkPlain(headers) {
  for (const name of ['content-encoding', 'connect-content-encoding', 'grpc-encoding']) {
    if ((headers[name] ?? 'identity') !== 'identity') {
      throw new Error(`the answer is compressed: ${name} is ${headers[name]}`);
    }
  }
}
