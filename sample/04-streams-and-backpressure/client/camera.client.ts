/**
 * Two clients by hand, over node:http2: one watches slowly, the other films as fast as it can.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { setTimeout } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type Producer,
  RecordRequestSchema,
  RecordResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from '../gen/camera/v1/camera_pb.js';
import { envelopesIn, toEnvelope } from './envelopes.js';

const LOOK_MS = 50;
const FRAME_BYTES = 64 * 1024;

/** How long a client goes on, and who hears of every frame. */
export interface ClientOptions {
  readonly signal: AbortSignal;
  readonly onFrame: (number: number) => void;
}

/**
 * Looks at every frame for a while before it takes the next one off the wire.
 *
 * @returns The code and the text of the error that the server has ended it with; `undefined` when the signal has.
 */
export async function watchSlowly(
  session: ClientHttp2Session,
  producer: Producer,
  { signal, onFrame }: ClientOptions,
): Promise<string | undefined> {
  const stream = call(session, 'Watch');
  stream.end(toEnvelope(toBinary(WatchRequestSchema, create(WatchRequestSchema, { producer }))));
  for await (const { isLast, payload } of envelopesIn(stream)) {
    if (isLast) {
      return errorIn(payload);
    }
    onFrame(fromBinary(WatchResponseSchema, payload).number);
    await setTimeout(LOOK_MS);
    if (signal.aborted) {
      break; // Destroys the stream: the server stops its producer.
    }
  }
  return undefined;
}

/**
 * Sends frames as fast as the connection takes them.
 *
 * @returns How many the server has kept.
 */
export async function filmFast(
  session: ClientHttp2Session,
  { signal, onFrame }: ClientOptions,
): Promise<number> {
  const stream = call(session, 'Record');
  const image = new Uint8Array(FRAME_BYTES);
  const frame = toEnvelope(toBinary(RecordRequestSchema, create(RecordRequestSchema, { image })));
  for (let number = 1; !signal.aborted; number++) {
    onFrame(number);
    if (!stream.write(frame)) {
      await once(stream, 'drain');
    }
  }
  stream.end();
  const response = await envelopesIn(stream).next();
  return fromBinary(RecordResponseSchema, response.value?.payload ?? new Uint8Array()).frames;
}

/** The last envelope of a stream that has failed is `{"error":{"code":…,"message":…}}`. */
function errorIn(payload: Buffer): string {
  const { error } = JSON.parse(payload.toString()) as { error: { code: string; message: string } };
  return `${error.code}: ${error.message}`;
}

function call(session: ClientHttp2Session, method: string): ClientHttp2Stream {
  return session.request({
    ':method': 'POST',
    ':path': `/camera.v1.CameraService/${method}`,
    'content-type': 'application/connect+proto',
  });
}
