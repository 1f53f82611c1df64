/**
 * Interleaved rounds: A B C … then C B A, so that what changes on the machine meanwhile meets all of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from './load.mjs';

// Enough to know what a call roughly costs.
const FIRST_REQUESTS = 64;
// Costs fall while the compiler works, so that what should have been enough was not.
const WARM_UPS = 8;
// What /proc/PID/stat cannot tell from nothing.
const TICK_US = 10_000;
// What a server still does for a connection that h2load has closed.
const SETTLE_MS = 30;

/**
 * @param points Each with `id`, `server`, `load` (see runLoad; without `requests`), `answerBytes` and `unitsPerCall`.
 * @param plan `rounds`, `cpuSeconds` of the server for each point in a round, `warmUpCpuSeconds`.
 * @returns Per id: server CPU in microseconds per unit (`costs`), and units per second (`rates`), one of each per round.
 */
export async function measureRounds(points, { rounds, cpuSeconds, warmUpCpuSeconds }) {
  const samples = new Map(points.map(({ id }) => [id, { costs: [], rates: [] }]));
  const requests = new Map();
  for (const point of points) {
    requests.set(point.id, await warmUp(point, warmUpCpuSeconds, cpuSeconds));
  }
  for (let round = 0; round < rounds; round++) {
    for (const point of round % 2 === 0 ? points : points.toReversed()) {
      const { cost, rate } = await measure(point, requests.get(point.id));
      samples.get(point.id).costs.push(cost);
      samples.get(point.id).rates.push(rate);
    }
  }
  return samples;
}

/** @returns How many requests take that much CPU once the server is warm. */
async function warmUp(point, warmUpCpuSeconds, cpuSeconds) {
  let requests = requestsFor(point, Infinity, 0);
  let cost = 0;
  let spentSeconds = 0;
  for (let turn = 0; turn < WARM_UPS && spentSeconds < warmUpCpuSeconds; turn++) {
    ({ cost } = await measure(point, requests));
    const units = requests * point.unitsPerCall;
    spentSeconds += (cost * units) / 1_000_000;
    cost = Math.max(cost, TICK_US / units);
    requests = requestsFor(point, cost, warmUpCpuSeconds - spentSeconds);
  }
  return requestsFor(point, cost, cpuSeconds);
}

function requestsFor({ load: { connections, inFlight }, unitsPerCall }, cost, cpuSeconds) {
  const least = Math.max(connections * inFlight, unitsPerCall === 1 ? FIRST_REQUESTS : 1);
  return Math.max(least, Math.round((cpuSeconds * 1_000_000) / cost / unitsPerCall));
}

async function measure({ id, server, load, answerBytes, unitsPerCall }, requests) {
  const before = server.cpuUs();
  const { callsPerSecond, bodyBytes } = await runLoad({ ...load, requests });
  await sleep(SETTLE_MS);
  const cpuUs = server.cpuUs() - before;
  if (bodyBytes !== requests * answerBytes) {
    throw new Error(`${id}: ${bodyBytes} bytes in ${requests} answers of ${answerBytes}`);
  }
  return { cost: cpuUs / (requests * unitsPerCall), rate: callsPerSecond * unitsPerCall };
}
