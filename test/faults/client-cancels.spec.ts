/**
 * A client that cancels a lot: its resets must not make a server end the connection, on which the calls of others are.
 *
 * Node's server allows 1,000 resets at once and 33 a second (its guard against "rapid reset", CVE-2023-44487), and ends a
 * connection with GOAWAY then: the first test shows that it does. What goes over the connections is read on the way.
 */
import { connect as connectHttp2, constants, createServer } from 'node:http2';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { answer } from './support/bad-servers.js';
import { CARRIERS, type Eliza, endOf } from './support/client-cases.js';
import { ClientSide } from './support/client-side.js';
import { FrameTap } from './support/frame-tap.js';

const CANCELED_CALLS = 3_000;
const OTHER_CALLS = 40;
/** Of Node's server. */
const GUARD = { burst: 1_000, perSecond: 33 };

let side: ClientSide;
let tap: FrameTap;
/** Calls that wait at the server; they are answered when they are released. */
let held: (() => void)[];

beforeEach(async () => {
  side = new ClientSide();
  held = [];
  const server = createServer();
  server.on('session', (session) => session.on('error', () => {}));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    switch (headers['x-wish']) {
      case 'hold':
        held.push(() => answer(stream, headers));
        break;
      case 'silence':
        break;
      default:
        answer(stream, headers);
    }
  });
  tap = new FrameTap(await side.peers.listen(server));
});

afterEach(async () => {
  await side.close();
  await tap.close();
});

failOnUnhandled();

it("a client without pacing meets the guard of Node's server", async () => {
  const session = connectHttp2(await tap.open());
  session.on('error', () => {});
  const closed = new Promise((resolve) => session.once('close', resolve));
  await once(session, 'remoteSettings');
  const streams = Array.from({ length: GUARD.burst + 100 }, () =>
    session.request({ ':method': 'POST', ':path': '/', 'x-wish': 'silence' }),
  );
  await eventually(() => tap.requests === streams.length);
  for (const stream of streams) {
    stream.on('error', () => {});
    stream.close(constants.NGHTTP2_CANCEL);
  }
  await closed;
  expect(tap.connections.map(({ errors }) => errors.length > 0)).toEqual([true]);
});

function callsWith(eliza: Eliza, wish: string, count: number): ReturnType<typeof endOf>[] {
  return Array.from({ length: count }, () => endOf(eliza, 'unary', { headers: { 'x-wish': wish } }));
}

describe(`${CANCELED_CALLS} calls that are canceled at once end no other call`, () => {
  it.each(CARRIERS.filter(({ httpVersion }) => httpVersion === '2'))('$protocol', async (carrier) => {
    const eliza = side.client(await tap.open(), carrier);
    const begin = performance.now();
    const others = callsWith(eliza, 'hold', OTHER_CALLS);
    await eventually(() => held.length === OTHER_CALLS);
    const controller = new AbortController();
    const options = { headers: { 'x-wish': 'silence' }, signal: controller.signal };
    const canceled = Array.from({ length: CANCELED_CALLS }, () => endOf(eliza, 'unary', options));
    await eventually(() => tap.requests === OTHER_CALLS + CANCELED_CALLS);
    controller.abort();
    expect(new Set((await Promise.all(canceled)).map(({ code }) => code))).toEqual(new Set(['canceled']));
    // New calls are answered while the resets wait, and so are those that were there before.
    const more = callsWith(eliza, 'answer', OTHER_CALLS);
    expect(new Set((await Promise.all(more)).map(({ code }) => code))).toEqual(new Set(['ok']));
    expect(tap.openConnections).toBe(2);
    const resets = tap.connections.map((connection) => connection.resets);
    const [first = 0, second] = resets;
    const seconds = (performance.now() - begin) / 1_000;
    expect([first > 0, first < GUARD.burst + GUARD.perSecond * seconds, second]).toEqual([true, true, 0]);
    expect(tap.connections.flatMap(({ errors }) => errors)).toEqual([]);
    held.forEach((release) => release());
    expect(new Set((await Promise.all(others)).map(({ code }) => code))).toEqual(new Set(['ok']));
    // Nothing else is on the first connection: its end resets what waits.
    await eventually(() => tap.openConnections === 1);
  });
});
