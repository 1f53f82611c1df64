/**
 * Clients: what a small unary call costs the process that makes it, by protocol and version of HTTP.
 *
 * All clients of a table call the same server, the bare one: its answers are fixed bytes, so that it is no bottleneck, and
 * compresses nothing, whatever a client accepts.
 */
import { callOnce } from '../load.mjs';
import { loadTable } from '../load-table.mjs';
import { CLIENTS, startClient } from '../client-process.mjs';
import { PAYLOADS } from '../payloads.mjs';
import { measureRounds } from '../rounds.mjs';
import { startServer } from '../server-process.mjs';
import { checkUnaryAnswer, FORMATS, unaryRequest } from '../wire.mjs';

const PAYLOAD = 'small';
const IN_FLIGHT = 32;

/** The first point of each table is its base. */
const TABLES = [
  {
    id: 'client-h2-connect',
    http: '2',
    points: [
      'bare-http2/connect-proto',
      'nestjs-connect/connect-proto',
      'nestjs-connect/connect-json',
      'connect-node/connect-proto',
      'connect-node/connect-json',
    ],
  },
  {
    id: 'client-h2-grpc',
    http: '2',
    points: [
      'bare-http2/grpc',
      'nestjs-connect/grpc',
      'nestjs-connect-rx/grpc',
      'connect-node/grpc',
      'grpc-js/grpc',
      'nest-grpc/grpc',
    ],
  },
  {
    id: 'client-h1-connect',
    http: '1',
    points: [
      'bare-http1/connect-proto',
      'nestjs-connect/connect-proto',
      'nestjs-connect/connect-json',
      'connect-node/connect-proto',
      'connect-node/connect-json',
    ],
  },
];

export const client = {
  name: 'client',
  tableIds: TABLES.map(({ id }) => id),
  run,
};

async function run({ plan, isWanted, log }) {
  const results = [];
  for (const table of TABLES.filter(({ id }) => isWanted(id))) {
    log(table.id);
    results.push(makeResult(table, await measureTable(table, plan)));
  }
  return results;
}

async function measureTable({ http, points: ids }, plan) {
  const servers = await startServers(http, ids);
  const points = [];
  for (const id of ids) {
    const [name, format] = id.split('/');
    const origin = servers.get(format).origin(http);
    const { makeCalls, stop } = await startClient(name, { origin, http, format, inFlight: IN_FLIGHT });
    // As many for each: in the same time a slow one makes few, and would be measured before it is compiled.
    await makeCalls(plan.clientWarmUpCalls);
    points.push({ id, unitsPerCall: 1, inFlight: IN_FLIGHT, makeCalls, stop });
  }
  const samples = await measureRounds(points, plan);
  await Promise.all([...points, ...servers.values()].map(({ stop }) => stop()));
  return samples;
}

/** @returns A server for each format. */
async function startServers(http, ids) {
  const servers = new Map();
  for (const format of new Set(ids.map((id) => id.split('/')[1]))) {
    const server = await startServer(`bare-http${http}`, { args: [`${PAYLOAD}/${format}`] });
    checkUnaryAnswer(
      format,
      PAYLOAD,
      await callOnce(server.origin(http), http, unaryRequest(format, PAYLOAD)),
    );
    servers.set(format, server);
  }
  return servers;
}

function makeResult({ id, http, points: [base] }, samples) {
  const version = http === '1' ? 'HTTP/1.1' : 'HTTP/2';
  return {
    id,
    title: `Clients, unary, ${PAYLOADS[PAYLOAD].title}, ${version}, ${IN_FLIGHT} in flight`,
    note: "CPU is the client's, from `process.cpuUsage()`. The server is the bare one for all.",
    samples,
    table: loadTable(samples, {
      base,
      unit: 'call',
      formats: FORMATS,
      underTest: 'client',
      processes: CLIENTS,
    }),
  };
}
