/**
 * Server streaming: what one message of a long stream costs, for generators and for Observables.
 */
import { bodyFile, callOnce } from '../load.mjs';
import { loadTable, serverPoint, startPoints, stopPoints } from '../load-table.mjs';
import { measureRounds } from '../rounds.mjs';
import { isAvailable } from '../server-process.mjs';
import { checkServerStreamAnswer, serverStreamRequest, STREAM_FORMATS } from '../wire.mjs';

const SHAPE = { http: '2', connections: 4, inFlight: 1 };
// Tag and value of `sequence`; tag and length of a short `text`; one byte more from 128 characters on.
const SHORT_OVERHEAD = 7;
const LONG_OVERHEAD = 8;

const POINTS = [
  'connect-node/connect',
  'connect-node/grpc',
  'nestjs-connect-generator/connect',
  'nestjs-connect-generator/grpc',
  'nestjs-connect-observable/connect',
  'nestjs-connect-observable/grpc',
  'grpc-js/grpc',
  'nest-grpc/grpc',
  'connect-go/connect',
  'connect-go/grpc',
  'grpc-go/grpc',
];

// What an Observable pushes at once has to fit into its queue of 4 MiB.
const TABLES = [
  { id: 'stream-20', bytes: 20, request: { count: 10_000, textLength: 20 - SHORT_OVERHEAD } },
  { id: 'stream-1k', bytes: 1024, request: { count: 2_000, textLength: 1024 - LONG_OVERHEAD } },
];

export const serverStream = {
  name: 'server-stream',
  tableIds: TABLES.map(({ id }) => id),
  run,
};

async function run({ plan, isWanted, log }) {
  const servers = new Map();
  const results = [];
  for (const table of TABLES.filter(({ id }) => isWanted(id))) {
    log(table.id);
    const available = POINTS.filter((id) => isAvailable(id.split('/')[0]));
    await startPoints(servers, available, SHAPE.http);
    const points = [];
    for (const id of available) {
      points.push(await makePoint(id, servers.get(`${id} ${SHAPE.http}`), table));
    }
    results.push(makeResult(table, await measureRounds(points, plan)));
  }
  await stopPoints(servers);
  return results;
}

async function makePoint(id, server, { id: tableId, request: init }) {
  const request = serverStreamRequest(id.split('/')[1], init);
  const origin = server.origin(SHAPE.http);
  const answer = await callOnce(origin, SHAPE.http, request);
  try {
    checkServerStreamAnswer(init, answer);
  } catch (error) {
    throw new Error(`${id} in ${tableId}: ${error.message}`, { cause: error });
  }
  const load = {
    ...SHAPE,
    url: origin + request.path,
    headers: request.headers,
    bodyFile: bodyFile(request.body),
  };
  return serverPoint({ id, server, load, answerBytes: answer.body.length, unitsPerCall: init.count });
}

function makeResult({ id, bytes, request: { count } }, samples) {
  const title = `Server streaming, ${count.toLocaleString('en-US')} messages of ${bytes} bytes per call, HTTP/2, ${SHAPE.connections} connections × 1 in flight`;
  const table = loadTable(samples, { base: POINTS[0], unit: 'message', formats: STREAM_FORMATS });
  return { id, title, samples, table };
}
