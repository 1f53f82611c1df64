/**
 * Attacks in HTTP/2 frames, and what is left of the attacker: for all forms of a server.
 */
import { expect } from '@jest/globals';
import { frame as envelope } from '../../support/frames.js';
import { Http2Attacker } from './http2-attacker.js';
import {
  ACK,
  dataFrame,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  headersFrame,
  literal,
  NEWEST_ENTRY,
  remembered,
  requestBlock,
  rstStream,
  settings,
  windowUpdate,
} from './http2-frames.js';
import { CONVERSE, REFLECT, SAY, type Victim } from './victim.js';

export const GRPC = { 'content-type': 'application/grpc', te: 'trailers' };
const NOTHING = Buffer.alloc(0);
const PER_BATCH = 100;

/** Frames in batches of a hundred: one write each would measure the attacker. */
function* batches(count: number, make: (index: number) => Uint8Array): Generator<Buffer> {
  for (let from = 0; from < count; from += PER_BATCH) {
    const size = Math.min(PER_BATCH, count - from);
    yield Buffer.concat(Array.from({ length: size }, (_, i) => make(from + i)));
  }
}

const streamOf = (index: number): number => 2 * index + 1;

/** Node ends a session after a burst of 1,000 resets; what it had read by then, 64 KiB at a time, begins all the same. */
const MAX_RESETS = 2_000;

export interface Flood {
  readonly chunks: () => Iterable<Uint8Array>;
  readonly isReading?: boolean;
  readonly growthMiB: number;
  /**
   * Whether the attacker loses its connection before its flood is over, or is served to the end; either, where it
   * depends on how fast the answers are read.
   */
  readonly outcome: 'cut' | 'served' | 'either';
  /** Default: none. */
  readonly maxHandlers?: number;
}

export const FLOODS: Readonly<Record<string, Flood>> = {
  'rapid reset: streams that are opened and canceled at once': {
    chunks: () =>
      batches(10_000, (i) =>
        Buffer.concat([headersFrame(streamOf(i), requestBlock(CONVERSE, GRPC)), rstStream(streamOf(i))]),
      ),
    growthMiB: 100,
    outcome: 'cut',
    maxHandlers: MAX_RESETS,
  },
  'MadeYouReset: streams that the client makes the server reset': {
    chunks: () =>
      batches(3_000, (i) =>
        Buffer.concat([
          headersFrame(streamOf(i), requestBlock(CONVERSE, GRPC)),
          windowUpdate(streamOf(i), 0),
        ]),
      ),
    growthMiB: 60,
    outcome: 'cut',
    maxHandlers: MAX_RESETS,
  },
  'SETTINGS, with their acknowledgements read': {
    chunks: () => batches(50_000, () => settings({ 4: 65_535 })),
    growthMiB: 30,
    outcome: 'either',
  },
  'SETTINGS, with nothing read': {
    chunks: () => batches(50_000, () => settings({ 4: 65_535 })),
    isReading: false,
    growthMiB: 30,
    // Node's limit of unsent answers, or the sockets' buffers: which comes first is a matter of timing.
    outcome: 'either',
  },
  'PING, with the answers read': {
    chunks: () => batches(50_000, () => frame({ type: FRAME.ping, payload: Buffer.alloc(8) })),
    growthMiB: 30,
    outcome: 'either',
  },
  'PING, with nothing read': {
    chunks: () => batches(500_000, () => frame({ type: FRAME.ping, payload: Buffer.alloc(8) })),
    isReading: false,
    growthMiB: 30,
    // Node's limit of unsent answers, or the sockets' buffers: which comes first is a matter of timing.
    outcome: 'either',
  },
  'answers to pings that nobody sent': {
    chunks: () => batches(50_000, () => frame({ type: FRAME.ping, flags: ACK, payload: Buffer.alloc(8) })),
    growthMiB: 30,
    outcome: 'cut',
  },
  'PRIORITY for streams that do not exist': {
    chunks: () =>
      batches(50_000, (i) => frame({ type: FRAME.priority, stream: streamOf(i), payload: Buffer.alloc(5) })),
    growthMiB: 30,
    outcome: 'served',
  },
  'WINDOW_UPDATE of the connection': {
    chunks: () => batches(50_000, () => windowUpdate(0, 1)),
    growthMiB: 30,
    outcome: 'served',
  },
  'empty DATA on one stream': {
    chunks: function* () {
      yield headersFrame(1, requestBlock(REFLECT, GRPC));
      yield* batches(50_000, () => dataFrame(1, NOTHING));
    },
    growthMiB: 30,
    outcome: 'cut',
    maxHandlers: 1,
  },
  'CONTINUATION without end': {
    chunks: function* () {
      yield headersFrame(1, requestBlock(REFLECT, GRPC), 0);
      const block = literal('x-filler', 'x'.repeat(16_000));
      yield* batches(2_000, () => frame({ type: FRAME.continuation, stream: 1, payload: block }));
    },
    growthMiB: 30,
    outcome: 'cut',
  },
  'empty CONTINUATION without end': {
    chunks: function* () {
      yield headersFrame(1, requestBlock(REFLECT, GRPC), 0);
      yield* batches(50_000, () => frame({ type: FRAME.continuation, stream: 1 }));
    },
    growthMiB: 30,
    outcome: 'cut',
  },
  'frames of unknown types': {
    chunks: () => batches(50_000, (i) => frame({ type: 100 + (i % 100), payload: Buffer.alloc(16) })),
    growthMiB: 30,
    outcome: 'served',
  },
};

/** Floods a server, and says whether the attacker was as expected, cut off or served. */
export async function flood(victim: Victim, { chunks, isReading = true, ...expected }: Flood): Promise<void> {
  const { result, startedHandlers } = await victim.withstand(
    async () => {
      const attacker = await Http2Attacker.open(victim);
      if (!isReading) {
        attacker.pause();
      }
      await attacker.flood(chunks());
      attacker.resume();
      // Behind everything that went before: who answers it has served the flood to its end.
      attacker.write(frame({ type: FRAME.ping, payload: FINISHED }));
      const outcome = await Promise.race([
        attacker.ended.then(() => 'cut'),
        attacker
          .until(({ type, payload }) => type === FRAME.ping && Buffer.from(payload).equals(FINISHED))
          .then(
            () => 'served',
            () => 'cut',
          ),
      ]);
      attacker.destroy();
      return outcome;
    },
    { growthMiB: expected.growthMiB },
  );
  expect(expected.outcome === 'either' ? ['cut', 'served'] : [expected.outcome]).toContain(result);
  expect(startedHandlers).toBeLessThanOrEqual(expected.maxHandlers ?? 0);
}

const FINISHED = Buffer.from('finished');

/** What ends a request, and its block of headers. */
export type WrongHeaders = readonly [ending: keyof typeof FRAME, block: () => Buffer];

/** One request with wrong headers, and what ends it: the stream, the session, or nothing. */
export const HEADERS: Readonly<Record<string, WrongHeaders>> = {
  'more than 128 of them': [
    'rstStream',
    () => Buffer.concat(Array.from({ length: 200 }, (_, i) => literal(`x-${i}`, 'value'))),
  ],
  'more than 64 KiB in one': ['goaway', () => literal('x-long', 'x'.repeat(80_000))],
  'an HPACK bomb, 16,000 bytes that stand for 48 MB': [
    'rstStream',
    () => Buffer.concat([remembered('x-bomb', 'x'.repeat(3_000)), Buffer.alloc(16_000, NEWEST_ENTRY)]),
  ],
  'an entry that the table does not have': ['goaway', () => Buffer.of(0xff, 0xff, 0x7f)],
  'a name in capitals': ['rstStream', () => literal('X-Capital', 'value')],
  'a header of HTTP/1.1 connections': ['rstStream', () => literal('transfer-encoding', 'chunked')],
  'a second path': ['rstStream', () => literal(':path', SAY)],
  // node:http2 drops such a header and serves the request without it.
  'a line break in a value': ['headers', () => literal('x-line', 'a\r\nx-injected: 1')],
};

/** A header block in HEADERS and as many CONTINUATION as it needs. */
function headerFrames(stream: number, block: Buffer): Buffer {
  const MAX = 16_384;
  const parts: Buffer[] = [];
  for (let at = 0; at < block.length; at += MAX) {
    const payload = block.subarray(at, at + MAX);
    const flags = at + MAX >= block.length ? END_HEADERS : 0;
    parts.push(frame({ type: at === 0 ? FRAME.headers : FRAME.continuation, flags, stream, payload }));
  }
  return Buffer.concat(parts);
}

/** Sends requests with wrong headers, and checks what ends them. */
export async function sendWrongHeaders(victim: Victim, [ending, block]: WrongHeaders): Promise<void> {
  const { result } = await victim.withstand(
    () =>
      attackTogether(victim, 10, async (attacker) => {
        const head = headerFrames(1, Buffer.concat([requestBlock(SAY, GRPC), block()]));
        attacker.write(Buffer.concat([head, dataFrame(1, envelope(0, ''), END_STREAM)]));
        const { type } = await attacker.until(
          (received) =>
            received.type === FRAME.goaway || (received.stream === 1 && ENDINGS.has(received.type)),
        );
        return type;
      }),
    { growthMiB: 30 },
  );
  expect(new Set(result)).toEqual(new Set([FRAME[ending]]));
}

const ENDINGS: ReadonlySet<number> = new Set([FRAME.rstStream, FRAME.headers]);

/** Connects several attackers, and disconnects them when all are done. */
export async function attackTogether<T>(
  victim: Victim,
  count: number,
  attack: (attacker: Http2Attacker, index: number) => Promise<T>,
): Promise<T[]> {
  const attackers = await Promise.all(Array.from({ length: count }, () => Http2Attacker.open(victim)));
  try {
    return await Promise.all(attackers.map((attacker, i) => attack(attacker, i)));
  } finally {
    attackers.forEach((attacker) => attacker.destroy());
  }
}
