import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Code } from '../../rpc/code.js';
import { formatTimeout, parseTimeout } from './timeout.js';

const SEED = 20_261_122;

describe('parseTimeout (Connect protocol, "Timeout")', () => {
  it.each([
    ['0', 0],
    ['1', 1],
    ['250', 250],
    ['007', 7],
    ['9999999999', 9_999_999_999],
    ['0000000001', 1],
  ])('reads %j as %d ms', (value, ms) => {
    expect(parseTimeout(value)).toBe(ms);
  });

  it('reads no header as no timeout', () => {
    expect(parseTimeout(undefined)).toBeUndefined();
  });

  it.each([
    '',
    ' ',
    ' 1',
    '1 ',
    '1\n',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    '1s',
    'NaN',
    'Infinity',
    '10000000000',
    '00000000001',
    '١٢',
    '1, 2',
  ])('rejects %j with invalid_argument, and quotes it', (value) => {
    expect(() => parseTimeout(value)).toThrow(
      expect.objectContaining({
        code: Code.InvalidArgument,
        rawMessage: `cannot parse connect-timeout-ms "${value}": expected 1 to 10 digits, such as "250"`,
      }),
    );
  });
});

describe('parseTimeout: any text (property)', () => {
  it('reads every number of up to ten digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_999_999_999 }), (value) => {
        expect(parseTimeout(String(value))).toBe(value);
      }),
      { seed: SEED },
    );
  });

  it('refuses every other text with invalid_argument', () => {
    const text = fc
      .oneof(fc.string(), fc.stringMatching(/^[0-9+-. e]{0,13}$/))
      .filter((value) => !/^[0-9]{1,10}$/.test(value));
    fc.assert(
      fc.property(text, (value) => {
        expect(() => parseTimeout(value)).toThrow(expect.objectContaining({ code: Code.InvalidArgument }));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});

describe('formatTimeout (Connect protocol, "Timeout")', () => {
  it.each([
    [undefined, undefined],
    [1, '1'],
    [250, '250'],
    [250.999, '250'],
    // A positive integer: 0 would be refused, or have passed already.
    [0.5, '1'],
    [9_999_999_999.9, '9999999999'],
    [10_000_000_000, undefined],
    [Infinity, undefined],
  ])('writes %p ms as %j', (timeoutMs, value) => {
    expect(formatTimeout(timeoutMs)).toBe(value);
  });

  it('writes what parseTimeout reads, never more than there was (property)', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 9_999_999_999, noNaN: true }), (timeoutMs) => {
        const read = parseTimeout(formatTimeout(timeoutMs));
        expect(read).toBe(Math.floor(timeoutMs));
      }),
      { seed: SEED },
    );
  });
});
