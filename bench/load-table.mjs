/**
 * What the suites with load have in common: a process for every point, and how their tables look.
 */
import { SERVERS, startServer } from './server-process.mjs';
import { summarize, summarizeRatios } from './statistics.mjs';

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

/** @returns The table of a run of rounds: one line per point, ratios against the base in the same round. */
export function loadTable(samples, { base, unit, formats }) {
  const baseSamples = samples.get(base);
  const baseTitle = titleOf(base, formats);
  return {
    columns: [
      'server',
      `CPU µs/${unit}`,
      `× ${baseTitle} [quartiles]`,
      `${unit}s/s`,
      `× ${baseTitle} [quartiles]`,
    ],
    rows: [...samples].map(([id, { costs, rates }]) => [
      titleOf(id, formats),
      significant(summarize(costs).median),
      withQuartiles(summarizeRatios(costs, baseSamples.costs)),
      significant(summarize(rates).median),
      withQuartiles(summarizeRatios(rates, baseSamples.rates)),
    ]),
  };
}

/** @returns A point, as tables and goals call it. */
export function titleOf(id, formats) {
  const [name, format] = id.split('/');
  return `${SERVERS[name].title}, ${formats[format].title}`;
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
