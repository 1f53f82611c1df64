/**
 * Slow readers: what becomes of a long stream whose client reads nothing for a while, and then all of it.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { BENCH } from '../paths.mjs';
import { SERVERS, startServer } from '../server-process.mjs';
import { serverStreamRequest, STREAM_FORMATS } from '../wire.mjs';

const TABLE_ID = 'slow-readers';
const MESSAGE_BYTES = 1024;
// `sequence` with its tag, and what stands before a text of this length.
const TEXT_LENGTH = MESSAGE_BYTES - 8;
const SAMPLE_INTERVAL_MS = 20;
// How often garbage is collected, and what is left is looked at.
const COLLECT_INTERVAL_MS = 250;
const CLIENT_LIMIT_MS = 120_000;
const MIB = 1024;

const TRANSPORTS = [
  { http: '2', format: 'grpc' },
  { http: '1', format: 'connect' },
];
const STYLES = [
  { server: 'nestjs-connect-generator', isWhole: true },
  { server: 'nestjs-connect-paced', isWhole: true },
  { server: 'nestjs-connect-observable', isWhole: false },
];

export const slowReaders = { name: 'slow-readers', tableIds: [TABLE_ID], run };

async function run({ plan: { slowBytes, slowPauseMs }, log }) {
  const count = slowBytes / MESSAGE_BYTES;
  const outcomes = [];
  for (const transport of TRANSPORTS) {
    for (const style of STYLES) {
      log(`${TABLE_ID}: ${style.server}, HTTP/${transport.http}`);
      outcomes.push(await readSlowly(style, transport, { count, pauseMs: slowPauseMs }));
    }
  }
  return [makeResult(outcomes, { slowBytes, slowPauseMs })];
}

async function readSlowly({ server: name, isWhole }, transport, { count, pauseMs }) {
  const server = await startServer(name);
  try {
    await read(server, transport, { count, pauseMs: 0 });
    await server.collectGarbage();
    const before = server.residentKib();
    const { result, pausedKib, readingKib, peakKib } = await read(server, transport, { count, pauseMs });
    return {
      name,
      transport,
      result,
      isRight: isWhole ? isComplete(result, count) : isExhausted(result),
      pausedGrowthMib: (pausedKib - before) / MIB,
      growthMib: (Math.max(pausedKib, readingKib) - before) / MIB,
      peakMib: (peakKib - before) / MIB,
    };
  } finally {
    await server.stop();
  }
}

/**
 * @returns What the client saw, and the server's largest memory: without garbage, while the client paused and while it
 * read; and with what V8 had not yet collected, over all.
 */
async function read(server, { http, format }, { count, pauseMs }) {
  const client = spawnClient(server, http, format, { count, pauseMs });
  const timer = setTimeout(() => client.kill('SIGKILL'), CLIENT_LIMIT_MS);
  const largest = { pausedKib: 0, readingKib: 0, peakKib: 0 };
  let phase = 'pausedKib';
  const note = (name) => (largest[name] = Math.max(largest[name], server.residentKib()));
  const interval = setInterval(() => note('peakKib'), SAMPLE_INTERVAL_MS);
  const stop = new AbortController();
  const collecting = collectRepeatedly(server, () => note(phase), stop.signal);
  let result = { code: 'no end', messages: 0 };
  try {
    for await (const line of createInterface({ input: client.stdout })) {
      result = JSON.parse(line);
      phase = 'readingKib';
    }
  } finally {
    stop.abort();
    await collecting;
    clearInterval(interval);
    clearTimeout(timer);
  }
  return { result, ...largest };
}

/** Old garbage is collected when V8 thinks it is time, tens of MiB later; a queue would survive. */
async function collectRepeatedly(server, onCollected, signal) {
  do {
    await server.collectGarbage();
    onCollected();
    await sleep(COLLECT_INTERVAL_MS, undefined, { signal }).catch(() => {});
  } while (!signal.aborted);
}

function spawnClient(server, http, format, { count, pauseMs }) {
  const init = { count, textLength: TEXT_LENGTH, hasDistinctTexts: true };
  const { path, headers, body } = serverStreamRequest(format, init);
  const request = { origin: server.origin(http), http, path, headers, textLength: TEXT_LENGTH, pauseMs };
  const argument = JSON.stringify({ ...request, body: body.toString('base64') });
  return spawn(process.execPath, [`${BENCH}load/slow-reader.mjs`, argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function isComplete({ code, wrong, messages }, count) {
  return code === 'ok' && wrong === undefined && messages === count;
}

/** What came before the end must be right, and the error must say whose fault it is and what helps. */
function isExhausted({ code, wrong, message }) {
  return (
    code === 'resource_exhausted' &&
    wrong === undefined &&
    message.includes('ServerStream') &&
    message.includes('drained()')
  );
}

function makeResult(outcomes, { slowBytes, slowPauseMs }) {
  return {
    id: TABLE_ID,
    title: `Slow readers: ${slowBytes / MIB / MIB} MiB of different messages of ${MESSAGE_BYTES} bytes, client pauses ${slowPauseMs / 1000} s`,
    note:
      'Growth of resident memory over what it was after such a stream to a client that does not pause; every message is looked at. ' +
      'Measured after garbage collections, four in a second; the last column is the peak between them.',
    outcomes,
    table: {
      columns: [
        'handler',
        'transport',
        'messages',
        'end',
        'growth in the pause, MiB',
        'growth in all, MiB',
        'with garbage, MiB',
      ],
      rows: outcomes.map((outcome) => [
        SERVERS[outcome.name].title,
        transportTitle(outcome.transport),
        `${outcome.result.messages.toLocaleString('en-US')}${outcome.result.wrong === undefined ? '' : `, wrong from ${outcome.result.wrong}`}`,
        endOf(outcome.result),
        outcome.pausedGrowthMib.toFixed(1),
        outcome.growthMib.toFixed(1),
        outcome.peakMib.toFixed(1),
      ]),
    },
  };
}

/** @returns A transport, as tables and goals call it. */
export function transportTitle({ http, format }) {
  return `${STREAM_FORMATS[format].title}, HTTP/${http === '1' ? '1.1' : '2'}`;
}

function endOf({ code, message }) {
  return message === '' || message === undefined ? code : `${code}: ${message}`;
}
