/**
 * HTTP/1.1 that two servers would read differently, or nobody at all: for all forms of a server.
 */
import { expect } from '@jest/globals';
import { http1Request, RawClient } from '../../server/engine-harness.js';
import { SAY, type Victim } from './victim.js';

export const JSON_CALL = { 'content-type': 'application/json' };

/** A whole call. */
export function say(sentence: string, headers: Readonly<Record<string, string>> = {}): string {
  return http1Request(JSON.stringify({ sentence }), { ...JSON_CALL, ...headers }, SAY);
}

/** The statuses of every response on a connection, in order. */
export function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

/** Sends bytes on several connections, and reads what comes until the server closes. */
export async function sendUntilClosed(
  victim: Victim,
  bytes: string | Uint8Array,
  count = 10,
): Promise<string[]> {
  const clients = await Promise.all(
    Array.from({ length: count }, async () => new RawClient(await victim.connect())),
  );
  clients.forEach((client) => client.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes));
  await Promise.all(clients.map(({ ended }) => ended));
  clients.forEach((client) => client.destroy());
  return clients.map(({ text }) => text);
}

export const HEAD = `POST ${SAY} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n`;
/** A call that is hidden behind another. */
export const SECRET = say('smuggled');
const CHUNKED = 'transfer-encoding: chunked\r\n';

/** What a connection gets before it is closed, and the bytes that it sent. */
export type GarbledRequest = readonly [statuses: readonly number[], bytes: string];

/** Requests, each with the statuses that its connection gets before it is closed. */
export const REQUESTS: Readonly<Record<string, GarbledRequest>> = {
  'content-length and transfer-encoding': [
    [400],
    `${HEAD}content-length: 4\r\n${CHUNKED}\r\n0\r\n\r\n${SECRET}`,
  ],
  'transfer-encoding and content-length': [
    [400],
    `${HEAD}${CHUNKED}content-length: 4\r\n\r\n0\r\n\r\n${SECRET}`,
  ],
  'two different lengths': [[400], `${HEAD}content-length: 2\r\ncontent-length: 40\r\n\r\n{}${SECRET}`],
  'the same length twice': [[400], `${HEAD}content-length: 2\r\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a list of lengths': [[400], `${HEAD}content-length: 2, 2\r\n\r\n{}${SECRET}`],
  'a negative length': [[400], `${HEAD}content-length: -2\r\n\r\n{}${SECRET}`],
  'a hexadecimal length': [[400], `${HEAD}content-length: 0x2\r\n\r\n{}${SECRET}`],
  'a length beyond 64 bits': [[400], `${HEAD}content-length: 99999999999999999999\r\n\r\n{}${SECRET}`],
  'chunked that is not last': [[400], `${HEAD}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n${SECRET}`],
  'chunked twice': [[400], `${HEAD}${CHUNKED}${CHUNKED}\r\n0\r\n\r\n${SECRET}`],
  'chunked with a tab': [[400], `${HEAD}transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n${SECRET}`],
  'a space in front of the colon': [[400], `${HEAD}content-length : 2\r\n\r\n{}${SECRET}`],
  'a folded header': [[400], `${HEAD}x-folded: a\r\n b\r\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a bare line feed between headers': [[400], `${HEAD}x-a: 1\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a carriage return in a value': [[400], `${HEAD}x-a: 1\rx-b: 2\r\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a NUL in a value': [[400], `${HEAD}x-a: \0\r\ncontent-length: 2\r\n\r\n{}${SECRET}`],
  'a chunk size that is no number': [[400], `${HEAD}${CHUNKED}\r\nzz\r\n`],
  'a chunk size beyond 64 bits': [[400], `${HEAD}${CHUNKED}\r\nfffffffffffffffff\r\n`],
  'a chunk that is longer than it says': [[400], `${HEAD}${CHUNKED}\r\n2\r\n{}{}\r\n0\r\n\r\n`],
  '64 KB of chunk extension': [[413], `${HEAD}${CHUNKED}\r\n2;${'x'.repeat(65_536)}\r\n{}\r\n`],
  'a TLS hello': [[], '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  'HTTP/9.9': [[400], HEAD.replace('1.1', '9.9') + '\r\n'],
  'no host': [[400], `POST ${SAY} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}`],
  'more than 16 KiB of headers': [[431], `${HEAD}x-long: ${'x'.repeat(20_000)}\r\n\r\n`],
  'more than 16 KiB of request line': [[431], `GET ${SAY}?${'x'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`],
  'a megabyte of headers, one by one': [[431], HEAD + 'x-a: 1\r\n'.repeat(131_072)],
};

/** Sends requests that are not understood, and checks how they are refused. */
export async function sendGarbled(victim: Victim, [statuses, bytes]: GarbledRequest): Promise<void> {
  const { result } = await victim.withstand(() => sendUntilClosed(victim, bytes), { growthMiB: 40 });
  expect(new Set(result.map((text) => statusesIn(text).join()))).toEqual(new Set([statuses.join()]));
  expect(result.filter((text) => text.includes('smuggled'))).toEqual([]);
}
