/**
 * Idle bidi streams: the memory that a server keeps for one that was used once and waits.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { titleOf } from '../load-table.mjs';
import { BENCH } from '../paths.mjs';
import { isAvailable, startServer } from '../server-process.mjs';
import { summarize, summarizeRatios } from '../statistics.mjs';
import { significant, withQuartiles } from '../load-table.mjs';
import { bidiStreamRequest, STREAM_FORMATS } from '../wire.mjs';

const TABLE_ID = 'idle-streams';
const STREAMS_PER_CONNECTION = 100;
const WARM_UP_CONNECTIONS = 3;
const CLIENT_LIMIT_MS = 60_000;

/** The first is the base. */
const POINTS = [
  'connect-node/connect',
  'connect-node/grpc',
  'nestjs-connect-generator/connect',
  'nestjs-connect-generator/grpc',
  'nestjs-connect-observable/connect',
  'nestjs-connect-observable/grpc',
  'grpc-js/grpc',
  'nest-grpc/grpc',
  'connect-go/grpc',
  'grpc-go/grpc',
];

export const idleStreams = { name: 'idle-streams', tableIds: [TABLE_ID], run };

async function run({ plan: { idleConnections, idleRounds }, log }) {
  log(TABLE_ID);
  const available = POINTS.filter((id) => isAvailable(id.split('/')[0]));
  const samples = new Map(available.map((id) => [id, { costs: [] }]));
  for (let round = 0; round < idleRounds; round++) {
    for (const id of round % 2 === 0 ? available : available.toReversed()) {
      samples.get(id).costs.push(await kibPerStream(id, idleConnections));
    }
  }
  return [makeResult(samples, idleConnections, idleRounds)];
}

/** In a fresh process, because memory that a process once had it seldom gives back. */
async function kibPerStream(id, connections) {
  const [name, format] = id.split('/');
  const server = await startServer(name);
  try {
    await closeStreams(await openStreams(server, format, WARM_UP_CONNECTIONS));
    await server.collectGarbage();
    const before = server.residentKib();
    const client = await openStreams(server, format, connections);
    await server.collectGarbage();
    const after = server.residentKib();
    await closeStreams(client);
    return (after - before) / (connections * STREAMS_PER_CONNECTION);
  } finally {
    await server.stop();
  }
}

/** @returns The client's process, once every stream has its answer. */
async function openStreams(server, format, connections) {
  const { path, headers, body, answer } = bidiStreamRequest(format);
  const request = {
    origin: server.origin('2'),
    path,
    headers,
    connections,
    streamsPerConnection: STREAMS_PER_CONNECTION,
    body: body.toString('base64'),
    answer: answer.toString('base64'),
  };
  const client = spawn(process.execPath, [`${BENCH}load/idle-streams.mjs`, JSON.stringify(request)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const timer = setTimeout(() => client.kill('SIGKILL'), CLIENT_LIMIT_MS);
  for await (const line of createInterface({ input: client.stdout })) {
    if (JSON.parse(line).open === connections * STREAMS_PER_CONNECTION) {
      clearTimeout(timer);
      return client;
    }
  }
  throw new Error(`${server.name}: not all of the idle streams were answered`);
}

async function closeStreams(client) {
  const exited = new Promise((resolve) => client.once('exit', resolve));
  client.stdin.end();
  await exited;
}

function makeResult(samples, connections, rounds) {
  const base = samples.get(POINTS[0]);
  const streams = (connections * STREAMS_PER_CONNECTION).toLocaleString('en-US');
  return {
    id: TABLE_ID,
    title: `Idle bidi streams, ${streams} over ${connections} connections`,
    note: `Growth of resident memory from before the streams to after them, garbage collected both times, each in a fresh process; rounds: ${rounds}.`,
    samples,
    table: {
      columns: ['server', 'KiB/stream', `× ${titleOf(POINTS[0], STREAM_FORMATS)} [quartiles]`],
      rows: [...samples].map(([id, { costs }]) => [
        titleOf(id, STREAM_FORMATS),
        significant(summarize(costs).median),
        withQuartiles(summarizeRatios(costs, base.costs)),
      ]),
    },
  };
}
