/**
 * The goals of issues 4 (servers) and 6 (clients), and whether the figures meet them.
 */
import { CLIENTS } from './client-process.mjs';
import { significant, titleOf, withQuartiles } from './load-table.mjs';
import { SERVERS } from './server-process.mjs';
import { summarizeRatios } from './statistics.mjs';
import { transportTitle } from './suites/slow-readers.mjs';
import { FORMATS, STREAM_FORMATS } from './wire.mjs';

/** Goals in memory hold for whatever the handler is. */
const MAX_GROWTH_MIB = 16;

const OURS = {
  proto: 'nestjs-connect/connect-proto',
  json: 'nestjs-connect/connect-json',
  grpc: 'nestjs-connect/grpc',
};

const IN_STREAMS = ['generator', 'observable'].flatMap((style) => [
  ratioGoal('stream-20', `nestjs-connect-${style}/connect`, 'connect-node/connect', 0.3, 0.5),
  ratioGoal('stream-20', `nestjs-connect-${style}/grpc`, 'connect-node/grpc', 0.3, 0.5),
  ratioGoal('stream-20', `nestjs-connect-${style}/grpc`, 'grpc-js/grpc', 0.3, 0.5),
  ratioGoal('idle-streams', `nestjs-connect-${style}/connect`, 'connect-node/connect', 0.25, 0.4),
  ratioGoal('idle-streams', `nestjs-connect-${style}/grpc`, 'grpc-js/grpc', 1.1, 1.5),
]);

/** Ratios of CPU (of memory for idle streams), ours to the peer's: not above the goal; the floor blocks. */
const RATIO_GOALS = [
  ratioGoal('unary-h2-small', OURS.proto, 'connect-node/connect-proto', 0.3, 0.4),
  ratioGoal('unary-h2-small', OURS.grpc, 'connect-node/grpc', 0.12, 0.2),
  ratioGoal('unary-h2-small', OURS.grpc, 'grpc-js/grpc', 1, 1.15),
  ratioGoal('unary-h2-small', OURS.grpc, 'nest-grpc/grpc', 0.95, 1.15),
  ratioGoal('unary-h2-small-unbatched', OURS.grpc, 'grpc-js/grpc', 0.9, 1.15),
  ratioGoal('unary-h1-small', OURS.json, 'connect-node/connect-json', 0.25, 0.4),
  ratioGoal('unary-h1-small', OURS.json, 'nest-fastify/rest', 1, 1.3),
  ratioGoal('unary-h1-small', OURS.json, 'nest-express/rest', 0.2, 0.35),
  ratioGoal('unary-h2-list', OURS.grpc, 'grpc-js/grpc', 0.5, 0.8),
  ...IN_STREAMS.toSorted((a, b) => b.tableId.localeCompare(a.tableId)),
  ratioGoal('client-h2-connect', OURS.proto, 'connect-node/connect-proto', 0.45, 0.6),
  ratioGoal('client-h2-grpc', OURS.grpc, 'grpc-js/grpc', 0.55, 0.75),
  ratioGoal('client-h2-grpc', OURS.grpc, 'connect-node/grpc', 0.32, 0.45),
  ratioGoal('client-h1-connect', OURS.proto, 'connect-node/connect-proto', 0.25, 0.4),
];

/** What the points of a table are, by the first word of its name. */
const POINTS_OF = {
  unary: { formats: FORMATS, processes: SERVERS },
  stream: { formats: STREAM_FORMATS, processes: SERVERS },
  idle: { formats: STREAM_FORMATS, processes: SERVERS },
  client: { formats: FORMATS, processes: CLIENTS },
};

function ratioGoal(tableId, ours, peer, goal, floor) {
  return { tableId, ours, peer, goal, floor };
}

/**
 * @param results Of the suites that ran.
 * @returns One line per goal: `cells` for the table, and `verdict`.
 */
export function judgeGoals(results) {
  const byTable = new Map(results.map((result) => [result.id, result]));
  return [
    ...RATIO_GOALS.map((goal) => judgeRatio(goal, byTable.get(goal.tableId))),
    ...(byTable.get('slow-readers')?.outcomes ?? []).map(judgeSlowReader),
  ];
}

function judgeRatio({ tableId, ours, peer, goal, floor }, result) {
  const { formats, processes } = POINTS_OF[tableId.split('-')[0]];
  const title = `${titleOf(ours, formats, processes)}, against ${titleOf(peer, formats, processes)}`;
  const limits = [`≤ ${goal}`, `≤ ${floor}`];
  if (result === undefined) {
    return { verdict: 'not measured', cells: [tableId, title, ...limits, '', 'not measured'] };
  }
  const ratio = summarizeRatios(result.samples.get(ours).costs, result.samples.get(peer).costs);
  const verdict = verdictOn(ratio.median, goal, floor);
  return { verdict, cells: [tableId, title, ...limits, withQuartiles(ratio), verdict] };
}

function verdictOn(value, goal, floor) {
  if (value <= goal) {
    return 'met';
  }
  // No figure at all is no excuse.
  return value <= floor ? 'missed' : '**floor missed**';
}

function judgeSlowReader({ name, transport, isRight, growthMib, result }) {
  const title = `${SERVERS[name].title}, ${transportTitle(transport)}`;
  const expected = name.endsWith('observable')
    ? '`resource_exhausted` with method and remedy'
    : 'every message arrives';
  const limit = `${expected}, growth ≤ ${MAX_GROWTH_MIB} MiB`;
  const verdict = isRight ? verdictOn(growthMib, MAX_GROWTH_MIB, MAX_GROWTH_MIB) : '**floor missed**';
  const measured = `${isRight ? 'yes' : `no (${result.code})`}, ${significant(growthMib)} MiB`;
  return { verdict, cells: ['slow-readers', title, limit, 'same', measured, verdict] };
}

/** @returns Whether something here blocks closing the issue. */
export function isFloorMissed(judged) {
  return judged.some(({ verdict }) => verdict.includes('floor'));
}
