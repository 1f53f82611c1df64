import { describe, expect, it } from '@jest/globals';
import { byteByByte, frame } from '../../test/support/frames.js';
import { MemoryExchange } from '../../test/support/memory-exchange.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { EnvelopeReader } from './envelope-reader.js';
import { EnvelopeSource, type StreamOwner } from './envelope-source.js';

/** A source on a memory exchange, and everything that happens to it, in order. */
class Bench implements StreamOwner {
  readonly events: string[] = [];
  readonly exchange = new MemoryExchange();
  readonly source: EnvelopeSource;
  /** Runs at the end of each `next`. */
  onNext: (text: string) => void = () => undefined;

  /** How the stream ends. */
  failure: ConnectError | undefined;

  constructor(limitBytes = 100) {
    this.source = new EnvelopeSource(this.exchange, new EnvelopeReader(limitBytes), this);
    this.exchange.start({
      onData: (chunk) => this.source.push(chunk),
      onEnd: () => this.source.end(),
      onDrain: () => undefined,
      onAbort: () => undefined,
      onClose: () => undefined,
      isMidMessage: false,
      terminate: () => undefined,
    });
    this.exchange.pause();
    this.source.start({
      next: (message) => {
        this.events.push(String(message));
        this.onNext(String(message));
      },
      complete: () => this.events.push('complete'),
      error: (error) => this.events.push(`error ${Code[error.code]}`),
    });
  }

  pull(times: number): this {
    for (let i = 0; i < times; i++) {
      this.source.pull();
    }
    return this;
  }

  decodeEnvelope(flags: number, payload: Uint8Array): unknown {
    if (flags !== 0) {
      throw new ConnectError('flags', { code: Code.Internal });
    }
    return Buffer.from(payload).toString();
  }

  ended(isTruncated: boolean): ConnectError | undefined {
    return isTruncated ? new ConnectError('truncated', { code: Code.DataLoss }) : this.failure;
  }

  streamFailed(error: ConnectError): ConnectError {
    this.events.push(`call fails ${Code[error.code]}`);
    this.exchange.resume();
    return error;
  }

  streamAbandoned(): void {
    this.exchange.resume();
  }
}

const abc = Buffer.concat([frame(0, 'a'), frame(0, 'b'), frame(0, 'c')]);

describe('EnvelopeSource: demand', () => {
  it('delivers nothing that is not asked for, and takes nothing off the wire', () => {
    const bench = new Bench();
    bench.exchange.data(abc).finish();
    expect(bench.events).toEqual([]);
    expect(bench.exchange.isPaused).toBe(true);
  });

  it('delivers one message for each pull', () => {
    const bench = new Bench();
    bench.exchange.data(abc).finish();
    expect(bench.pull(1).events).toEqual(['a']);
    expect(bench.pull(1).events).toEqual(['a', 'b']);
  });

  it('delivers at once what is asked for while it arrives', () => {
    const bench = new Bench().pull(2);
    bench.exchange.data(frame(0, 'a'));
    expect(bench.events).toEqual(['a']);
    bench.exchange.data(frame(0, 'b'));
    expect(bench.events).toEqual(['a', 'b']);
  });

  it('delivers an empty message', () => {
    const bench = new Bench().pull(1);
    bench.exchange.data(frame(0, ''));
    expect(bench.events).toEqual(['']);
  });

  it('delivers messages that come byte by byte', () => {
    const bench = new Bench().pull(4);
    byteByByte(abc).forEach((chunk) => bench.exchange.data(chunk));
    bench.exchange.finish();
    expect(bench.events).toEqual(['a', 'b', 'c', 'complete']);
  });

  it('pauses the exchange while nothing is asked for, and resumes it for a pull', () => {
    const bench = new Bench().pull(1);
    expect(bench.exchange.isPaused).toBe(false);
    bench.exchange.data(frame(0, 'a'));
    expect(bench.exchange.isPaused).toBe(true);
    bench.pull(1);
    expect(bench.exchange.isPaused).toBe(false);
  });

  it('stays paused when a pull is served from bytes that have come', () => {
    const bench = new Bench().pull(1);
    bench.exchange.data(abc);
    bench.pull(1);
    expect(bench.events).toEqual(['a', 'b']);
    expect(bench.exchange.isPaused).toBe(true);
  });

  it('stays resumed until all that was asked for has come', () => {
    const bench = new Bench().pull(3);
    bench.exchange.data(abc.subarray(0, 12));
    expect(bench.exchange.isPaused).toBe(false);
    bench.exchange.data(abc.subarray(12));
    expect(bench.exchange.isPaused).toBe(true);
  });

  it('may be asked from inside next', () => {
    const bench = new Bench();
    bench.onNext = () => bench.source.pull();
    bench.pull(1).exchange.data(abc).finish();
    expect(bench.events).toEqual(['a', 'b', 'c', 'complete']);
  });

  it('does not grow the stack over 100,000 messages that are asked for from inside next', () => {
    const bench = new Bench();
    let count = 0;
    const depths = new Set<number>();
    bench.onNext = () => {
      if (count++ % 20_000 === 0) {
        depths.add(stackDepth());
      }
      bench.source.pull();
    };
    bench.pull(1);
    bench.exchange.data(Buffer.alloc(5 * 100_000)).finish();
    expect(count).toBe(100_000);
    expect(bench.events.at(-1)).toBe('complete');
    expect([...depths]).toEqual([expect.any(Number)]);
  });

  it('counts the bytes of messages that it has delivered, as they came', () => {
    const bench = new Bench().pull(1);
    bench.exchange.data(Buffer.concat([frame(0, 'four'), frame(0, 'sixsix')]));
    expect(bench.source.deliveredBytes).toBe(4);
    bench.pull(1);
    expect(bench.source.deliveredBytes).toBe(10);
  });
});

/** How many calls deep the caller is. */
function stackDepth(): number {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1_000;
  const depth = new Error('here').stack?.split('\n').length ?? 0;
  Error.stackTraceLimit = limit;
  return depth;
}

describe('EnvelopeSource: the end (Connect protocol, "Streaming-Request")', () => {
  it('completes once one more is asked for than there are messages', () => {
    const bench = new Bench().pull(3);
    bench.exchange.data(abc).finish();
    expect(bench.events).toEqual(['a', 'b', 'c']);
    expect(bench.pull(1).events).toEqual(['a', 'b', 'c', 'complete']);
  });

  it('completes a stream without messages', () => {
    const bench = new Bench().pull(1);
    bench.exchange.finish();
    expect(bench.events).toEqual(['complete']);
  });

  it('says nothing after it has completed', () => {
    const bench = new Bench().pull(1);
    bench.exchange.finish();
    bench.pull(2).source.abort(new ConnectError('late'));
    bench.source.push(abc);
    expect(bench.events).toEqual(['complete']);
  });

  it.each([1, 4, 5, 6, 8, 9])(
    'delivers what came whole, then fails the call, for a body cut %d bytes into the second message',
    (length) => {
      const bench = new Bench().pull(2);
      bench.exchange.data(Buffer.concat([frame(0, 'a'), frame(0, 'truncated').subarray(0, length)])).finish();
      expect(bench.events).toEqual(['a', 'call fails DataLoss', 'error DataLoss']);
    },
  );

  it('finds a truncation when it is asked for the message', () => {
    const bench = new Bench().pull(1);
    bench.exchange.data(Buffer.concat([frame(0, 'a'), Buffer.alloc(3)])).finish();
    expect(bench.events).toEqual(['a']);
    expect(bench.pull(1).events).toEqual(['a', 'call fails DataLoss', 'error DataLoss']);
  });
});

describe('EnvelopeSource: failures', () => {
  it('ends the call before its consumer, so that the caller gets this error', () => {
    const bench = new Bench().pull(3);
    bench.exchange.data(Buffer.concat([frame(0, 'a'), frame(4, 'b'), frame(0, 'c')])).finish();
    expect(bench.events).toEqual(['a', 'call fails Internal', 'error Internal']);
  });

  it('refuses a message over the limit by its prefix', () => {
    const bench = new Bench(3).pull(2);
    bench.exchange.data(Buffer.concat([frame(0, 'fit'), Buffer.from([0, 0, 0, 0, 4])]));
    expect(bench.events).toEqual(['fit', 'call fails ResourceExhausted', 'error ResourceExhausted']);
  });

  it('reads and drops what still comes, so that the peer sees the response', () => {
    const bench = new Bench().pull(1);
    bench.exchange.data(frame(4, 'b'));
    expect(bench.exchange.isPaused).toBe(false);
    bench.exchange.data(frame(0, 'c')).finish();
    expect(bench.pull(1).events).toEqual(['call fails Internal', 'error Internal']);
  });
});

describe('EnvelopeSource: cancellation', () => {
  it('delivers nothing after cancel, and lets the peer send on', () => {
    const bench = new Bench();
    bench.exchange.data(abc);
    bench.source.cancel();
    expect(bench.exchange.isPaused).toBe(false);
    bench.exchange.finish();
    bench.pull(2).source.abort(new ConnectError('late'));
    expect(bench.events).toEqual([]);
  });

  it('stops at a cancel from inside next', () => {
    const bench = new Bench();
    bench.onNext = () => bench.source.cancel();
    bench.pull(3).exchange.data(abc).finish();
    expect(bench.events).toEqual(['a']);
  });

  it.each([0, 1])('tells its consumer of an abort at once, asked for %d messages or not', (demand) => {
    const bench = new Bench().pull(demand);
    bench.source.abort(new ConnectError('gone', { code: Code.Canceled }));
    bench.source.abort(new ConnectError('again', { code: Code.Internal }));
    expect(bench.events).toEqual(['error Canceled']);
  });

  it.each<[string, (bench: Bench) => void, string]>([
    ['an abort', ({ source }) => source.abort(new ConnectError('', { code: Code.Canceled })), 'Canceled'],
    ['broken bytes', (bench) => bench.pull(1).exchange.data(frame(4, '')), 'Internal'],
  ])('tells a consumer of %s that comes before it', (_, breakIt, code) => {
    const bench = new Bench();
    breakIt(bench);
    const ends: string[] = [];
    bench.source.start({
      next: () => ends.push('next'),
      complete: () => ends.push('complete'),
      error: (error) => ends.push(Code[error.code]),
    });
    bench.source.pull();
    expect(ends).toEqual([code]);
  });

  it.each(['abort', 'close'] as const)('tells a consumer that comes after %s of it', (how) => {
    const source = new EnvelopeSource(new MemoryExchange(), new EnvelopeReader(10), new Bench());
    if (how === 'abort') {
      source.abort(new ConnectError('gone', { code: Code.Canceled }));
    } else {
      source.close();
    }
    const events: string[] = [];
    source.start({
      next: () => events.push('next'),
      complete: () => events.push('complete'),
      error: (error) => events.push(`error ${Code[error.code]}`),
    });
    source.pull();
    expect(events).toEqual(['error Canceled']);
  });

  it('delivers nothing after an abort from inside next', () => {
    const bench = new Bench();
    bench.onNext = () => bench.source.abort(new ConnectError('gone', { code: Code.Canceled }));
    bench.pull(3).exchange.data(abc).finish();
    expect(bench.events).toEqual(['a', 'error Canceled']);
  });
});

describe('EnvelopeSource.isMidMessage: what the idle-read timer asks', () => {
  it('is true only for a wanted message that has begun', () => {
    const bench = new Bench();
    expect(bench.source.isMidMessage).toBe(false);
    bench.pull(1);
    expect(bench.source.isMidMessage).toBe(false);
    bench.exchange.data(abc.subarray(0, 2));
    expect(bench.source.isMidMessage).toBe(true);
    bench.exchange.data(abc.subarray(2, 7));
    expect(bench.source.isMidMessage).toBe(false);
    bench.pull(1);
    expect(bench.source.isMidMessage).toBe(true);
    bench.source.cancel();
    expect(bench.source.isMidMessage).toBe(false);
  });
});
