/**
 * `npm run bench`: measures this library against its peers, and its goals against the figures.
 *
 * `--quick` takes less than three minutes, and its figures are rough. `--only NAME,…` runs some suites or tables. `--out
 * FILE` writes the page there, too. Ends with code 1 when a floor is missed, and 2 when it could not measure.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { killAll } from './child-processes.mjs';
import { prepare, PrepareError } from './prepare.mjs';

const MIB = 1024 * 1024;

/** How much is measured. */
const FULL = {
  rounds: 9,
  cpuSeconds: 0.7,
  warmUpCpuSeconds: 1.5,
  idleConnections: 100,
  idleRounds: 3,
  slowBytes: 1024 * MIB,
  slowPauseMs: 6_000,
  clientWarmUpCalls: 20_000,
};
const QUICK = {
  rounds: 3,
  cpuSeconds: 0.12,
  warmUpCpuSeconds: 0.6,
  idleConnections: 20,
  idleRounds: 1,
  slowBytes: 64 * MIB,
  slowPauseMs: 1_000,
  clientWarmUpCalls: 4_000,
};

function readArguments() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      out: { type: 'string' },
    },
  });
  const only = values.only.flatMap((names) => names.split(',')).filter((name) => name !== '');
  return { plan: values.quick ? QUICK : FULL, only, out: values.out };
}

/** What was generated has to be there before the suites are loaded. */
async function loadSuites() {
  const { unary } = await import('./suites/unary.mjs');
  const { serverStream } = await import('./suites/server-stream.mjs');
  const { idleStreams } = await import('./suites/idle-streams.mjs');
  const { slowReaders } = await import('./suites/slow-readers.mjs');
  const { client } = await import('./suites/client.mjs');
  return [unary, serverStream, idleStreams, slowReaders, client];
}

function checkNames(only, suites) {
  const known = new Set(suites.flatMap(({ name, tableIds }) => [name, ...tableIds]));
  for (const name of only) {
    if (!known.has(name)) {
      throw new PrepareError(`--only has "${name}": expected some of ${[...known].join(', ')}`);
    }
  }
}

async function runSuites(suites, { plan, only }) {
  const start = performance.now();
  const log = (line) =>
    console.error(`${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  const results = [];
  for (const { name, tableIds, run } of suites) {
    const isWanted = (id) => only.length === 0 || only.includes(name) || only.includes(id);
    if (tableIds.some(isWanted)) {
      results.push(...(await run({ plan, isWanted, log })));
    }
  }
  return results;
}

async function main() {
  const start = performance.now();
  const options = readArguments();
  const warnings = prepare();
  const suites = await loadSuites();
  checkNames(options.only, suites);
  const { loadNow, renderPage } = await import('./report.mjs');
  const { isFloorMissed, judgeGoals } = await import('./goals.mjs');
  const loadBefore = loadNow();
  const results = await runSuites(suites, options);
  const judged = judgeGoals(results);
  const command = ['npm run bench', ...process.argv.slice(2)].join(' ').replace('bench -', 'bench -- -');
  const seconds = (performance.now() - start) / 1000;
  const page = renderPage({ results, judged, plan: options.plan, command, warnings, loadBefore, seconds });
  console.log(page);
  if (options.out !== undefined) {
    writeFileSync(options.out, page);
  }
  return isFloorMissed(judged) ? 1 : 0;
}

// What was started ends with the benchmark, whichever way it ends.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    killAll();
    process.exit(1);
  });
}
try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof PrepareError ? error.message : error);
  process.exitCode = 2;
}
killAll();
