/**
 * What the suites with load have in common: a process for every point, its CPU time, and how their tables look.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from './load.mjs';
import { SERVERS, startServer } from './server-process.mjs';
import { summarize, summarizeRatios } from './statistics.mjs';

// What a server still does for a connection that h2load has closed.
const SETTLE_MS = 30;

/**
 * Starts what is missing. Every server has one process per protocol and version of HTTP: a peer that speaks only one
 * must not look better because its code has seen nothing else.
 */
export async function startPoints(servers, ids, http) {
  const missing = ids.filter((id) => !servers.has(`${id} ${http}`));
  await Promise.all(
    missing.map(async (id) => servers.set(`${id} ${http}`, await startServer(id.split('/')[0]))),
  );
}

/** Ends them all. */
export async function stopPoints(servers) {
  await Promise.all([...servers.values()].map((server) => server.stop()));
  servers.clear();
}

/**
 * @param load See runLoad; without `requests`.
 * @param answerBytes Of the whole body of each answer.
 * @returns A point as {@link measureRounds} takes it: what a load costs a server.
 */
export function serverPoint({ id, server, load, answerBytes, unitsPerCall }) {
  return {
    id,
    unitsPerCall,
    inFlight: load.connections * load.inFlight,
    async makeCalls(count) {
      const before = server.cpuUs();
      const { callsPerSecond, bodyBytes } = await runLoad({ ...load, requests: count });
      await sleep(SETTLE_MS);
      const cpuUs = server.cpuUs() - before;
      if (bodyBytes !== count * answerBytes) {
        throw new Error(`${id}: ${bodyBytes} bytes in ${count} answers of ${answerBytes}`);
      }
      return { cpuUs, callsPerSecond };
    },
  };
}

/**
 * @param processes Whose points these are: `SERVERS` or `CLIENTS`.
 * @returns The table of a run of rounds: one line per point, ratios against the base in the same round.
 */
export function loadTable(samples, { base, unit, formats, underTest = 'server', processes = SERVERS }) {
  const baseSamples = samples.get(base);
  const baseTitle = titleOf(base, formats, processes);
  return {
    columns: [
      underTest,
      `CPU µs/${unit}`,
      `× ${baseTitle} [quartiles]`,
      `${unit}s/s`,
      `× ${baseTitle} [quartiles]`,
    ],
    rows: [...samples].map(([id, { costs, rates }]) => [
      titleOf(id, formats, processes),
      significant(summarize(costs).median),
      withQuartiles(summarizeRatios(costs, baseSamples.costs)),
      significant(summarize(rates).median),
      withQuartiles(summarizeRatios(rates, baseSamples.rates)),
    ]),
  };
}

/** @returns A point, as tables and goals call it. */
export function titleOf(id, formats, processes = SERVERS) {
  const [name, format] = id.split('/');
  return `${processes[name].title}, ${formats[format].title}`;
}

/** @returns A ratio with its quartiles. */
export function withQuartiles({ median, low, high }) {
  return `${ratio(median)} [${ratio(low)}–${ratio(high)}]`;
}

/** @returns A ratio, with the digits that mean something. */
export function ratio(value) {
  return value.toFixed(value < 0.1 ? 3 : 2);
}

/** @returns A figure with three significant digits, and no exponent. */
export function significant(value) {
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumSignificantDigits: 3 });
}
