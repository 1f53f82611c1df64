/**
 * More connections than `maxConnections`. Protected: the calls on the connections that there are, the files of the
 * process, and whoever comes when there is room again.
 */
import { once } from 'node:events';
import { type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { http1Request, openHttp2, RawClient, recordHttp2 } from '../server/engine-harness.js';
import { eventually } from '../support/eventually.js';
import { streamed } from './support/dialects.js';
import { type ServerForm } from './support/server-forms.js';
import { CONVERSE, SAY, Victim } from './support/victim.js';

const LIMIT = 50;
const ATTEMPTS = 1_000;
/** Below what the accept queue of the system holds, so that no attempt waits for another try of TCP. */
const AT_ONCE = 100;
const CLOSED_WITHIN_MS = 1_000;
const HEALTHY_WITHIN_MS = 1_000;

const FORMS: readonly ServerForm[] = ['stand-alone', 'TLS'];
const JSON_CALL = { 'content-type': 'application/json' };

let victim: Victim;

afterEach(() => victim.stop());

/** A connection beyond the limit. @returns What came over it, and for how long it was open. */
async function beyond(): Promise<{ bytes: number; openMs: number }> {
  const begin = performance.now();
  const socket = await victim.connectTcp().catch(() => undefined);
  if (socket === undefined) {
    return { bytes: 0, openMs: performance.now() - begin };
  }
  const client = new RawClient(socket);
  await client.ended;
  client.destroy();
  return { bytes: client.text.length, openMs: performance.now() - begin };
}

/** A call over a connection that stays. */
async function callOver(client: RawClient, sentence: string): Promise<number> {
  const begin = performance.now();
  client.text = '';
  await client
    .write(http1Request(JSON.stringify({ sentence }), JSON_CALL, SAY))
    .until(`{"sentence":"${sentence}"}`);
  return performance.now() - begin;
}

/** Makes one call after the other until the work is done. @returns How long the slowest took. */
async function slowestCall(client: RawClient, work: Promise<unknown>): Promise<number> {
  const flooding = { isOver: false };
  const over = work.finally(() => (flooding.isOver = true));
  let slowestMs = await callOver(client, 'at the beginning');
  for (let i = 0; !flooding.isOver; i++) {
    slowestMs = Math.max(slowestMs, await callOver(client, `during ${i}`));
  }
  await over;
  return slowestMs;
}

async function flood(): Promise<{ bytes: number; openMs: number }[]> {
  const closed: { bytes: number; openMs: number }[] = [];
  while (closed.length < ATTEMPTS) {
    closed.push(...(await Promise.all(Array.from({ length: AT_ONCE }, beyond))));
  }
  return closed;
}

describe.each(FORMS)('a flood of connections beyond maxConnections (%s)', (form) => {
  it('is closed at once, and nobody else feels it', async () => {
    victim = await Victim.start({ maxConnections: LIMIT }, form);
    await eventuallyOpen(0);
    const before = await victim.signs();
    const filesBefore = await victim.openFiles();

    const session = victim.session();
    await once(session, 'remoteSettings');
    const stream = openHttp2(session, { ':path': CONVERSE, 'content-type': 'application/connect+json' });
    const conversation = recordHttp2(stream);
    stream.write(streamed({ sentence: 'before' }));
    await once(stream, 'data');
    const sockets: Socket[] = [];
    while (sockets.length < LIMIT - 1) {
      sockets.push(await victim.connect());
    }
    const clients = sockets.map((socket) => new RawClient(socket));
    const [busy] = clients as [RawClient];
    await callOver(busy, 'before');

    const flooding = flood();
    const [closed, slowestMs] = await Promise.all([flooding, slowestCall(busy, flooding)]);
    expect(closed.filter(({ bytes, openMs }) => bytes > 0 || openMs > CLOSED_WITHIN_MS)).toEqual([]);
    expect(slowestMs).toBeLessThan(HEALTHY_WITHIN_MS);
    const during = await victim.signs();
    expect(during.openSockets).toBe(LIMIT);

    // The call that was there goes on, and ends as its client wants.
    stream.end(streamed({ sentence: 'behind' }));
    expect((await conversation).body.match(/"sentence":"\w+"/g)).toEqual([
      '"sentence":"before"',
      '"sentence":"behind"',
    ]);
    await Promise.all(clients.slice(1).map((client) => callOver(client, 'behind')));

    // One goes, and there is room for one.
    clients.pop()?.destroy();
    await eventuallyOpen(LIMIT - 1);
    const next = new RawClient(await victim.connect());
    clients.push(next);
    expect(await callOver(next, 'next')).toBeLessThan(HEALTHY_WITHIN_MS);
    expect((await beyond()).openMs).toBeLessThan(CLOSED_WITHIN_MS);

    clients.forEach((client) => client.destroy());
    session.destroy();
    await eventuallyOpen(0);
    await victim.healthyMs();
    await victim.expectNothingLeft(before);
    await eventuallyFiles(filesBefore);
  });
});

/** The server hears of the end of its clients a little later than they do. */
async function eventuallyOpen(sockets: number): Promise<void> {
  let openSockets = Infinity;
  const look = async (): Promise<void> => void ({ openSockets } = await victim.signs(false));
  await eventually(() => {
    void look();
    return openSockets === sockets;
  });
}

async function eventuallyFiles(count: number): Promise<void> {
  let files = Infinity;
  await eventually(() => {
    void victim.openFiles().then((now) => (files = now));
    return files <= count;
  });
}
