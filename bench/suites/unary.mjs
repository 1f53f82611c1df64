/**
 * Unary calls: what one costs a server, by payload, version of HTTP and protocol.
 */
import { bodyFile, callOnce } from '../load.mjs';
import { PAYLOADS } from '../payloads.mjs';
import { loadTable, serverPoint, startPoints, stopPoints } from '../load-table.mjs';
import { measureRounds } from '../rounds.mjs';
import { isAvailable } from '../server-process.mjs';
import { checkUnaryAnswer, FORMATS, unaryRequest } from '../wire.mjs';

const BATCHED = { http: '2', connections: 4, inFlight: 16 };
const UNBATCHED = { http: '2', connections: 64, inFlight: 1 };
const HTTP1 = { http: '1', connections: 32, inFlight: 1 };

const GRPC_PEERS = ['connect-node/grpc', 'grpc-js/grpc', 'nest-grpc/grpc', 'connect-go/grpc', 'grpc-go/grpc'];
const HTTP2_POINTS = [
  'bare-http2/grpc',
  'nestjs-connect/connect-proto',
  'nestjs-connect/grpc',
  'connect-node/connect-proto',
  ...GRPC_PEERS,
];
const HTTP1_POINTS = [
  'bare-http1/connect-json',
  'nestjs-connect/connect-json',
  'connect-node/connect-json',
  'nest-express/rest',
  'nest-fastify/rest',
  'connect-go/connect-json',
];

/** The first point of each table is its base. */
const TABLES = [
  {
    id: 'unary-h2-small',
    shape: BATCHED,
    payload: 'small',
    points: [
      'bare-http2/grpc',
      'bare-http2/connect-proto',
      'nestjs-connect/connect-proto',
      'nestjs-connect/connect-json',
      'nestjs-connect/grpc',
      'nestjs-connect-enhanced/connect-proto',
      'nestjs-connect-enhanced/grpc',
      'connect-node/connect-proto',
      'connect-node/connect-json',
      ...GRPC_PEERS,
      'connect-go/connect-proto',
      'connect-go/connect-json',
    ],
  },
  {
    id: 'unary-h2-small-unbatched',
    shape: UNBATCHED,
    payload: 'small',
    points: [...HTTP2_POINTS, 'nestjs-connect-enhanced/grpc'],
  },
  {
    id: 'unary-h1-small',
    shape: HTTP1,
    payload: 'small',
    points: [
      ...HTTP1_POINTS,
      'nestjs-connect/connect-proto',
      'nestjs-connect-enhanced/connect-json',
      'connect-node/connect-proto',
    ],
  },
  { id: 'unary-h2-1k', shape: BATCHED, payload: '1k', points: HTTP2_POINTS },
  { id: 'unary-h1-1k', shape: HTTP1, payload: '1k', points: HTTP1_POINTS },
  {
    id: 'unary-h2-list',
    shape: BATCHED,
    payload: 'list',
    points: [...HTTP2_POINTS, 'nestjs-connect/connect-json', 'connect-node/connect-json'],
  },
  { id: 'unary-h1-list', shape: HTTP1, payload: 'list', points: HTTP1_POINTS },
  { id: 'unary-h2-100k', shape: BATCHED, payload: '100k', points: HTTP2_POINTS },
  { id: 'unary-h1-100k', shape: HTTP1, payload: '100k', points: HTTP1_POINTS },
];

export const unary = {
  name: 'unary',
  tableIds: TABLES.map(({ id }) => id),
  run,
};

async function run({ plan, isWanted, log }) {
  const servers = new Map();
  const results = [];
  for (const table of TABLES.filter(({ id }) => isWanted(id))) {
    log(table.id);
    const available = table.points.filter((id) => isAvailable(serverOf(id)));
    await startPoints(servers, available, table.shape.http);
    const points = [];
    for (const id of available) {
      points.push(await makePoint(id, servers.get(`${id} ${table.shape.http}`), table));
    }
    results.push(makeResult(table, await measureRounds(points, plan)));
  }
  await stopPoints(servers);
  return results;
}

function serverOf(id) {
  return id.split('/')[0];
}

/** Calls once, and compares the answer; then the load may count bytes. */
async function makePoint(id, server, { id: tableId, shape, payload }) {
  const [name, format] = id.split('/');
  const request = unaryRequest(format, payload);
  const path = name.startsWith('bare-') ? `/${payload}/${format}` : request.path;
  const origin = server.origin(shape.http);
  const answer = await callOnce(origin, shape.http, { ...request, path });
  try {
    checkUnaryAnswer(format, payload, answer);
  } catch (error) {
    throw new Error(`${id} in ${tableId}: ${error.message}`, { cause: error });
  }
  const load = { ...shape, url: origin + path, headers: request.headers, bodyFile: bodyFile(request.body) };
  return serverPoint({ id, server, load, answerBytes: answer.body.length, unitsPerCall: 1 });
}

function makeResult({ id, shape, payload, points: [base] }, samples) {
  const { http, connections, inFlight } = shape;
  const version = http === '1' ? 'HTTP/1.1' : 'HTTP/2';
  const title = `Unary, ${PAYLOADS[payload].title}, ${version}, ${connections} connections × ${inFlight} in flight`;
  return { id, title, samples, table: loadTable(samples, { base, unit: 'call', formats: FORMATS }) };
}
