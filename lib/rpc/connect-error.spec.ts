import { create, toBinary } from '@bufbuild/protobuf';
import { DurationSchema, StringValueSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { Code, CODES, codeToName } from './code.js';
import { ConnectError, detailTypeName } from './connect-error.js';

describe('ConnectError', () => {
  it.each(CODES.map((code) => [codeToName(code), code] as const))('shows its code as [%s]', (name, code) => {
    expect(new ConnectError('no', { code })).toMatchObject({
      message: `[${name}] no`,
      rawMessage: 'no',
      code,
    });
  });

  it('is unknown, without details, metadata and cause, when nothing else is said', () => {
    const error = new ConnectError('no');
    expect(error).toMatchObject({ name: 'ConnectError', code: Code.Unknown, details: [], fromWire: false });
    expect(error.metadata.size).toBe(0);
    expect(error.cause).toBeUndefined();
    expect(error).toBeInstanceOf(Error);
    expect(error.stack).toContain('connect-error.spec');
  });

  it('has no blank behind the code of an error without text', () => {
    expect(new ConnectError('', { code: Code.Internal }).message).toBe('[internal]');
  });

  it('copies the metadata it is given', () => {
    const metadata = { 'x-a': ['1', '2'] };
    expect(new ConnectError('no', { metadata }).metadata.getAll('x-a')).toEqual(['1', '2']);
  });

  describe('is known by its brand', () => {
    const branded = { [Symbol.for('nestjs-connect.ConnectError')]: true };

    it('also when it comes from another copy of the package', () => {
      expect(ConnectError.is(branded)).toBe(true);
      expect(branded instanceof ConnectError).toBe(true);
      expect(ConnectError.is(new ConnectError('no'))).toBe(true);
    });

    it.each([undefined, null, 'text', 5, {}, new Error('no'), { code: 5, message: 'no' }])(
      'which %p has not',
      (value) => {
        expect(ConnectError.is(value)).toBe(false);
        expect(value instanceof ConnectError).toBe(false);
      },
    );
  });

  describe('from the wire', () => {
    const upstream = ConnectError.wire({
      message: 'secret',
      code: Code.NotFound,
      details: [
        {
          type: 'google.protobuf.Duration',
          value: toBinary(DurationSchema, create(DurationSchema, { seconds: 5n })),
        },
      ],
      metadata: { 'x-a': '1' },
    });

    it('says so', () => {
      expect(upstream).toMatchObject({ fromWire: true, code: Code.NotFound, rawMessage: 'secret' });
      expect(upstream).toBeInstanceOf(ConnectError);
    });

    it('is one of ours when it is relayed: same code, text, details and metadata', () => {
      const relayed = ConnectError.relay(upstream);
      expect(relayed).toMatchObject({
        fromWire: false,
        code: upstream.code,
        rawMessage: 'secret',
        message: '[not_found] secret',
        details: upstream.details,
      });
      expect([...relayed.metadata]).toEqual([['x-a', '1']]);
      expect(relayed.cause).toBe(upstream);
    });
  });

  describe('findDetails', () => {
    const error = new ConnectError('no', {
      details: [
        { desc: DurationSchema, value: { seconds: 1n } },
        { desc: TimestampSchema, value: create(TimestampSchema, { seconds: 2n }) },
        {
          type: 'google.protobuf.Duration',
          value: toBinary(DurationSchema, create(DurationSchema, { seconds: 3n })),
        },
        { type: 'google.protobuf.Duration', value: Uint8Array.of(0xff) },
      ],
    });

    it('decodes the details of a type, those made here and those from the wire, and leaves garbage out', () => {
      expect(error.findDetails(DurationSchema)).toEqual([
        create(DurationSchema, { seconds: 1n }),
        create(DurationSchema, { seconds: 3n }),
      ]);
      expect(error.findDetails(TimestampSchema)).toEqual([create(TimestampSchema, { seconds: 2n })]);
    });

    it('finds none of a type that is not there', () => {
      expect(error.findDetails(StringValueSchema)).toEqual([]);
    });

    it('names the types by their full name', () => {
      expect(error.details.map(detailTypeName)).toEqual([
        'google.protobuf.Duration',
        'google.protobuf.Timestamp',
        'google.protobuf.Duration',
        'google.protobuf.Duration',
      ]);
    });
  });
});
