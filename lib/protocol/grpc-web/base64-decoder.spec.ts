import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Base64Decoder } from './base64-decoder.js';

/** @returns What was decoded, the rest included; `undefined` as soon as something is not base64. */
function decodeAll(chunks: readonly string[]): Buffer | undefined {
  const decoder = new Base64Decoder();
  const parts: Uint8Array[] = [];
  for (const chunk of chunks) {
    const part = decoder.decode(Buffer.from(chunk, 'latin1'));
    if (part === undefined) {
      return undefined;
    }
    parts.push(part);
  }
  const last = decoder.finish();
  return last === undefined ? undefined : Buffer.concat([...parts, last]);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

describe('Base64Decoder (gRPC-Web, "Text-encoded (response) streams")', () => {
  it.each([
    ['', ''],
    ['YWJj', 'abc'],
    ['YWI=', 'ab'],
    ['YQ==', 'a'],
    ['YWI', 'ab'],
    ['YQ', 'a'],
    ['YWJjZGVm', 'abcdef'],
    ['YQ==YWI=YWJj', 'aababc'],
    ['YQ==YQ==YQ==', 'aaa'],
    ['YWJjYQ==YWJjYWI=YWJj', 'abcaabcababc'],
    ['YWJjYQ==YQ', 'abcaa'],
    ['+/+/', '\xfb\xff\xbf'],
  ])('reads %j, whole and character by character', (text, decoded) => {
    const bytes = Buffer.from(decoded, 'latin1');
    expect([decodeAll([text]), decodeAll(text.split(''))]).toEqual([bytes, bytes]);
  });

  const padded = 'YQ==YWI=YWJjYQ==';

  it.each(Array.from({ length: padded.length + 1 }, (_, cut) => cut))(
    'reads text that is cut at %d',
    (cut) => {
      expect(decodeAll([padded.slice(0, cut), padded.slice(cut)])).toEqual(Buffer.from('aababca'));
    },
  );

  it('hands bytes out as soon as their group is complete', () => {
    const decoder = new Base64Decoder();
    const decode = (text: string): string =>
      Buffer.from(decoder.decode(Buffer.from(text)) ?? 'no').toString();
    expect([decode('YWJ'), decode('jZ'), decode('GVmYQ'), decode('==')]).toEqual(['', 'abc', 'def', 'a']);
  });

  it('reads any flushes, each with its own padding, in any chunking', () => {
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 9 }));
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }), sizes, (flushes, cuts) => {
        const chunks = cutText(flushes.map(base64).join(''), cuts);
        expect(decodeAll(chunks)).toEqual(Buffer.concat(flushes));
      }),
      { seed: 20_260_107, numRuns: 500 },
    );
  });

  it.each([
    ['another character', 'YW!j'],
    ['a line break', 'YWJj\r\nYWJj'],
    ['a space', 'YW Jj'],
    ['the URL-safe alphabet', '-_-_'],
    ['a byte above 0x7F', 'YWJ\xe9'],
    ['too much padding', 'Y==='],
    ['padding alone', '===='],
    ['padding inside a group', 'YQ=a'],
    ['one character left', 'YWJjY'],
    ['padding that is cut off', 'YQ='],
    ['padding left alone', 'YWJj='],
    ['a group of two pads left', 'YWJj=='],
  ])('refuses %s, in one piece and in many', (_, text) => {
    expect([decodeAll([text]), decodeAll(text.split(''))]).toEqual([undefined, undefined]);
  });
});

function cutText(text: string, sizes: Iterable<number>): string[] {
  const chunks: string[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= text.length) {
      break;
    }
    chunks.push(text.slice(at, at + size));
    at += size;
  }
  return chunks;
}
