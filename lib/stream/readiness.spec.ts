import { describe, expect, it, jest } from '@jest/globals';
import { MemoryStreamCall, turn } from '../../test/support/memory-flow.js';
import { SendCredit } from './readiness.js';

function stalled(): { call: MemoryStreamCall; credit: SendCredit } {
  const call = new MemoryStreamCall({ window: 0 });
  return { call, credit: new SendCredit(call) };
}

/** A listener that uses up one message of credit, and its name in a list. */
function writer(call: MemoryStreamCall, log: string[], name: string): () => void {
  return () => {
    log.push(name);
    call.write(call.encode(name));
  };
}

describe('SendCredit', () => {
  it('calls at once while the sink is ready', () => {
    const listener = jest.fn();
    new SendCredit(new MemoryStreamCall()).whenReady(listener);
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it('calls a listener once when the sink becomes ready, and not for the next time', () => {
    const { call, credit } = stalled();
    const listener = jest.fn(() => call.write(call.encode(1)));
    credit.whenReady(listener);
    expect(listener).not.toHaveBeenCalled();
    call.grant(1);
    call.grant(1);
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it('does not call a listener that was canceled', () => {
    const { call, credit } = stalled();
    const listener = jest.fn();
    credit.whenReady(listener).cancel();
    call.grant(1);
    expect(listener).not.toHaveBeenCalled();
  });

  it('leaves the rest waiting when the first has used the credit up, and asks them first next time', () => {
    const { call, credit } = stalled();
    const log: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      credit.whenReady(writer(call, log, name));
    }
    call.grant(1);
    expect(log).toEqual(['a']);
    credit.whenReady(writer(call, log, 'late'));
    call.grant(2);
    expect(log).toEqual(['a', 'b', 'c']);
  });

  it('flushes the backlog before anybody else is asked', () => {
    const { call, credit } = stalled();
    const log: string[] = [];
    const backlog = {
      isEmpty: false,
      flush() {
        writer(call, log, 'backlog')();
        backlog.isEmpty = log.length === 2;
      },
    };
    credit.whenReady(writer(call, log, 'waiter'));
    credit.setBacklog(backlog);
    call.grant(1);
    expect(log).toEqual(['backlog']);
    call.grant(2);
    expect(log).toEqual(['backlog', 'backlog', 'waiter']);
  });

  it('is not ready while something is queued in front, whatever the sink says', () => {
    const credit = new SendCredit(new MemoryStreamCall());
    credit.setBacklog({ isEmpty: false, flush: () => undefined });
    expect(credit.isReady).toBe(false);
  });

  describe('drained()', () => {
    it('resolves at once while the sink is ready', async () => {
      await expect(new SendCredit(new MemoryStreamCall()).drained()).resolves.toBeUndefined();
    });

    it('resolves when the sink becomes ready, again and again', async () => {
      const { call, credit } = stalled();
      const resolved = jest.fn();
      for (let round = 1; round <= 3; round++) {
        void credit.drained().then(() => resolved());
        void credit.drained().then(() => resolved());
        await turn();
        expect(resolved).toHaveBeenCalledTimes((round - 1) * 2);
        call.grant(1);
        await turn();
        expect(resolved).toHaveBeenCalledTimes(round * 2);
        call.write(call.encode(round));
      }
    });

    it('resolves when the call is over, before and after the question', async () => {
      const { credit } = stalled();
      const before = credit.drained();
      credit.end();
      await expect(before).resolves.toBeUndefined();
      await expect(credit.drained()).resolves.toBeUndefined();
    });
  });

  it('calls everybody who waits when the call is over', () => {
    const { call, credit } = stalled();
    const log: string[] = [];
    credit.setBacklog({ isEmpty: false, flush: () => log.push('flush') });
    credit.whenReady(writer(call, log, 'a'));
    credit.whenReady(writer(call, log, 'b'));
    credit.end();
    expect(log).toEqual(['a', 'b']);
    expect(credit).toMatchObject({ isReady: true, isOver: true });
  });
});
