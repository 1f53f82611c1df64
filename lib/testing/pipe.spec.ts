import { describe, expect, it, jest } from '@jest/globals';
import { turn } from '../../test/support/memory-flow.js';
import { Pipe } from './pipe.js';

function piped(): { pipe: Pipe; seen: string[] } {
  const seen: string[] = [];
  return { pipe: new Pipe(() => seen.push('drain')), seen };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await turn();
  }
}

describe('Pipe', () => {
  it('delivers in order, in later turns, one entry each', async () => {
    const { pipe, seen } = piped();
    pipe.put(1, () => seen.push('a'));
    pipe.put(1, () => seen.push('b'));
    expect(seen).toEqual([]);
    await turns(5);
    expect(seen).toEqual(['a', 'b']);
  });

  it('takes more while the window is open, then asks for a pause, and tells of the drain once', async () => {
    const { pipe, seen } = piped();
    expect(pipe.put(65_535, () => seen.push('a'))).toBe(true);
    expect(pipe.put(1, () => seen.push('b'))).toBe(false);
    expect(pipe.put(0, () => seen.push('c'))).toBe(false);
    expect(pipe.waitingBytes).toBe(65_536);
    await turns(8);
    expect(seen).toEqual(['a', 'b', 'drain', 'c']);
    expect(pipe.waitingBytes).toBe(0);
  });

  it('delivers nothing while it is paused, also what a turn had been set for', async () => {
    const { pipe, seen } = piped();
    pipe.put(1, () => seen.push('a'));
    pipe.pause();
    await turns(3);
    expect(seen).toEqual([]);
    pipe.resume();
    await turns(3);
    expect(seen).toEqual(['a']);
  });

  it('forgets what waits when it is cleared', async () => {
    const { pipe, seen } = piped();
    pipe.put(1, () => seen.push('a'));
    pipe.clear();
    await turns(3);
    expect([seen, pipe.waitingBytes]).toEqual([[], 0]);
  });

  it('delivers with faked timers too', async () => {
    const { pipe, seen } = piped();
    const delivered = new Promise<void>((resolve) => {
      jest.useFakeTimers();
      pipe.put(1, () => {
        seen.push('a');
        resolve();
      });
    });
    await delivered;
    jest.useRealTimers();
    expect(seen).toEqual(['a']);
  });
});
