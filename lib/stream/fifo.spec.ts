import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Fifo } from './fifo.js';

interface Item {
  readonly id: number;
}

describe('Fifo', () => {
  it('gives elements back in order, whatever the turns of pushing and shifting', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3000), fc.nat(3000)), { maxLength: 8 }), (rounds) => {
        const fifo = new Fifo<Item>();
        const model: Item[] = [];
        let id = 0;
        for (const [pushes, shifts] of rounds) {
          for (let i = 0; i < pushes; i++) {
            const item = { id: id++ };
            fifo.push(item);
            model.push(item);
          }
          const expected = model.splice(0, shifts);
          expect(Array.from({ length: expected.length }, () => fifo.shift())).toEqual(expected);
          expect(fifo.size).toBe(model.length);
        }
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('answers undefined when it is empty, and after clear()', () => {
    const fifo = new Fifo<Item>();
    expect(fifo.shift()).toBeUndefined();
    fifo.push({ id: 1 });
    fifo.clear();
    expect(fifo.size).toBe(0);
    expect(fifo.shift()).toBeUndefined();
    fifo.push({ id: 2 });
    expect(fifo.shift()).toEqual({ id: 2 });
  });
});
