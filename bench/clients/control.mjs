/**
 * How a client process and the benchmark that started it talk: lines of JSON.
 *
 * In: a number of calls. Out: what they cost, when the last one is over. When the benchmark is gone, the pipe ends, and
 * the client with it.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { PAYLOADS } from '../payloads.mjs';

// What a client still does when its last caller has its answer.
const SETTLE_MS = 30;

/** Where to call, and how: `origin`, `http`, `format`, `inFlight`; the same for all clients. */
export const route = JSON.parse(process.argv[2]);

/** What every call sends, as init object. */
export const REQUEST = PAYLOADS.small.message;

/**
 * Makes calls, when it is told to.
 *
 * @param call Makes one, and returns its answer.
 */
export async function serveCalls(call) {
  await checkedCall(call);
  reply({ ready: true });
  createInterface({ input: process.stdin })
    .on('line', async (line) => reply(await measure(call, Number(line))))
    .on('close', () => process.exit(0));
}

/** User and system time of all threads, from `getrusage`. */
async function measure(call, count) {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await makeCalls(call, count);
  const seconds = (performance.now() - start) / 1000;
  await sleep(SETTLE_MS);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { cpuUs: user + system, callsPerSecond: count / seconds };
}

async function makeCalls(call, count) {
  let startedCount = 0;
  const callInTurn = async () => {
    while (startedCount < count) {
      startedCount++;
      await checkedCall(call);
    }
  };
  await Promise.all(Array.from({ length: route.inFlight }, callInTurn));
}

async function checkedCall(call) {
  const { text } = await call();
  if (text !== REQUEST.text) {
    throw new Error(`answered ${JSON.stringify(text)} instead of ${JSON.stringify(REQUEST.text)}`);
  }
}

function reply(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
