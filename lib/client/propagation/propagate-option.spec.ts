import { describe, expect, it } from '@jest/globals';
import { memoryEliza } from '../../../test/support/memory-eliza.js';
import { createChannel } from '../create-channel.js';
import { incomingCalls } from './incoming-calls.js';
import { passedOnHeaders, type Propagate } from './propagate-option.js';

describe('propagate', () => {
  it.each<[Propagate, readonly string[] | undefined]>([
    [true, ['traceparent', 'tracestate']],
    [false, undefined],
    [{ headers: [] }, []],
    [{ headers: ['X-Tenant', 'baggage-bin'] }, ['x-tenant', 'baggage-bin']],
  ])('of %j names %j', (propagate, names) => {
    expect(passedOnHeaders(propagate)).toEqual(names);
  });

  it.each<[unknown, string]>([
    ['traceparent', 'propagate is neither a boolean nor { headers: [names] }'],
    [{}, 'propagate is neither a boolean nor { headers: [names] }'],
    [null, 'propagate is neither a boolean nor { headers: [names] }'],
    [{ headers: 'traceparent' }, 'propagate is neither a boolean nor { headers: [names] }'],
    [{ headers: [1] }, 'propagate.headers has 1: expected the name of a header'],
    [{ headers: ['x tenant'] }, '"x tenant" is not a header name'],
    [
      { headers: ['Content-Type'] },
      `propagate.headers has "Content-Type", which belongs to each call's own protocol`,
    ],
    [{ headers: ['grpc-timeout'] }, 'propagate.headers has "grpc-timeout"'],
  ])('refuses %j', (propagate, message) => {
    expect(() => passedOnHeaders(propagate as Propagate)).toThrow(TypeError);
    expect(() => passedOnHeaders(propagate as Propagate)).toThrow(message);
  });
});

describe('Incoming calls are wanted', () => {
  it.each(['close', 'destroy'] as const)('from the creation of a channel to its %s', async (end) => {
    const [first, second] = [memoryEliza(), memoryEliza({ propagate: { headers: [] } })];
    await first.channel[end]();
    await first.channel[end]();
    expect(incomingCalls.areWanted).toBe(true);
    await second.channel[end]();
    expect(incomingCalls.areWanted).toBe(false);
  });

  it('by no channel with propagate: false, and by none that has not come to be', async () => {
    const { channel } = memoryEliza({ propagate: false });
    expect(() => memoryEliza({ propagate: 'on' as never })).toThrow(TypeError);
    expect(() => createChannel({ url: 'http://a', protocol: 'grpc', httpVersion: '1.1' })).toThrow(TypeError);
    expect(incomingCalls.areWanted).toBe(false);
    await channel.close();
    expect(incomingCalls.areWanted).toBe(false);
  });
});
