/**
 * A client that asks for a long stream, reads nothing for a while, and then everything, looking at every message:
 * `node slow-reader.mjs REQUEST`, in JSON.
 *
 * REQUEST: `origin`, `http` ('1' or '2'), `path`, `headers`, `body` (base64), `textLength`, `pauseMs`. Prints a line when it
 * begins to read, and one at the end: `messages`, `wrong` (the first that was not what it should be), and the stream's
 * `code` and `message`.
 */
import { request as http1Request } from 'node:http';
import { connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { ServerStreamResponseSchema } from '../gen/bench/v1/bench_pb.js';

const PREFIX_BYTES = 5;
const END_STREAM = 0b10;
const RESOURCE_EXHAUSTED = '8';

const call = JSON.parse(process.argv[2]);
const body = Buffer.from(call.body, 'base64');

let messages = 0;
let wrong;
let end;

function openHttp1() {
  return new Promise((resolve, reject) => {
    const headers = { ...call.headers, 'content-length': body.length };
    const request = http1Request(call.origin + call.path, { method: 'POST', headers });
    request.once('error', reject);
    request.once('response', resolve);
    request.end(body);
  });
}

function openHttp2() {
  return new Promise((resolve, reject) => {
    const session = connect(call.origin);
    const stream = session.request({ ':method': 'POST', ':path': call.path, ...call.headers });
    stream.once('error', reject);
    // An error that comes before any message stands in the headers alone.
    stream.once('response', (headers) => {
      noteGrpcStatus(headers);
      resolve(stream);
    });
    stream.once('trailers', noteGrpcStatus);
    stream.end(body);
  });
}

function noteGrpcStatus(headers) {
  const status = headers['grpc-status'];
  if (status !== undefined) {
    const names = { 0: 'ok', [RESOURCE_EXHAUSTED]: 'resource_exhausted' };
    end = { code: names[status] ?? status, message: decodeURIComponent(headers['grpc-message'] ?? '') };
  }
}

function noteEndStream(bytes) {
  const { error } = JSON.parse(bytes.toString());
  end = error === undefined ? { code: 'ok', message: '' } : { code: error.code, message: error.message };
}

function takeEnvelope(flags, bytes) {
  if (flags === END_STREAM) {
    noteEndStream(bytes);
    return;
  }
  messages++;
  const { sequence, text } = fromBinary(ServerStreamResponseSchema, bytes);
  const isRight = sequence === messages && text.length === call.textLength && text.endsWith(`0${sequence}`);
  if (!isRight) {
    wrong ??= messages;
  }
}

/** @returns What is left: the beginning of an envelope. */
function takeEnvelopes(bytes) {
  let offset = 0;
  while (bytes.length - offset >= PREFIX_BYTES) {
    const next = offset + PREFIX_BYTES + bytes.readUInt32BE(offset + 1);
    if (next > bytes.length) {
      break;
    }
    takeEnvelope(bytes[offset], bytes.subarray(offset + PREFIX_BYTES, next));
    offset = next;
  }
  return bytes.subarray(offset);
}

const response = await (call.http === '1' ? openHttp1() : openHttp2());
await sleep(call.pauseMs);
console.log(JSON.stringify({ reading: true }));
let rest = Buffer.alloc(0);
for await (const chunk of response) {
  rest = takeEnvelopes(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
}
console.log(JSON.stringify({ messages, wrong, ...end }));
process.exit(0);
