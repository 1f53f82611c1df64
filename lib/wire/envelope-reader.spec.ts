import { afterEach, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { byteByByte, frame } from '../../test/support/frames.js';
import { Code } from '../rpc/code.js';
import { EnvelopeReader, maxPayloadBytes, messageTooLarge } from './envelope-reader.js';

type Message = readonly [flags: number, payload: string];

/** Pushes the chunks, reading all there is after each. */
function readThrough(reader: EnvelopeReader, chunks: Iterable<Uint8Array>): Message[] {
  const messages: Message[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    messages.push(...readAvailable(reader));
  }
  return messages;
}

function readAvailable(reader: EnvelopeReader): Message[] {
  const messages: Message[] = [];
  for (let payload = reader.read(); payload !== undefined; payload = reader.read()) {
    messages.push([reader.flags, Buffer.from(payload).toString('latin1')]);
  }
  return messages;
}

function prefixOf(length: number, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

afterEach(() => void jest.restoreAllMocks());

describe('EnvelopeReader (gRPC over HTTP/2, "Length-Prefixed-Message")', () => {
  const wire = Buffer.concat([frame(0, 'one'), frame(1, ''), frame(2, 'three'), frame(0x80, 'x')]);
  const messages: Message[] = [
    [0, 'one'],
    [1, ''],
    [2, 'three'],
    [0x80, 'x'],
  ];

  it('reads all messages of one chunk, with their flags', () => {
    expect(readThrough(new EnvelopeReader(100), [wire])).toEqual(messages);
  });

  it('reads messages that come byte by byte', () => {
    expect(readThrough(new EnvelopeReader(100), byteByByte(wire))).toEqual(messages);
  });

  it.each(Array.from({ length: wire.length + 1 }, (_, at) => at))(
    'reads messages that are cut at byte %d',
    (at) => {
      const chunks = [wire.subarray(0, at), wire.subarray(at)];
      expect(readThrough(new EnvelopeReader(100), chunks)).toEqual(messages);
    },
  );

  it('reads a chunk that holds the end of one message, a whole one, and the beginning of another', () => {
    const chunks = [wire.subarray(0, 7), wire.subarray(7, 15), wire.subarray(15)];
    expect(readThrough(new EnvelopeReader(100), chunks)).toEqual(messages);
  });

  it('ignores empty chunks', () => {
    const empty = new Uint8Array(0);
    const chunks = byteByByte(wire).flatMap((chunk) => [empty, chunk, empty]);
    expect(readThrough(new EnvelopeReader(100), chunks)).toEqual(messages);
  });

  it('takes nothing out that is not asked for', () => {
    const reader = new EnvelopeReader(100);
    reader.push(wire);
    expect(Buffer.from(reader.read() ?? []).toString()).toBe('one');
    expect(reader.flags).toBe(0);
    reader.push(frame(0, 'last'));
    expect(readAvailable(reader)).toEqual([...messages.slice(1), [0, 'last']]);
  });

  it('tells an empty message from no message', () => {
    const reader = new EnvelopeReader(100);
    expect(reader.read()).toBeUndefined();
    reader.push(frame(0, ''));
    expect(reader.read()).toEqual(new Uint8Array(0));
    expect(reader.read()).toBeUndefined();
  });

  it('hands out a message that lies in one chunk without copying it', () => {
    const reader = new EnvelopeReader(100);
    const chunk = frame(0, 'abc');
    reader.push(chunk);
    expect(reader.read()?.buffer).toBe(chunk.buffer);
  });

  it('leaves the chunks alone', () => {
    const chunks = [wire.subarray(0, 6), wire.subarray(6)];
    const before = Buffer.concat(chunks);
    readThrough(new EnvelopeReader(100), chunks);
    expect(Buffer.concat(chunks)).toEqual(before);
  });

  it('finds the same messages in any chunking', () => {
    const message = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 40 }));
    const sizes = fc.infiniteStream(fc.integer({ min: 0, max: 12 }));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), sizes, (sent, chunkSizes) => {
        const bytes = Buffer.concat(sent.map(([flags, payload]) => frame(flags, payload)));
        const received = readThrough(new EnvelopeReader(100), cut(bytes, chunkSizes));
        expect(received).toEqual(
          sent.map(([flags, payload]) => [flags, Buffer.from(payload).toString('latin1')]),
        );
      }),
      { seed: 20_260_101, numRuns: 500 },
    );
  });
});

function* cut(bytes: Uint8Array, sizes: Iterable<number>): Generator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) {
      return;
    }
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

describe('EnvelopeReader: the middle of an envelope (Connect protocol, "Streaming-Request")', () => {
  const bytes = frame(0, 'abc');

  it.each(Array.from({ length: bytes.length + 1 }, (_, length) => length))(
    'knows after %d of 8 bytes whether one has begun and not ended',
    (length) => {
      const reader = new EnvelopeReader(100);
      reader.push(bytes.subarray(0, length));
      reader.read();
      expect(reader.isMidEnvelope).toBe(length > 0 && length < 8);
    },
  );

  it('is in the middle of one that was not read', () => {
    const reader = new EnvelopeReader(100);
    reader.push(bytes);
    expect(reader.isMidEnvelope).toBe(true);
  });

  it('forgets everything when cleared', () => {
    const reader = new EnvelopeReader(100);
    reader.push(frame(0, 'abc').subarray(0, 6));
    reader.read();
    reader.clear();
    expect(reader.isMidEnvelope).toBe(false);
    expect(readThrough(reader, [frame(2, 'new')])).toEqual([[2, 'new']]);
  });
});

describe('EnvelopeReader: limits', () => {
  it.each([0, 1, 10, 1_000])('takes a message of exactly the limit, %d bytes', (limit) => {
    const payload = 'x'.repeat(limit);
    expect(readThrough(new EnvelopeReader(limit), [frame(0, payload)])).toEqual([[0, payload]]);
  });

  it.each([0, 1, 10, 1_000])('refuses one byte more than %d by its prefix alone', (limit) => {
    const reader = new EnvelopeReader(limit);
    reader.push(prefixOf(limit + 1));
    expect(() => reader.read()).toThrow(
      expect.objectContaining({
        code: Code.ResourceExhausted,
        rawMessage: `message of ${limit + 1} bytes is larger than the limit of ${limit} bytes`,
      }),
    );
  });

  it.each([
    [0, 0, 0],
    [1_000, 0, 1_000],
    [1_000, 0x80, 1_000],
    [0, 1, 256],
    [1_024, 1, 1_284],
    [4_194_304, 1, 4_210_944],
    [Infinity, 0, Infinity],
    [Infinity, 1, Infinity],
  ])('with a limit of %d and flags %d, allows %d bytes on the wire', (limit, flags, bytes) => {
    expect(maxPayloadBytes(limit, flags)).toBe(bytes);
  });

  it('takes a compressed message that is larger than the limit by the allowance', () => {
    const reader = new EnvelopeReader(1_024);
    reader.push(prefixOf(1_284, 1));
    expect(reader.read()).toBeUndefined();
    expect(reader.isMidEnvelope).toBe(true);
  });

  it('refuses a compressed message that is one byte larger than that', () => {
    const reader = new EnvelopeReader(1_024);
    reader.push(prefixOf(1_285, 1));
    expect(() => reader.read()).toThrow(expect.objectContaining({ code: Code.ResourceExhausted }));
  });

  it('allocates nothing for a prefix that promises 4 GiB', () => {
    const allocations = jest.spyOn(Buffer, 'allocUnsafe');
    const reader = new EnvelopeReader(Infinity);
    const before = process.memoryUsage().arrayBuffers;
    reader.push(prefixOf(2 ** 32 - 1));
    reader.push(Buffer.from('first bytes'));
    expect(reader.read()).toBeUndefined();
    expect(reader.isMidEnvelope).toBe(true);
    expect(allocations).not.toHaveBeenCalled();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  it('copies a message that spans chunks once, when its last byte is there', () => {
    const reader = new EnvelopeReader(100);
    const chunks = byteByByte(frame(0, 'abcdef'));
    expect(readThrough(reader, chunks.slice(0, -1))).toEqual([]);
    const allocations = jest.spyOn(Buffer, 'allocUnsafe');
    expect(readThrough(reader, chunks.slice(-1))).toEqual([[0, 'abcdef']]);
    expect(allocations.mock.calls).toEqual([[6]]);
  });
});

describe('messageTooLarge', () => {
  it.each([
    [12, 'message of 12 bytes is larger than the limit of 10 bytes'],
    [undefined, 'message is larger than the limit of 10 bytes'],
  ])('says for %s bytes: %s', (bytes, text) => {
    const error = messageTooLarge(bytes, 10);
    expect([error.code, error.rawMessage]).toEqual([Code.ResourceExhausted, text]);
  });
});
