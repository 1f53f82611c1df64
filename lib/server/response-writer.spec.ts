import { type ResponseSink, ResponseWriter, SLICE_BYTES } from './response-writer.js';

/** Keeps what is written until the spec lets it go. */
class FakeSink implements ResponseSink {
  readonly events: string[] = [];
  writableLength = 0;
  #callbacks: (() => void)[] = [];

  write(chunk: Uint8Array, callback?: () => void): boolean {
    this.events.push(`write ${chunk.length}`);
    this.writableLength += chunk.length;
    if (callback !== undefined) {
      this.#callbacks.push(callback);
    }
    return this.writableLength < 100;
  }

  end(chunk?: Uint8Array): void {
    this.events.push(chunk === undefined ? 'end' : `end ${chunk.length}`);
  }

  cork(): void {
    this.events.push('cork');
  }

  uncork(): void {
    this.events.push('uncork');
  }

  flush(): void {
    this.writableLength = 0;
    this.#callbacks.splice(0).forEach((callback) => callback());
  }
}

function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

describe('ResponseWriter', () => {
  let sink: FakeSink;
  let drains: number;
  let writer: ResponseWriter;

  beforeEach(() => {
    sink = new FakeSink();
    drains = 0;
    writer = new ResponseWriter(sink, { sinkDrained: () => void drains++ });
  });

  it('corks once for the writes of a tick', async () => {
    expect(writer.write(Buffer.alloc(60))).toBe(true);
    expect(writer.write(Buffer.alloc(60))).toBe(false);
    expect(sink.events).toEqual(['cork', 'write 60', 'write 60']);
    await nextTick();
    writer.write(Buffer.alloc(1));
    await nextTick();
    expect(sink.events.slice(3)).toEqual(['uncork', 'cork', 'write 1', 'uncork']);
  });

  it('hands a large piece over slice by slice, and reports the drain once', () => {
    expect(writer.write(Buffer.alloc(SLICE_BYTES * 2 + 1))).toBe(false);
    expect(writer.bufferedBytes).toBe(SLICE_BYTES * 2 + 1);
    sink.flush();
    expect(writer.bufferedBytes).toBe(SLICE_BYTES + 1);
    sink.flush();
    expect(drains).toBe(0);
    expect(writer.isSlicing).toBe(true);
    sink.flush();
    expect(drains).toBe(1);
    expect(writer.isSlicing).toBe(false);
    expect(sink.events).toEqual([`write ${SLICE_BYTES}`, `write ${SLICE_BYTES}`, 'write 1']);
    expect(writer.writtenBytes).toBe(SLICE_BYTES * 2 + 1);
  });

  it('keeps the order of what is written behind a large piece, and ends after it', () => {
    writer.write(Buffer.alloc(SLICE_BYTES + 1));
    expect(writer.write(Buffer.alloc(7))).toBe(false);
    writer.end(Buffer.alloc(5));
    for (let i = 0; i < 4; i++) {
      sink.flush();
    }
    expect(sink.events).toEqual([`write ${SLICE_BYTES}`, 'write 1', 'write 7', 'end 5']);
    expect(drains).toBe(0);
  });

  it('ends behind a large piece without more bytes', () => {
    writer.write(Buffer.alloc(SLICE_BYTES + 1));
    writer.end();
    sink.flush();
    sink.flush();
    expect(sink.events.at(-1)).toBe('end 1');
  });

  it('ends by an empty piece when the last slice is under way', () => {
    writer.write(Buffer.alloc(SLICE_BYTES + 1));
    sink.flush();
    writer.end();
    sink.flush();
    expect(sink.events.at(-1)).toBe('end 0');
  });

  it.each([
    [undefined, 'end'],
    [Buffer.alloc(5), 'end 5'],
  ])('ends in one step when nothing waits', (bytes, event) => {
    writer.end(bytes);
    expect(sink.events).toEqual([event]);
  });
});
