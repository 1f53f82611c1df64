import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { ByteQueue } from './byte-queue.js';

const SEED = 20_261_122;

function queueOf(...chunks: string[]): ByteQueue {
  const queue = new ByteQueue();
  for (const chunk of chunks) {
    queue.push(Buffer.from(chunk));
  }
  return queue;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

describe('ByteQueue', () => {
  it('hands out a view of what lies in one chunk', () => {
    const chunk = Buffer.from('abcdef');
    const queue = new ByteQueue();
    queue.push(chunk);
    expect(queue.take(2).buffer).toBe(chunk.buffer);
    expect(textOf(queue.take(4))).toBe('cdef');
    expect(queue.byteLength).toBe(0);
  });

  it('copies what spans chunks', () => {
    const queue = queueOf('ab', 'cd', 'ef');
    expect(textOf(queue.take(1))).toBe('a');
    expect(textOf(queue.take(4))).toBe('bcde');
    expect(textOf(queue.take(1))).toBe('f');
  });

  it('is empty for nothing, and after clear()', () => {
    const queue = queueOf('', 'abc', '');
    expect(queue.take(0).byteLength).toBe(0);
    queue.clear();
    expect(queue.byteLength).toBe(0);
    queue.push(Buffer.from('x'));
    expect(textOf(queue.take(1))).toBe('x');
  });

  it('gives every byte back in order, whatever the chunks and the pieces (property)', () => {
    const lengths = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 1_000, max: 1_100 })),
      {
        maxLength: 80,
      },
    );
    fc.assert(
      fc.property(
        lengths,
        fc.array(fc.integer({ min: 0, max: 700 })),
        fc.infiniteStream(fc.boolean()),
        (chunks, pieces, turns) => {
          const queue = new ByteQueue();
          let next = 0;
          let pushed = '';
          let taken = '';
          const push = (length: number): void => {
            const chunk = Buffer.from(Array.from({ length }, () => next++ % 251));
            pushed += textOf(chunk);
            queue.push(chunk);
          };
          const waiting = [...pieces];
          for (const length of chunks) {
            push(length);
            if (turns.next().value === true && waiting.length > 0) {
              taken += textOf(queue.take(Math.min(waiting.shift() ?? 0, queue.byteLength)));
            }
          }
          expect(queue.byteLength).toBe(pushed.length - taken.length);
          taken += textOf(queue.take(queue.byteLength));
          expect(taken).toBe(pushed);
        },
      ),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('puts a byte at a time together: memory follows the bytes, not the chunks', () => {
    const queue = new ByteQueue();
    const source = Buffer.alloc(1_000_000, 'x');
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < source.byteLength; i++) {
      queue.push(source.subarray(i, i + 1));
    }
    // A Buffer object for each byte would be some 100 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(60_000_000);
    expect(queue.byteLength).toBe(1_000_000);
    expect(textOf(queue.take(1_000_000))).toBe(source.toString());
  });
});
