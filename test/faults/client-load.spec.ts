/**
 * 50,000 unary calls and 5,000 streams, in all protocols over both HTTP versions: connections, timers, listeners and memory
 * are afterwards what they were before.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AskedProgram } from '../support/asked-program.js';
import { type CompiledTarget, compileTarget } from '../support/compiled-target.js';
import { type Carrier, CARRIER_TITLE, CARRIERS } from './support/client-cases.js';
import { ClientProcess } from './support/client-process.js';
import { type ClientSigns, type LoadKind } from './support/client-program-messages.js';
import { type ServerInit } from './support/server-forms.js';
import { type ServerAnswer, type ServerQuestion } from './support/vital-signs.js';

const UNARY_CALLS = 10_000;
const STREAMS = 400;
const PARALLEL = 16;
/** Before the load, which opens the connections and compiles the code. */
const WARM_UP_SHARE = 0.2;
/** Of heap and buffers, for each call: a leak of a handle, an entry of a map or a listener is more. */
const LEAK_BYTES = 100;
/** Code and caches go on to grow for a while; a leak is there each time. */
const MAX_ROUNDS = 3;

let target: CompiledTarget;
let server: AskedProgram<ServerQuestion, ServerAnswer>;
let client: ClientProcess;

beforeAll(async () => {
  target = await compileTarget();
  const init: ServerInit = { form: 'stand-alone', options: {} };
  server = await AskedProgram.start(target.program('test/faults/support/server.ts'), init);
  client = await ClientProcess.start(target);
});

afterAll(async () => {
  await client.stop();
  await server.stop();
  await target.remove();
});

/** A kind of calls over one channel. */
interface Lane {
  readonly carrier: Carrier;
  readonly kind: LoadKind;
  readonly calls: number;
}

const UNARY_LANES: readonly Lane[] = CARRIERS.map((carrier) => ({
  carrier,
  kind: 'unary',
  calls: UNARY_CALLS,
}));

const STREAM_LANES: readonly Lane[] = CARRIERS.flatMap((carrier) => {
  // Over HTTP/1.1 there is no full duplex.
  const bidi: readonly LoadKind[] = carrier.httpVersion === '2' ? ['bidi stream'] : [];
  return (['server stream', 'client stream', ...bidi] as const).map((kind) => ({
    carrier,
    kind,
    calls: STREAMS,
  }));
});

async function load({ carrier, kind, calls }: Lane, share = 1): Promise<void> {
  const url = `http://127.0.0.1:${server.port}`;
  const count = calls * share;
  expect(await client.run({ ...carrier, url, kind, calls: count, parallel: PARALLEL })).toEqual({
    ok: count,
  });
}

async function loadAll(lanes: readonly Lane[], share?: number): Promise<ClientSigns> {
  for (const lane of lanes) {
    await load(lane, share);
  }
  return client.signs();
}

/** @returns What is more than it was. */
async function leftAfter(lanes: readonly Lane[]): Promise<readonly string[]> {
  const calls = lanes.reduce((sum, lane) => sum + lane.calls, 0);
  const first = await loadAll(lanes, WARM_UP_SHARE);
  let [before, bytes]: [ClientSigns, number] = [first, Infinity];
  for (let round = 0; round < MAX_ROUNDS && bytes >= LEAK_BYTES; round++) {
    const after = await loadAll(lanes);
    bytes = (after.heapBytes - before.heapBytes) / calls;
    before = after;
  }
  process.stdout.write(`${calls} calls: ${bytes.toFixed(1)} bytes of heap for each\n`);
  const leak = bytes < LEAK_BYTES ? [] : [`${bytes.toFixed(1)} bytes of heap for each call`];
  return [...leak, ...moreThan(first, before)];
}

/** Fewer is possible: servers close HTTP/1.1 connections that were idle for five seconds. */
function moreThan(before: ClientSigns, after: ClientSigns): string[] {
  const names = ['sockets', 'sessions', 'listeners', 'timers', 'wheelTimers'] as const;
  return names
    .filter((name) => after[name] > before[name])
    .map((name) => `${after[name]} ${name}: ${before[name]} before`);
}

it.each(UNARY_LANES.map((lane) => ({ ...lane.carrier, lane })))(
  `10,000 unary calls leave nothing (${CARRIER_TITLE})`,
  async ({ lane }) => {
    expect(await leftAfter([lane])).toEqual([]);
  },
);

it('5,000 streams of all kinds leave nothing, in all protocols', async () => {
  expect(await leftAfter(STREAM_LANES)).toEqual([]);
});

it('the figures are those of channels that are in use: one session each, and connections', async () => {
  await load(UNARY_LANES[0] as Lane, 0.01);
  const { sessions, sockets, wheelTimers } = await client.signs();
  expect([sessions, sockets >= sessions, wheelTimers]).toEqual([3, true, 0]);
});
