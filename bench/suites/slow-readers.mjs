/**
 * Slow readers: what becomes of a long stream whose client reads nothing for a while, and then all of it.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BENCH } from '../paths.mjs';
import { SERVERS, startServer } from '../server-process.mjs';
import { serverStreamRequest, STREAM_FORMATS } from '../wire.mjs';

const TABLE_ID = 'slow-readers';
const MESSAGE_BYTES = 1024;
// `sequence` with its tag, and what stands before a text of this length.
const TEXT_LENGTH = MESSAGE_BYTES - 8;
// Enough for the heap to have its size.
const WARM_UP_MESSAGES = 128 * 1024;
const SAMPLE_INTERVAL_MS = 20;
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
    await read(server, transport, { count: Math.min(count, WARM_UP_MESSAGES), pauseMs: 0 });
    const before = server.residentKib();
    const { result, pausedKib, readingKib } = await read(server, transport, { count, pauseMs });
    return {
      name,
      transport,
      result,
      isRight: isWhole ? isComplete(result, count) : isExhausted(result),
      pausedGrowthMib: (pausedKib - before) / MIB,
      growthMib: (Math.max(pausedKib, readingKib) - before) / MIB,
    };
  } finally {
    await server.stop();
  }
}

/** @returns What the client saw, and the server's largest memory while the client paused and while it read. */
async function read(server, { http, format }, { count, pauseMs }) {
  const client = spawnClient(server, http, format, { count, pauseMs });
  const timer = setTimeout(() => client.kill('SIGKILL'), CLIENT_LIMIT_MS);
  const largest = { pausedKib: 0, readingKib: 0 };
  let phase = 'pausedKib';
  const sample = () => (largest[phase] = Math.max(largest[phase], server.residentKib()));
  const interval = setInterval(sample, SAMPLE_INTERVAL_MS);
  let result = { code: 'no end', messages: 0 };
  try {
    for await (const line of createInterface({ input: client.stdout })) {
      sample();
      result = JSON.parse(line);
      phase = 'readingKib';
    }
  } finally {
    clearInterval(interval);
    clearTimeout(timer);
  }
  return { result, ...largest };
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
    note: 'Growth of resident memory over what it was after a stream to a client that does not pause; every message is looked at.',
    outcomes,
    table: {
      columns: ['handler', 'transport', 'messages', 'end', 'growth in the pause, MiB', 'growth in all, MiB'],
      rows: outcomes.map((outcome) => [
        SERVERS[outcome.name].title,
        transportTitle(outcome.transport),
        `${outcome.result.messages.toLocaleString('en-US')}${outcome.result.wrong === undefined ? '' : `, wrong from ${outcome.result.wrong}`}`,
        endOf(outcome.result),
        outcome.pausedGrowthMib.toFixed(1),
        outcome.growthMib.toFixed(1),
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
