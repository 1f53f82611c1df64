/**
 * Envelopes, however the network cuts them.
 */
import { describe, expect, it } from '@jest/globals';
import { envelopesIn, toEnvelope } from './envelopes.js';

const FIRST = Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]);
const EMPTY = Buffer.from([0, 0, 0, 0, 0]);
const LAST = Buffer.from([2, 0, 0, 0, 2, 0x7b, 0x7d]);
const BODY = Buffer.concat([FIRST, EMPTY, LAST]);

async function* cut(chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < BODY.length; at += chunkBytes) {
    yield BODY.subarray(at, at + chunkBytes);
  }
}

describe('toEnvelope', () => {
  it('puts flags and length in front of a message', () => {
    expect(toEnvelope(Buffer.from('hi'))).toEqual(FIRST);
  });
});

describe('envelopesIn', () => {
  it.each([1, 4, 6, 7, BODY.length])('finds the messages in chunks of %d bytes', async (chunkBytes) => {
    const found: [isLast: boolean, payload: string][] = [];
    for await (const { isLast, payload } of envelopesIn(cut(chunkBytes))) {
      found.push([isLast, payload.toString()]);
    }
    expect(found).toEqual([
      [false, 'hi'],
      [false, ''],
      [true, '{}'],
    ]);
  });

  it('takes no chunk before it is asked for the next envelope', async () => {
    let taken = 0;
    async function* counted(): AsyncGenerator<Buffer> {
      for await (const chunk of cut(FIRST.length)) {
        taken++;
        yield chunk;
      }
    }
    const envelopes = envelopesIn(counted());
    await envelopes.next();
    expect(taken).toBe(1);
    await envelopes.return(undefined);
  });
});
