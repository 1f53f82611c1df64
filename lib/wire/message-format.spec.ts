import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { gzipped, hex, json, proto } from '../../test/support/frames.js';
import { createTestRoute, echo, type TestRouteOptions } from '../../test/support/serve.js';
import { textMessage, textOf } from '../../test/support/test-service.js';
import { type Codec } from '../codec/codec.js';
import { createJsonCodec } from '../codec/json-codec.js';
import { protoCodec } from '../codec/proto-codec.js';
import { type Compression } from '../compression/compression.js';
import { gzip } from '../compression/zlib.js';
import { Code } from '../rpc/code.js';
import { MessageFormat } from './message-format.js';

function formatOf(codec: Codec, options: TestRouteOptions = {}, corruptDataCode = Code.Internal) {
  const route = createTestRoute(echo('unary'), options);
  return { route, format: MessageFormat.ofServer(route, codec, corruptDataCode) };
}

function codecThatThrows(error: unknown): Codec {
  const fail = (): never => {
    throw error;
  };
  return { name: 'odd', decoder: () => fail, encoder: () => fail };
}

const jsonCodec = createJsonCodec();

describe('MessageFormat.decode (Connect protocol, "Unary-Request")', () => {
  it.each<[string, Codec, Uint8Array, boolean]>([
    ['proto', protoCodec, proto('hi'), false],
    ['JSON', jsonCodec, json('hi'), false],
    ['compressed proto', protoCodec, gzipped(proto('hi')), true],
    ['compressed JSON', jsonCodec, gzipped(json('hi')), true],
  ])('reads %s', (_, codec, bytes, isCompressed) => {
    const message = formatOf(codec).format.decode(bytes, isCompressed ? gzip : undefined);
    expect(textOf(message)).toBe('hi');
  });

  it('never inflates zero bytes: they are the empty message', () => {
    expect(textOf(formatOf(protoCodec).format.decode(new Uint8Array(0), gzip))).toBe('');
  });

  it.each([undefined, gzip])('refuses zero bytes of JSON, which are no JSON', (compression) => {
    const { format } = formatOf(jsonCodec);
    expect(() => format.decode(new Uint8Array(0), compression)).toThrow(
      expect.objectContaining({ code: Code.InvalidArgument }),
    );
  });

  it.each<[string, Codec, Uint8Array]>([
    ['proto', protoCodec, Buffer.from([0x0a, 0x05, 0x68])],
    ['proto', protoCodec, Buffer.from([0xff])],
    ['json', jsonCodec, Buffer.from('{"a":')],
    ['json', jsonCodec, Buffer.from('17')],
    ['json', jsonCodec, Buffer.from([0x22, 0xff, 0x22])],
  ])('answers broken %s with invalid_argument and names type and codec', (name, codec, bytes) => {
    expect(() => formatOf(codec).format.decode(bytes, undefined)).toThrow(
      expect.objectContaining({
        code: Code.InvalidArgument,
        rawMessage: expect.stringMatching(
          new RegExp(
            `^cannot decode (message |field )?google\\.protobuf\\.StringValue(\\.value)? from ${name}: .`,
            'is',
          ),
        ),
        cause: expect.anything(),
      }),
    );
  });

  it.each([
    [new RangeError('Maximum call stack size exceeded'), 'it is nested too deeply'],
    [new RangeError('index out of range'), 'index out of range'],
    [new Error('broken'), 'broken'],
    ['no error at all', 'malformed'],
  ])('describes what a codec throws, case %#', (thrown, reason) => {
    expect(() => formatOf(codecThatThrows(thrown)).format.decode(new Uint8Array(1), undefined)).toThrow(
      expect.objectContaining({
        rawMessage: `cannot decode google.protobuf.StringValue from odd: ${reason}`,
      }),
    );
  });

  it.each([
    ['gRPC', Code.Internal],
    ['Connect', Code.InvalidArgument],
  ])('answers compressed bytes that are broken as %s wants it', (_, code) => {
    const { format } = formatOf(protoCodec, {}, code);
    expect(() => format.decode(Buffer.from('not gzip'), gzip)).toThrow(
      expect.objectContaining({ code, rawMessage: 'cannot inflate the message: its bytes are not gzip' }),
    );
  });

  it('answers compressed bytes that are cut off as broken', () => {
    const whole = gzipped(proto('hi'));
    const { format } = formatOf(protoCodec);
    expect(() => format.decode(whole.subarray(0, whole.length - 9), gzip)).toThrow(
      expect.objectContaining({ code: Code.Internal }),
    );
  });

  it('takes a message that inflates to exactly the limit', () => {
    const { format } = formatOf(protoCodec, { receiveLimitBytes: 12 });
    expect(textOf(format.decode(gzipped(proto('0123456789')), gzip))).toBe('0123456789');
  });

  it('answers one byte more with resource_exhausted, and says the limit', () => {
    const { format } = formatOf(protoCodec, { receiveLimitBytes: 11 });
    expect(() => format.decode(gzipped(proto('0123456789')), gzip)).toThrow(
      expect.objectContaining({
        code: Code.ResourceExhausted,
        rawMessage: 'message is larger than the limit of 11 bytes',
      }),
    );
  });

  it('stops inflating a bomb at the limit', () => {
    const bomb = gzipped(Buffer.alloc(50_000_000));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => formatOf(protoCodec).format.decode(bomb, gzip)).toThrow(
      expect.objectContaining({ code: Code.ResourceExhausted }),
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5_000_000);
  });
});

describe('MessageFormat.encode', () => {
  it.each<[string, Codec, number, string]>([
    ['proto', protoCodec, 0, '0a 02 68 69'],
    ['JSON', jsonCodec, 0, '22 68 69 22'],
  ])('writes %s without headroom', (_, codec, headroom, bytes) => {
    expect(hex(formatOf(codec).format.encode(textMessage('hi'), headroom))).toBe(bytes);
  });

  it.each<[string, Codec, string]>([
    ['proto', protoCodec, '0a 02 68 69'],
    ['JSON', jsonCodec, '22 68 69 22'],
  ])('leaves the gap before %s that was asked for', (_, codec, bytes) => {
    const buffer = formatOf(codec).format.encode(textMessage('hi'), 5);
    expect(buffer.byteLength).toBe(9);
    expect(hex(buffer.subarray(5))).toBe(bytes);
  });

  it('takes a plain object with the fields of the message', () => {
    expect(hex(formatOf(protoCodec).format.encode({ value: 'hi' }, 0))).toBe('0a 02 68 69');
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a string', 'hi'],
    ['null', null],
    ['another message', { $typeName: 'test.v1.Other' }],
  ])('answers %s with internal, keeps the reason from the caller, and reports it', (_, value) => {
    const { route, format } = formatOf(protoCodec);
    expect(() => format.encode(value, 0)).toThrow(
      expect.objectContaining({
        code: Code.Internal,
        rawMessage: 'internal error',
        cause: expect.any(Error),
      }),
    );
    expect(route.reports).toEqual([expect.any(Error)]);
  });

  it.each([0, 5])('counts the message without its gap of %d bytes against the send limit', (headroom) => {
    const { format } = formatOf(protoCodec, { sendLimitBytes: 12 });
    expect(format.encode(textMessage('0123456789'), headroom).byteLength).toBe(12 + headroom);
    expect(() => format.encode(textMessage('0123456789!'), headroom)).toThrow(
      expect.objectContaining({
        code: Code.ResourceExhausted,
        rawMessage: 'message of 13 bytes is larger than the limit of 12 bytes',
      }),
    );
  });

  it('answers a compression that fails with internal, and reports why', () => {
    const { route, format } = formatOf(protoCodec);
    const fault = new Error('out of memory');
    const broken: Compression = {
      ...gzip,
      compress() {
        throw fault;
      },
    };
    expect(() => format.compress(proto('hi'), broken)).toThrow(
      expect.objectContaining({ code: Code.Internal, rawMessage: 'internal error', cause: fault }),
    );
    expect(route.reports).toEqual([fault]);
  });

  it('compiles the codec once per route, for input and output', () => {
    const compiled: unknown[] = [];
    const codec: Codec = {
      name: 'counted',
      decoder: (desc) => {
        compiled.push(['decoder', desc]);
        return protoCodec.decoder(desc);
      },
      encoder: (desc) => {
        compiled.push(['encoder', desc]);
        return protoCodec.encoder(desc);
      },
    };
    const { format } = formatOf(codec);
    format.encode(textMessage('a'), 0);
    format.decode(proto('a'), undefined);
    expect(compiled).toEqual([
      ['decoder', expect.objectContaining({ typeName: StringValueSchema.typeName })],
      ['encoder', expect.objectContaining({ typeName: StringValueSchema.typeName })],
    ]);
  });
});
