/**
 * Clients that hold things without using them: sockets that say nothing or too little, headers and bodies that
 * trickle, responses that nobody reads. Protected: sockets, calls and buffers, all of which have an end in time.
 */
import { once } from 'node:events';
import { constants } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { http1Request } from '../server/engine-harness.js';
import { frame as envelope } from '../support/frames.js';
import { Http2Attacker } from './support/http2-attacker.js';
import {
  BODIES,
  hold,
  HOLDINGS,
  IMPATIENT,
  JSON_CALL,
  neglect,
  openSockets,
  PREFIX,
  RESPONSES,
  stop,
  STREAM_CALL,
  trickle,
  TRICKLE_MS,
} from './support/slow-attacks.js';
import { INTRODUCE, SAY, Victim } from './support/victim.js';

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start(IMPATIENT);
});

afterAll(() => victim.stop());

describe('500 connections end in time', () => {
  it.each(Object.entries(HOLDINGS))(
    '%s',
    async (_, row) => {
      expect.hasAssertions();
      await hold(victim, 500, row);
    },
    15_000,
  );

  it('that are idle after a request each, over HTTP/1.1', async () => {
    await victim.withstand(
      async () => {
        const clients = await openSockets(victim, 500);
        await Promise.all(
          clients.map((client) => client.write(http1Request('{"sentence":"a"}', JSON_CALL, SAY)).ended),
        );
        expect(clients.filter(({ text }) => text.endsWith('{"sentence":"a"}'))).toHaveLength(500);
        clients.forEach((client) => client.destroy());
      },
      { growthMiB: 50 },
    );
  }, 15_000);

  it('that are idle after the handshake, over HTTP/2, with GOAWAY', async () => {
    await victim.withstand(
      async () => {
        const attackers: Http2Attacker[] = [];
        while (attackers.length < 500) {
          attackers.push(await Http2Attacker.open(victim));
        }
        await Promise.all(attackers.map(({ ended }) => ended));
        attackers.forEach((attacker) => attacker.destroy());
        expect(new Set(attackers.map(({ goawayCode }) => goawayCode))).toEqual(
          new Set([constants.NGHTTP2_NO_ERROR]),
        );
      },
      { growthMiB: 60 },
    );
  }, 15_000);
});

describe('a body that stops ends its call', () => {
  const rows = Object.entries(BODIES).flatMap(([name, body]) => [
    { name, version: '1.1', limit: 'idleReadMs', body },
    { name, version: '2', limit: 'idleReadMs', body },
    ...(name === PREFIX
      ? []
      : [
          { name, version: '1.1', limit: 'its deadline', body },
          { name, version: '2', limit: 'its deadline', body },
        ]),
  ]);

  it.each(rows)('$name: after $limit, over HTTP/$version', async ({ version, limit, body }) => {
    expect.hasAssertions();
    await stop(victim, version, body, limit === 'its deadline' ? { 'connect-timeout-ms': '200' } : {});
  });

  it('that trickles: after its deadline', async () => {
    const { result } = await victim.withstand(
      async () => {
        const clients = await openSockets(victim, 100);
        const headers = { ...JSON_CALL, 'content-length': '100000', 'connect-timeout-ms': '300' };
        clients.forEach((client) => client.write(http1Request('', headers, SAY)));
        await trickle(clients, () => ' ');
        clients.forEach((client) => client.destroy());
        return clients.map(({ text }) => text.slice(0, 13));
      },
      { growthMiB: 40 },
    );
    expect(new Set(result)).toEqual(new Set(['HTTP/1.1 504 ']));
  });
});

describe('responses that nobody reads are given up', () => {
  const rows = Object.entries(RESPONSES).flatMap(([name, call]) => [
    { name, limit: 'idleWriteMs', timeout: {}, call },
    { name, limit: 'their deadline', timeout: { 'connect-timeout-ms': '250' }, call },
  ]);

  it.each(rows)(
    '$name: 400 streams without a window, after $limit',
    async ({ timeout, call }) => {
      expect.hasAssertions();
      await neglect(victim, 20, call, timeout);
    },
    15_000,
  );

  it.each(['generator', 'push'])(
    'of a %s over HTTP/1.1, with their connections',
    async (name) => {
      const { startedHandlers } = await victim.withstand(
        async () => {
          const clients = await openSockets(victim, 20);
          const request = http1Request(
            envelope(0, `{"name":"${name}"}`).toString('latin1'),
            STREAM_CALL,
            INTRODUCE,
          );
          const closed = clients.map(({ socket }) => once(socket, 'close'));
          clients.forEach(({ socket }) => socket.pause());
          const { startedHandlers: before } = await victim.signs(false);
          clients.forEach((client) => client.write(Buffer.from(request, 'latin1')));
          // A client that does not read does not see the end either: the server tells.
          await untilIdle(before + 20);
          clients.forEach((client) => client.destroy());
          await Promise.all(closed);
        },
        { growthMiB: 120 },
      );
      expect(startedHandlers).toBe(20);
    },
    15_000,
  );
});

/** Waits until as many handlers have begun, all have ended, and so have their calls. */
async function untilIdle(handlers: number): Promise<void> {
  let signs = await victim.signs(false);
  while (signs.endedHandlers < handlers || signs.openSockets > 2) {
    await delay(TRICKLE_MS);
    signs = await victim.signs(false);
  }
}
