import { describe, expect, it } from '@jest/globals';
import { OverflowQueue, type Overflow } from './overflow-queue.js';

/** Messages of these sizes, each filled with its own number. */
function messages(...sizes: number[]): Uint8Array[] {
  return sizes.map((size, index) => new Uint8Array(size).fill(index));
}

function contents(queue: OverflowQueue): Uint8Array[] {
  const result: Uint8Array[] = [];
  for (let message = queue.shift(); message !== undefined; message = queue.shift()) {
    result.push(message);
  }
  return result;
}

describe('OverflowQueue', () => {
  it.each<[Overflow, number[], boolean[], number[]]>([
    // policy, sizes offered to 10 bytes, answers, indexes that remain
    ['buffer', [4, 6], [true, true], [0, 1]],
    ['buffer', [4, 6, 1], [true, true, false], [0, 1]],
    ['buffer', [11], [false], []],
    ['drop-newest', [4, 6, 1], [true, true, true], [0, 1]],
    ['drop-newest', [4, 7, 6], [true, true, true], [0, 2]],
    ['drop-oldest', [4, 6, 1], [true, true, true], [1, 2]],
    ['drop-oldest', [4, 6, 9], [true, true, true], [2]],
    ['drop-oldest', [4, 11], [true, true], [1]],
    ['latest', [1, 1, 1], [true, true, true], [2]],
    ['latest', [11], [true], [0]],
  ])('under %s, sizes %j are answered %j and leave %j', (overflow, sizes, answers, remaining) => {
    const queue = new OverflowQueue(overflow, 10);
    const offered = messages(...sizes);
    expect(offered.map((message) => queue.offer(message))).toEqual(answers);
    expect(contents(queue)).toEqual(remaining.map((index) => offered[index]));
    expect(queue.isEmpty).toBe(true);
  });

  it('has its bytes back after shift() and clear()', () => {
    const queue = new OverflowQueue('buffer', 10);
    const [large] = messages(10);
    expect(queue.offer(large!)).toBe(true);
    queue.shift();
    expect(queue.offer(large!)).toBe(true);
    queue.clear();
    expect(queue.isEmpty).toBe(true);
    expect(queue.offer(large!)).toBe(true);
  });

  it('takes any number of small messages', () => {
    const queue = new OverflowQueue('buffer', 100_000);
    const [byte] = messages(1);
    const answers = Array.from({ length: 100_001 }, () => queue.offer(byte!));
    expect(answers.indexOf(false)).toBe(100_000);
  });
});
