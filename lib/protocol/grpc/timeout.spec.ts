import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Code } from '../../rpc/code.js';
import { parseTimeout } from './timeout.js';

const SEED = 20_261_122;

describe('parseTimeout (gRPC over HTTP/2, "Timeout")', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['1S', 1_000],
    ['250m', 250],
    ['500u', 0.5],
    ['1000u', 1],
    ['1000000n', 1],
    ['100n', 0.0001],
    ['0S', 0],
    ['0n', 0],
    ['00000001S', 1_000],
    ['99999999m', 99_999_999],
    ['99999999S', 99_999_999_000],
    ['99999999H', 359_999_996_400_000],
  ])('reads %j as %d ms', (value, ms) => {
    expect(parseTimeout(value)).toBeCloseTo(ms, 9);
  });

  it('reads no header as no timeout', () => {
    expect(parseTimeout(undefined)).toBeUndefined();
  });

  it.each([
    '',
    '1',
    'S',
    '-1S',
    '+1S',
    '1.5S',
    '123456789m',
    '000000001S',
    '1X',
    '1s',
    '1h',
    '1N',
    '1U',
    '1ms',
    ' 1S',
    '1S ',
    '1S\n',
    '1 S',
    '1e3m',
    '٣S',
    '1S, 1S',
  ])('rejects %j with invalid_argument, and quotes it', (value) => {
    expect(() => parseTimeout(value)).toThrow(
      expect.objectContaining({
        code: Code.InvalidArgument,
        rawMessage: `cannot parse grpc-timeout "${value}": expected 1 to 8 digits and a unit, such as "250m"`,
      }),
    );
  });
});

describe('parseTimeout: any text (property)', () => {
  const MS = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 } as const;

  it('reads every value of the grammar', () => {
    const unit = fc.constantFrom(...(Object.keys(MS) as (keyof typeof MS)[]));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999_999 }), unit, (value, name) => {
        expect(parseTimeout(`${value}${name}`)).toBe(value * MS[name]);
      }),
      { seed: SEED },
    );
  });

  it('refuses every other text with invalid_argument', () => {
    const text = fc
      .oneof(fc.string(), fc.stringMatching(/^[0-9HMSmun+-. ]{0,12}$/))
      .filter((value) => !/^[0-9]{1,8}[HMSmun]$/.test(value));
    fc.assert(
      fc.property(text, (value) => {
        expect(() => parseTimeout(value)).toThrow(expect.objectContaining({ code: Code.InvalidArgument }));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});
