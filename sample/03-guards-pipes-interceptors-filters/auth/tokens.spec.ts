/**
 * Tokens: whose they are, and which are nobody's.
 */
import { describe, expect, it } from '@jest/globals';
import { Tokens } from './tokens.js';

const tokens = new Tokens();
const token = tokens.sign('ada');

describe('Tokens', () => {
  it('finds the user of a token that it has signed', () => {
    expect(tokens.userOf(token)).toBe('ada');
  });

  it.each([
    ['nothing', ''],
    ['no signature', 'ada'],
    ['an empty signature', 'ada.'],
    ['a signature that is cut', token.slice(0, -4)],
    ["another user's signature", token.replace('ada', 'eve')],
    ["another server's signature", new Tokens().sign('ada')],
  ])('finds nobody for %s', (_what, forged) => {
    expect(tokens.userOf(forged)).toBeUndefined();
  });
});
