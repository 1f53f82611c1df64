/**
 * Deadlines: whatever a call is in the middle of, its deadline ends it on the server, in every protocol and over both
 * HTTP versions, and also when the peer neither sends nor reads. Protected: the handler, which is told, and what a
 * call holds, which is let go of within 100 ms.
 *
 * The server takes the times itself, from the moment when its engine counts the call to when it does not any more.
 */
import { type ClientHttp2Session } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { http1Request, openHttp2, RawClient, recordHttp2 } from '../server/engine-harness.js';
import { type Answer, type Dialect, DIALECTS, type Outcome, streamed } from './support/dialects.js';
import { firstResponse } from './support/http1-response.js';
import { CONVERSE, INTRODUCE, REFLECT, SAY, Victim } from './support/victim.js';
import { CALL_NAME, type CallRecord } from './support/vital-signs.js';

const TIMEOUT_MS = 250;
/** A tick of the timer wheel, 40 ms for an answer to a peer that does not read, one more tick; and some for the process. */
const LATE_BY_MS = 100;
/** A stall of the machine is no lateness of the server: three attempts are not stalled alike. */
const ATTEMPTS = 3;
const POLL_MS = 20;
const TRICKLE_MS = 5;

/** More than a socket's buffers hold, and than a stream's window when it is open. */
const LARGE = { '1.1': 12_000_000, '2': 300_000 } as const;

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start();
});

afterAll(() => victim.stop());

type HttpVersion = '1.1' | '2';

/** What a call is in the middle of. */
interface Phase {
  readonly path: string;
  readonly isUnary?: boolean;
  readonly versions?: readonly HttpVersion[];
  /** Sent at once; nothing when absent. */
  readonly body?: (dialect: Dialect, version: HttpVersion) => Buffer;
  /** The request ends with its body. */
  readonly isWhole?: boolean;
  /** Sent again and again, also behind the deadline. */
  readonly next?: Buffer;
  /** The peer takes no byte of the response. */
  readonly reads?: false;
  /** It is told of the deadline; or it has not begun, or has given its answer before. */
  readonly handler: 'told' | 'not begun' | 'done';
  /** What an attempt may cost, in MiB. Default: 20. */
  readonly growthMiB?: number;
}

/** A message that is announced and not all there. */
function begunMessage(dialect: Dialect): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(ANNOUNCED_BYTES, 1);
  return dialect.protocol === 'Connect' ? BEGIN : Buffer.concat([prefix, BEGIN]);
}

/** Below the limit of a message. */
const ANNOUNCED_BYTES = 4_000_000;
const BEGIN = Buffer.from('{"sentence":"');

const PHASES: Readonly<Record<string, Phase>> = {
  'a unary call of which only the headers have come': { path: SAY, isUnary: true, handler: 'not begun' },
  'a unary call in the middle of its message': {
    path: SAY,
    isUnary: true,
    body: begunMessage,
    handler: 'not begun',
  },
  'a unary call whose message goes on without end': {
    path: SAY,
    isUnary: true,
    body: begunMessage,
    next: Buffer.from('and on '),
    handler: 'not begun',
  },
  'a unary call whose promise is not settled': {
    path: SAY,
    isUnary: true,
    body: (dialect) => dialect.unaryBody({ sentence: 'never-promise' }),
    isWhole: true,
    handler: 'told',
  },
  'a unary call whose Observable does not emit': {
    path: SAY,
    isUnary: true,
    body: (dialect) => dialect.unaryBody({ sentence: 'never-observable' }),
    isWhole: true,
    handler: 'told',
  },
  'a unary answer for which there is no room': {
    path: SAY,
    isUnary: true,
    body: (dialect, version) => dialect.unaryBody({ sentence: `large:${LARGE[version]}` }),
    isWhole: true,
    reads: false,
    handler: 'done',
    growthMiB: 130,
  },
  'a server stream of which only the headers have come': { path: INTRODUCE, handler: 'not begun' },
  'a server stream in the middle of its request': {
    path: INTRODUCE,
    body: () => streamed({ name: 'generator' }).subarray(0, 9),
    handler: 'not begun',
  },
  'a server stream whose generator does not yield': {
    path: INTRODUCE,
    body: () => streamed({ name: 'never-generator' }),
    isWhole: true,
    handler: 'told',
  },
  'a server stream whose Observable does not emit': {
    path: INTRODUCE,
    body: () => streamed({ name: 'never-observable' }),
    isWhole: true,
    handler: 'told',
  },
  'a server stream whose generator has no room': {
    path: INTRODUCE,
    body: () => streamed({ name: 'generator' }),
    isWhole: true,
    reads: false,
    handler: 'told',
  },
  'a server stream whose Observable has no room': {
    path: INTRODUCE,
    // What one message in a millisecond adds up to until then, the buffers of a socket hold.
    versions: ['2'],
    body: () => streamed({ name: 'push' }),
    isWhole: true,
    reads: false,
    handler: 'told',
  },
  'a client stream of which only the headers have come': { path: REFLECT, handler: 'told' },
  'a client stream in the middle of a message': {
    path: REFLECT,
    body: () => streamed({ sentence: 'first' }).subarray(0, 9),
    handler: 'told',
  },
  'a client stream whose handler waits for the next message': {
    path: REFLECT,
    body: () => streamed({ sentence: 'first' }),
    handler: 'told',
  },
  'a client stream that is not read on': {
    path: REFLECT,
    body: () => Buffer.concat([streamed({ sentence: 'never' }), Buffer.alloc(1_000)]),
    handler: 'told',
  },
  'a client stream that goes on without end': {
    path: REFLECT,
    body: () => streamed({ sentence: 'first' }),
    next: streamed({ sentence: 'next' }),
    handler: 'told',
  },
  'a client stream for whose answer there is no room': {
    path: REFLECT,
    body: (_, version) => streamed({ sentence: `large:${LARGE[version]}` }),
    reads: false,
    handler: 'done',
    growthMiB: 130,
  },
  'a conversation whose handler waits for the next message': {
    path: CONVERSE,
    versions: ['2'],
    body: () => streamed({ sentence: 'first' }),
    handler: 'told',
  },
  'a conversation that goes on without end and has no room for its answers': {
    path: CONVERSE,
    versions: ['2'],
    body: () => streamed({ sentence: 'first' }),
    next: streamed({ sentence: 'x'.repeat(1_000) }),
    reads: false,
    handler: 'told',
  },
};

/** A phase in one protocol over one HTTP version. */
interface Call {
  readonly name: string;
  readonly phase: Phase;
  readonly dialect: Dialect;
  readonly version: HttpVersion;
}

/** A call that was sent. */
interface SentCall {
  readonly name: string;
  write(bytes: Buffer): void;
  /** What a peer that reads gets. */
  outcome(): Promise<Outcome>;
  destroy(): void;
}

function callsIn(phase: Phase): Call[] {
  return DIALECTS.flatMap((dialect) =>
    dialect.versions
      .filter((version) => phase.versions?.includes(version) !== false)
      .map((version) => ({ name: `${dialect.protocol} over HTTP/${version}`, phase, dialect, version })),
  );
}

function headersOf({ name, phase, dialect }: Call): Record<string, string> {
  const own = phase.isUnary === true ? dialect.unaryHeaders : dialect.streamHeaders;
  return { ...own, ...dialect.timeout(TIMEOUT_MS), [CALL_NAME]: name };
}

async function sendOverHttp2(call: Call): Promise<SentCall> {
  const { phase } = call;
  const session: ClientHttp2Session = victim.session(
    phase.reads === false ? { settings: { initialWindowSize: 0 } } : {},
  );
  const stream = openHttp2(session, { ':path': phase.path, ...headersOf(call) });
  const recorded = recordHttp2(stream);
  const body = phase.body?.(call.dialect, '2') ?? Buffer.alloc(0);
  if (phase.isWhole === true) {
    stream.end(body);
  } else {
    stream.write(body);
  }
  return {
    name: call.name,
    write: (bytes) => void (stream.writable && stream.write(bytes)),
    outcome: async () => outcomeOf(call, await recorded),
    destroy: () => session.destroy(),
  };
}

async function sendOverHttp1(call: Call): Promise<SentCall> {
  const { phase } = call;
  const client = new RawClient(await victim.connect());
  if (phase.reads === false) {
    client.socket.pause();
  }
  const body = phase.body?.(call.dialect, '1.1') ?? Buffer.alloc(0);
  const length = phase.isWhole === true ? body.length : ANNOUNCED_BYTES;
  const head = http1Request('', { ...headersOf(call), 'content-length': String(length) }, phase.path);
  client.write(head).write(body);
  return {
    name: call.name,
    write: (bytes) => void (client.socket.writable && client.write(bytes)),
    outcome: async () => outcomeOf(call, await firstResponse(client)),
    destroy: () => client.destroy(),
  };
}

function outcomeOf({ phase, dialect }: Call, answer: Answer): Outcome {
  return phase.isUnary === true ? dialect.unaryOutcome(answer) : dialect.streamOutcome(answer);
}

/** Sends the calls of a phase together. @returns What the server says of them, and what their peers got. */
async function attempt(calls: readonly Call[]): Promise<{ records: CallRecord[]; codes: string[] }> {
  const sent = await Promise.all(
    calls.map((call) => (call.version === '2' ? sendOverHttp2(call) : sendOverHttp1(call))),
  );
  const next = calls[0]?.phase.next;
  const trickle = setInterval(() => {
    if (next !== undefined) {
      sent.forEach((call) => call.write(next));
    }
  }, TRICKLE_MS);
  try {
    const records: CallRecord[] = [];
    while (records.length < calls.length) {
      await delay(POLL_MS);
      records.push(...(await victim.calls()).filter(({ goneAfterMs }) => goneAfterMs !== undefined));
    }
    const reading = sent.filter((_, i) => calls[i]?.phase.reads !== false);
    const outcomes = await Promise.all(reading.map((call) => call.outcome()));
    return { records, codes: outcomes.map(({ code }) => code) };
  } finally {
    clearInterval(trickle);
    sent.forEach((call) => call.destroy());
  }
}

/** How much later than its deadline a call ended, and its handler was told. */
function latenessOf({ toldAfterMs, goneAfterMs }: CallRecord, { handler }: Phase): number[] {
  const times = handler === 'told' ? [toldAfterMs, goneAfterMs] : [goneAfterMs];
  // A handler that should have been told and was not is late without end.
  return times.map((ms = Infinity) => ms - TIMEOUT_MS);
}

function report(name: string, { records }: { records: readonly CallRecord[] }): void {
  for (const { name: call, toldAfterMs = NaN, goneAfterMs = NaN } of records) {
    const [told, gone] = [toldAfterMs, goneAfterMs].map((ms) => (ms - TIMEOUT_MS).toFixed(0));
    process.stderr.write(`${name}, ${call}: told after ${told} ms, gone after ${gone} ms\n`);
  }
}

describe('a deadline frees the call within 100 ms', () => {
  it.each(Object.entries(PHASES))('%s', async (name, phase) => {
    const calls = callsIn(phase);
    let attempts = 0;
    const { result, startedHandlers } = await victim.withstand(
      async () => {
        for (;;) {
          const seen = await attempt(calls);
          attempts++;
          const latest = Math.max(...seen.records.flatMap((record) => latenessOf(record, phase)));
          if (latest <= LATE_BY_MS || attempts === ATTEMPTS) {
            return seen;
          }
        }
      },
      { growthMiB: (phase.growthMiB ?? 20) * ATTEMPTS },
    );
    if (process.env['FAULTS_VERBOSE'] !== undefined) {
      report(name, result);
    }
    expect(result.records.map((record) => record.name).toSorted()).toEqual(
      calls.map((call) => call.name).toSorted(),
    );
    expect(startedHandlers).toBe(phase.handler === 'not begun' ? 0 : calls.length * attempts);
    expect(result.records.filter((record) => !isInTime(record, phase))).toEqual([]);
    expect(result.codes).toEqual(calls.filter(() => phase.reads !== false).map(() => 'deadline_exceeded'));
  });
});

/** Neither late nor early: what ends before its deadline has ended for another reason. */
function isInTime(record: CallRecord, phase: Phase): boolean {
  return latenessOf(record, phase).every((ms) => ms >= 0 && ms <= LATE_BY_MS);
}
