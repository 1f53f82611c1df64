/**
 * An application may load a second copy of RxJS (CommonJS beside ESM, or a nested dependency), whose
 * Observables are of another class.
 */
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { lastValueFrom, Observable, toArray } from 'rxjs';
import { MemorySingleCall, MemorySource, MemoryStreamCall } from '../../test/support/memory-flow.js';
import { ConnectError } from '../rpc/connect-error.js';
import { sendStream } from './outbound.js';
import { SendCredit } from './readiness.js';
import { MessageStream } from './message-stream.js';
import { sendSingle } from './single.js';

let foreign: typeof import('rxjs');

beforeAll(async () => {
  await jest.isolateModulesAsync(async () => {
    foreign = await import('rxjs');
  });
});

describe('Observables of another copy of RxJS', () => {
  it('are of another class', () => {
    expect(foreign.of(1)).not.toBeInstanceOf(Observable);
  });

  it('answer single calls, and report a second value', () => {
    const call = new MemorySingleCall();
    const onExtraValue = jest.fn();
    sendSingle(foreign.of(1, 2), call, () => new ConnectError('unexpected'), onExtraValue);
    expect(call.answers).toEqual([1]);
    expect(onExtraValue).toHaveBeenCalledTimes(1);
  });

  it('are response streams, and are unsubscribed on cancellation', () => {
    const call = new MemoryStreamCall();
    const torn = jest.fn();
    const source = foreign.concat(foreign.of(1, 2), foreign.NEVER).pipe(foreign.finalize(torn));
    sendStream(source, call, new SendCredit(call), {
      overflow: 'buffer',
      bufferBytes: 1,
      toError: () => new ConnectError('unexpected'),
    });
    expect(call.written).toEqual([1, 2]);
    call.cancel();
    expect(torn).toHaveBeenCalledTimes(1);
  });

  it('are inner streams of mapEach, and their operators take request streams', async () => {
    const mapped = new MessageStream(MemorySource.of([1, 2]), { path: '/a/b' }).mapEach((value) =>
      foreign.of(value, value * 10),
    );
    await expect(lastValueFrom(mapped.pipe(toArray()))).resolves.toEqual([1, 10, 2, 20]);
    const requests = new MessageStream(MemorySource.of([1, 2]), { path: '/a/b' });
    const piped = foreign.map((value: number) => value + 1)(requests);
    await expect(foreign.lastValueFrom(piped.pipe(foreign.toArray()))).resolves.toEqual([2, 3]);
  });
});
