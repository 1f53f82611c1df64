/**
 * Who holds back whom, this library and Nest's own gRPC transport side by side: a client that pushes faster than a
 * handler works, and a handler that produces for a client that does not read. Protected: the memory of the server, and
 * every message.
 *
 * Every server is a Nest application in a process of its own, with one call; Nest's figures, and those of handlers that
 * use nothing but RxJS, are printed and not judged.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CompiledTarget, compileTarget } from '../support/compiled-target.js';
import { formatTable } from '../support/text-table.js';
import { inOrder, MESSAGE_BYTES, SequenceCheck } from './support/messages.js';
import { Peer, type PushMethod } from './support/peer.js';
import { type MeasuredServer, startConnect, startNestGrpc } from './support/servers.js';

const MEASURED_MS = 6_000;
const WORK_MS = 50;
/** 256 MiB: all that a server without limits is given. */
const MESSAGES = 4_096;
const WARM_UP_MESSAGES = 256;
const MIB = 1024 * 1024;
const LIMIT_BYTES = 8 * MIB;

const NUMBERS = Array.from({ length: MESSAGES }, (_, i) => i + 1);

/** What a handler is written with. */
interface Handler {
  readonly title: string;
  readonly start: (target: CompiledTarget) => Promise<MeasuredServer>;
  readonly isBounded: boolean;
}

/** What was measured of one call. */
interface Outcome {
  /** That the producer got rid of, while the other end did hardly anything. */
  readonly acceptedBytes: number;
  /** Messages that the other end took in this time. */
  readonly taken: number;
  readonly growthBytes: number;
  /** After it resumed. */
  readonly answers: readonly string[];
}

const NEST: Handler = { title: "Nest's gRPC, Observable", start: startNestGrpc, isBounded: false };

const CONSUMERS: readonly Handler[] = [
  { title: 'for await', start: (target) => startConnect(target, 'pulling'), isBounded: true },
  { title: 'requests.mapEach()', start: (target) => startConnect(target, 'paced'), isBounded: true },
  {
    title: 'concatMap (known limit)',
    start: (target) => startConnect(target, 'unpaced'),
    isBounded: false,
  },
  NEST,
];

const PRODUCERS: readonly Handler[] = [
  { title: 'async generator', start: (target) => startConnect(target, 'pulling'), isBounded: true },
  {
    title: 'Observable, context.drained()',
    start: (target) => startConnect(target, 'paced'),
    isBounded: true,
  },
  NEST,
];

/** A client that pushes, into a handler that works on every message. */
async function measurePush(server: MeasuredServer, peer: Peer, method: PushMethod): Promise<Outcome> {
  await peer.push(method, WARM_UP_MESSAGES).answered;
  const before = await server.ask({ kind: 'pace', workMs: WORK_MS });
  const push = peer.push(method, MESSAGES);
  await Promise.race([delay(MEASURED_MS), push.answered]);
  const { acceptedBytes } = push;
  const after = await server.ask({ kind: 'figures' });
  await server.ask({ kind: 'pace', workMs: 0 });
  return {
    acceptedBytes,
    taken: after.taken - before.taken,
    growthBytes: after.heapBytes - before.heapBytes,
    answers: await push.answered,
  };
}

/** A handler that produces, for a client that reads nothing. */
async function measureProduction(server: MeasuredServer, peer: Peer): Promise<Outcome> {
  await verdictOf(peer, WARM_UP_MESSAGES);
  const before = await server.ask({ kind: 'figures' });
  const answers = peer.ask(MESSAGES);
  await delay(MEASURED_MS);
  const after = await server.ask({ kind: 'figures' });
  const check = new SequenceCheck();
  await answers.read((message) => check.add(message));
  return {
    acceptedBytes: (after.produced - before.produced) * MESSAGE_BYTES,
    taken: 0,
    growthBytes: after.heapBytes - before.heapBytes,
    answers: [check.verdict],
  };
}

const SCENES = [
  {
    title: 'a client that pushes a client stream',
    handlers: CONSUMERS,
    measure: (server: MeasuredServer, peer: Peer) => measurePush(server, peer, 'Reflect'),
    answers: [inOrder(MESSAGES)],
  },
  {
    title: 'a client that pushes a bidi stream',
    handlers: CONSUMERS,
    measure: (server: MeasuredServer, peer: Peer) => measurePush(server, peer, 'Converse'),
    answers: NUMBERS.map(inOrder),
  },
  {
    title: 'a client that does not read a server stream',
    handlers: PRODUCERS,
    measure: measureProduction,
    answers: [inOrder(MESSAGES)],
  },
];

const table: string[][] = [
  [
    'call',
    'handler',
    'accepted, MiB',
    'handled meanwhile',
    'heap and external growth, MiB',
    'after it resumed',
  ],
];
let target: CompiledTarget;

beforeAll(async () => {
  target = await compileTarget();
});

afterAll(async () => {
  await target.remove();
  process.stdout.write(
    `\nBackpressure: ${MEASURED_MS / 1000} s, messages of 64 KiB\n\n${formatTable(table)}\n`,
  );
});

describe.each(SCENES)('$title', ({ title, handlers, measure, answers }) => {
  const outcomes = new Map<string, Outcome>();

  /** All at once: those that are held back take no time from the others. */
  beforeAll(async () => {
    await Promise.all(
      handlers.map(async (handler) => {
        const server = await handler.start(target);
        const peer = new Peer(server.port);
        try {
          outcomes.set(handler.title, await measure(server, peer));
        } finally {
          peer.close();
          await server.stop();
        }
      }),
    );
    table.push(...handlers.map((handler) => rowOf(title, handler, outcomeOf(handler))));
  });

  function outcomeOf({ title: handler }: Handler): Outcome {
    const outcome = outcomes.get(handler);
    if (outcome === undefined) {
      throw new Error(`${handler} was not measured`);
    }
    return outcome;
  }

  describe.each(handlers.filter(({ isBounded }) => isBounded))('$title', (handler) => {
    it('takes at most 8 MiB from the producer', () => {
      const { acceptedBytes } = outcomeOf(handler);
      expect(acceptedBytes).toBeGreaterThan(0);
      expect(acceptedBytes).toBeLessThanOrEqual(LIMIT_BYTES);
    });

    it('costs the server at most 8 MiB', () => {
      expect(outcomeOf(handler).growthBytes).toBeLessThanOrEqual(LIMIT_BYTES);
    });

    it('loses, doubles and reorders nothing', () => {
      expect(outcomeOf(handler).answers).toEqual(answers);
    });
  });
});

function rowOf(call: string, { title }: Handler, outcome: Outcome): string[] {
  return [
    call,
    title,
    (outcome.acceptedBytes / MIB).toFixed(2),
    String(outcome.taken),
    (outcome.growthBytes / MIB).toFixed(2),
    outcome.answers.at(-1) ?? 'nothing',
  ];
}

async function verdictOf(peer: Peer, count: number): Promise<string> {
  const check = new SequenceCheck();
  await peer.ask(count).read((message) => check.add(message));
  return check.verdict;
}
