/**
 * The generated codec for any bytes and any objects: what protobuf-es makes of them, or its error.
 */
import { create } from '@bufbuild/protobuf';
import { describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { bytesOf, CodecPair, corrupt, makeOdd, testTypes } from '../support/codec-pair.js';
import { pick, type Random, randomFrom, randomInit } from '../support/field-kinds.js';
import { fuzz } from './settings.js';

const { parameters, timeoutMs } = fuzz(1_000, 0.02);
jest.setTimeout(timeoutMs);

const TYPES = testTypes().map((desc) => ({ desc, pair: new CodecPair(desc) }));

/** @returns How often a codec gave way to protobuf-es, which some of what is tried here must be for. */
function deferralsOf(property: (random: Random) => void): number {
  fc.assert(
    fc.property(fc.integer(), (seed) => property(randomFrom(seed))),
    parameters,
  );
  return TYPES.reduce((sum, { pair }) => sum + pair.deferrals, 0);
}

describe('the generated codec', () => {
  it('reads any bytes as protobuf-es does', () => {
    const deferrals = deferralsOf((random) => {
      const { desc, pair } = pick(random, TYPES);
      const bytes = corrupt(bytesOf(desc, random), random);
      pair.expectSameMessage(random() < 0.5 ? bytes : corrupt(bytes, random));
    });
    expect(deferrals).toBeGreaterThan(0);
  });

  it('writes any objects as protobuf-es does', () => {
    const deferrals = deferralsOf((random) => {
      const { desc, pair } = pick(random, TYPES);
      const init = randomInit(desc, random);
      const value = random() < 0.5 ? init : create(desc, init);
      makeOdd(value, desc, random);
      pair.expectSameBytes(value);
    });
    expect(deferrals).toBeGreaterThan(0);
  });
});
