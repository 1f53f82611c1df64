import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Code } from '../../rpc/code.js';
import { formatTimeout, parseTimeout } from './timeout.js';

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

describe('formatTimeout (gRPC over HTTP/2, "Timeout")', () => {
  it.each([
    [0.000_001, '1n'],
    [0.0005, '500n'],
    [1, '1000000n'],
    [99, '99000000n'],
    // 100,000,000 has nine digits: the next unit.
    [100, '100000u'],
    [250, '250000u'],
    [99_999.999, '99999999u'],
    [100_000, '100000m'],
    [99_999_999, '99999999m'],
    [100_000_000, '100000S'],
    [2 ** 31, '2147483S'],
    [99_999_999_000, '99999999S'],
    [100_000_000_000, '1666666M'],
    [6_000_000_000_000, '1666666H'],
    [359_999_996_400_000, '99999999H'],
  ])('writes %d ms as %j', (timeoutMs, value) => {
    expect(formatTimeout(timeoutMs)).toBe(value);
  });

  it.each([undefined, 0, 0.000_000_9, -1, 360_000_000_000_000, Infinity])(
    'writes nothing for %s ms',
    (timeoutMs) => {
      expect(formatTimeout(timeoutMs)).toBeUndefined();
    },
  );

  it('never writes more than the caller waits, nor less than 1/100,000 of it (property)', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 1e12, noNaN: true }), (timeoutMs) => {
        const value = formatTimeout(timeoutMs) ?? '';
        expect(value).toMatch(/^[1-9][0-9]{0,7}[HMSmun]$/);
        const sent = parseTimeout(value) ?? 0;
        // A product of two doubles may be off by their last digit.
        expect(sent).toBeLessThanOrEqual(timeoutMs * (1 + Number.EPSILON));
        expect(sent).toBeGreaterThan(timeoutMs * (1 - 1e-5));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});
