/**
 * Interleaved rounds: A B C … then C B A, so that what changes on the machine meanwhile meets all of them.
 *
 * What is measured is a point: how it makes calls, and what they cost the process under test, is its own affair.
 */

// Enough to know what a call roughly costs.
const FIRST_CALLS = 64;
// Costs fall while the compiler works, so that what should have been enough was not.
const WARM_UPS = 8;
// What /proc/PID/stat cannot tell from nothing.
const TICK_US = 10_000;

/**
 * @param points Each with `id`; `unitsPerCall`; `inFlight`, calls at a time; `makeCalls(count)`, which returns `cpuUs`
 * of the process under test, and `callsPerSecond`.
 * @param plan `rounds`, `cpuSeconds` of the process under test for each point in a round, `warmUpCpuSeconds`.
 * @returns Per id: CPU in microseconds per unit (`costs`), and units per second (`rates`), one of each per round.
 */
export async function measureRounds(points, { rounds, cpuSeconds, warmUpCpuSeconds }) {
  const samples = new Map(points.map(({ id }) => [id, { costs: [], rates: [] }]));
  const counts = new Map();
  for (const point of points) {
    counts.set(point.id, await warmUp(point, warmUpCpuSeconds, cpuSeconds));
  }
  for (let round = 0; round < rounds; round++) {
    for (const point of round % 2 === 0 ? points : points.toReversed()) {
      const { cost, rate } = await measure(point, counts.get(point.id));
      samples.get(point.id).costs.push(cost);
      samples.get(point.id).rates.push(rate);
    }
  }
  return samples;
}

/** @returns How many calls take that much CPU once the process is warm. */
async function warmUp(point, warmUpCpuSeconds, cpuSeconds) {
  let calls = callsFor(point, Infinity, 0);
  let cost = 0;
  let spentSeconds = 0;
  for (let turn = 0; turn < WARM_UPS && spentSeconds < warmUpCpuSeconds; turn++) {
    ({ cost } = await measure(point, calls));
    const units = calls * point.unitsPerCall;
    spentSeconds += (cost * units) / 1_000_000;
    cost = Math.max(cost, TICK_US / units);
    calls = callsFor(point, cost, warmUpCpuSeconds - spentSeconds);
  }
  return callsFor(point, cost, cpuSeconds);
}

function callsFor({ inFlight, unitsPerCall }, cost, cpuSeconds) {
  const least = Math.max(inFlight, unitsPerCall === 1 ? FIRST_CALLS : 1);
  return Math.max(least, Math.round((cpuSeconds * 1_000_000) / cost / unitsPerCall));
}

async function measure({ makeCalls, unitsPerCall }, calls) {
  const { cpuUs, callsPerSecond } = await makeCalls(calls);
  return { cost: cpuUs / (calls * unitsPerCall), rate: callsPerSecond * unitsPerCall };
}
