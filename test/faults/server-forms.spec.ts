/**
 * The other forms of a server under the same attacks: with TLS, and mounted on the HTTP server of a Nest application,
 * whose REST routes answer beside every attack as well. The tables are those of the suites for the stand-alone server;
 * of each a part is taken that goes through what the form adds, the TLS socket or the takeover of requests.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RawClient } from '../server/engine-harness.js';
import { flood, FLOODS, HEADERS, sendWrongHeaders } from './support/http2-attacks.js';
import {
  HEAD,
  REQUESTS,
  say,
  SECRET,
  sendGarbled,
  sendUntilClosed,
  statusesIn,
} from './support/http1-attacks.js';
import { promise, PROTOCOLS } from './support/promised-lengths.js';
import { type ServerForm } from './support/server-forms.js';
import { BODIES, hold, HOLDINGS, IMPATIENT, neglect, RESPONSES, stop } from './support/slow-attacks.js';
import { Victim } from './support/victim.js';

const FORMS: readonly ServerForm[] = ['TLS', 'mounted'];
/** A handshake costs some milliseconds on both sides, and all must be held at the same time. */
const HELD = 100;

let victim: Victim;

/** The rows of a table that have these names, which must be there. */
function rows<T>(table: Readonly<Record<string, T>>, names: readonly string[]): [name: string, row: T][] {
  return names.map((name) => {
    if (!Object.hasOwn(table, name)) {
      throw new Error(`the table has no row "${name}"`);
    }
    return [name, table[name] as T]; // It has it.
  });
}

const SILENT = 'that say nothing';
const HELD_BY = [
  SILENT,
  'that send half a preface',
  'that send a preface and no SETTINGS',
  'that send HTTP/1.1 headers byte by byte',
];

const MISUNDERSTOOD = [
  'content-length and transfer-encoding',
  'a bare line feed between headers',
  'a chunk size that is no number',
  'HTTP/9.9',
  'more than 16 KiB of headers',
  'a megabyte of headers, one by one',
];

describe.each(FORMS)('a server in the form "%s"', (form) => {
  beforeAll(async () => {
    victim = await Victim.start(IMPATIENT, form);
  });

  afterAll(() => victim.stop());

  describe('withstands floods of HTTP/2 frames', () => {
    it.each(
      rows(FLOODS, [
        'rapid reset: streams that are opened and canceled at once',
        'MadeYouReset: streams that the client makes the server reset',
        'SETTINGS, with nothing read',
        'PING, with nothing read',
        'CONTINUATION without end',
      ]),
    )('%s', async (_, row) => {
      expect.hasAssertions();
      await flood(victim, row);
    });
  });

  describe('refuses wrong headers over HTTP/2', () => {
    it.each(rows(HEADERS, ['more than 128 of them', 'an HPACK bomb, 16,000 bytes that stand for 48 MB']))(
      '%s',
      async (_, row) => {
        expect.hasAssertions();
        await sendWrongHeaders(victim, row);
      },
    );
  });

  describe('ends connections in time', () => {
    it.each(rows(HOLDINGS, HELD_BY))('%s', async (name, row) => {
      expect.hasAssertions();
      // Whoever has said that it speaks HTTP/1.1 is told in HTTP/1.1.
      const answer = form === 'TLS' && name === SILENT ? 'HTTP/1.1 408 ' : row.answer;
      await hold(victim, HELD, { ...row, answer });
    });
  });

  describe('ends calls whose bodies stop', () => {
    const calls = rows(BODIES, [
      'in the middle of a unary message',
      'in the middle of a message of a stream',
    ]).flatMap(([name, body]) => ['1.1', '2'].map((version) => ({ name, version, body })));
    it.each(calls)('$name, over HTTP/$version', async ({ version, body }) => {
      expect.hasAssertions();
      await stop(victim, version, body);
    });
  });

  describe('takes no memory for a length that is only promised', () => {
    it.each(Object.entries(PROTOCOLS))('%s', async (_, headers) => {
      expect.hasAssertions();
      await promise(victim, headers, 2 ** 32 - 1, 'resource_exhausted');
    });
  });

  describe('gives responses up that nobody reads', () => {
    it.each(Object.entries(RESPONSES))('%s', async (_, row) => {
      expect.hasAssertions();
      await neglect(victim, 5, row);
    });
  });

  describe('answers and closes HTTP/1.1 connections that it does not understand', () => {
    it.each(rows(REQUESTS, MISUNDERSTOOD))('%s', async (_, row) => {
      expect.hasAssertions();
      await sendGarbled(victim, row);
    });

    it('garbage behind a request that is in order', async () => {
      const { result } = await victim.withstand(
        () => sendUntilClosed(victim, `${say('in order')}garbage\r\n\r\n${SECRET}`),
        { growthMiB: 20 },
      );
      expect(result.filter((text) => text.includes('smuggled'))).toEqual([]);
      // The application's server answers what its parser does not take at once, as node:http does by itself.
      expect(new Set(result.map((text) => statusesIn(text).join()))).toEqual(
        new Set([form === 'mounted' ? '400' : '200']),
      );
    });
  });
});

/** What a client says instead of a handshake. */
const HANDSHAKES: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'half a ClientHello': Buffer.from('1603010200010001fc0303', 'hex'),
  'a record that is longer than records are': Buffer.concat([
    Buffer.from('160301ffff', 'hex'),
    Buffer.alloc(70_000),
  ]),
  'an HTTP/1.1 request in clear text': Buffer.from(`${HEAD}content-length: 2\r\n\r\n{}`),
  'an HTTP/2 preface in clear text': Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
};

describe('connections to a TLS server that do not shake hands end in time', () => {
  beforeAll(async () => {
    victim = await Victim.start(IMPATIENT, 'TLS');
  });

  afterAll(() => victim.stop());

  it.each(Object.entries(HANDSHAKES))('%s', async (_, bytes) => {
    const { result } = await victim.withstand(
      async () => {
        const clients: RawClient[] = [];
        while (clients.length < HELD) {
          clients.push(new RawClient(await victim.connectTcp()));
        }
        clients.forEach((client) => client.write(bytes));
        await Promise.all(clients.map(({ ended }) => ended));
        clients.forEach((client) => client.destroy());
        return clients.filter(({ text }) => text.includes('HTTP') || text.includes('sentence'));
      },
      { growthMiB: 50 },
    );
    expect(result).toEqual([]);
  });
});
