/**
 * Who waits for whom, counted on both sides of a real connection.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectServer } from 'nestjs-connect';
import { filmFast, watchSlowly } from '../client/camera.client.js';
import { Producer } from '../gen/camera/v1/camera_pb.js';
import { CameraModule } from './camera.module.js';
import { Camera } from './camera.js';
import { Recorder } from './recorder.js';

/** Frames of 64 KiB between producer and consumer: HTTP/2's windows, the socket, and the buffers of Node's streams. */
const MAX_AHEAD = 12;
const FRAMES = 8;

let app: INestMicroservice;
let session: ClientHttp2Session;

beforeEach(async () => {
  app = await NestFactory.createMicroservice(CameraModule, {
    strategy: new ConnectServer({ host: '127.0.0.1', port: 0 }),
    logger: false,
  });
  const { port }: AddressInfo = await app.listen();
  session = connect(`http://127.0.0.1:${port}`);
});

afterEach(async () => {
  const isClosed = once(session, 'close');
  session.close();
  await isClosed;
  await app.close();
});

/** Watches some frames, and how many the camera was ahead at most. */
async function watch(producer: Producer) {
  const enough = new AbortController();
  const numbers: number[] = [];
  let ahead = 0;
  const error = await watchSlowly(session, producer, {
    signal: enough.signal,
    onFrame: (number) => {
      ahead = Math.max(ahead, app.get(Camera).shot - number);
      if (numbers.push(number) === FRAMES) {
        enough.abort();
      }
    },
  });
  return { error, numbers, ahead };
}

const UP_TO_8 = Array.from({ length: FRAMES }, (_, i) => i + 1);

describe('watch', () => {
  it.each([
    ['a generator', Producer.GENERATOR],
    ['an Observable that awaits drained()', Producer.PACED],
  ])('makes %s wait for a slow reader, and loses nothing', async (_what, producer) => {
    const { error, numbers, ahead } = await watch(producer);
    expect(error).toBeUndefined();
    expect(numbers).toEqual(UP_TO_8);
    expect(ahead).toBeLessThanOrEqual(MAX_AHEAD);
  });

  it('fails the call when an Observable waits for nobody, and says what to do', async () => {
    const { error, numbers } = await watch(Producer.PUSHED);
    expect(error).toMatch(
      /^resource_exhausted: .* bufferBytes, .* overflow policy, .* context\.drained\(\)$/,
    );
    expect(numbers).toEqual(UP_TO_8.slice(0, numbers.length));
    // What fits into bufferBytes, 4 MiB, and what was on its way.
    expect(app.get(Camera).shot).toBeLessThanOrEqual(64 + MAX_AHEAD);
  });

  it('refuses a producer that it does not have', async () => {
    const { error } = await watch(Producer.UNSPECIFIED);
    expect(error).toBe('invalid_argument: name a producer');
  });
});

describe('record', () => {
  it('makes a fast client wait for mapEach, and loses nothing', async () => {
    const enough = new AbortController();
    let sent = 0;
    let ahead = 0;
    const kept = await filmFast(session, {
      signal: enough.signal,
      onFrame: (number) => {
        sent = number;
        ahead = Math.max(ahead, number - app.get(Recorder).kept);
        if (number === FRAMES + MAX_AHEAD) {
          enough.abort();
        }
      },
    });
    expect(kept).toBe(sent);
    expect(ahead).toBeLessThanOrEqual(MAX_AHEAD);
  });
});
