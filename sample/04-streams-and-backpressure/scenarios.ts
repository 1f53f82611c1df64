/**
 * What the sample shows: four streams whose producer is faster than their consumer.
 */
import { type ClientHttp2Session } from 'node:http2';
import { type Camera } from './camera/camera.js';
import { type Recorder } from './camera/recorder.js';
import { filmFast, watchSlowly } from './client/camera.client.js';
import { Producer } from './gen/camera/v1/camera_pb.js';

/** A server and a client that is connected to it. */
export interface Stage {
  readonly camera: Camera;
  readonly recorder: Recorder;
  readonly session: ClientHttp2Session;
}

/** A stream that is under way. */
export interface Run {
  /** Frames so far: how many the one side has made, and how many the other side has taken. */
  counts(): { readonly produced: number; readonly consumed: number };
  /** How it has ended, in words. */
  readonly ended: Promise<string>;
}

export interface Scenario {
  readonly title: string;
  readonly begin: (stage: Stage, signal: AbortSignal) => Run;
}

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  generator: {
    title: 'the server returns an async generator, and the client reads slowly',
    begin: (stage, signal) => watch(stage, Producer.GENERATOR, signal),
  },
  paced: {
    title: 'the server returns an Observable that awaits context.drained(), and the client reads slowly',
    begin: (stage, signal) => watch(stage, Producer.PACED, signal),
  },
  pushed: {
    title: 'the server returns an Observable that waits for nobody, and the client reads slowly',
    begin: (stage, signal) => watch(stage, Producer.PUSHED, signal),
  },
  inbound: {
    title: 'the client sends as fast as it can, and the server takes its time in mapEach',
    begin: film,
  },
};

function watch({ camera, session }: Stage, producer: Producer, signal: AbortSignal): Run {
  let consumed = 0;
  const onFrame = (number: number): void => void (consumed = number);
  return {
    counts: () => ({ produced: camera.shot, consumed }),
    ended: watchSlowly(session, producer, { signal, onFrame }).then(
      (error) => error ?? 'the client has left',
    ),
  };
}

function film({ recorder, session }: Stage, signal: AbortSignal): Run {
  let produced = 0;
  const onFrame = (number: number): void => void (produced = number);
  return {
    counts: () => ({ produced, consumed: recorder.kept }),
    ended: filmFast(session, { signal, onFrame }).then(
      (frames) => `the server has kept all ${frames} frames`,
    ),
  };
}
