import { describe, expect, it } from '@jest/globals';
import { fitTrailers } from './header-limit.js';
import { percentEncode } from './percent-encoding.js';

const KIB = 1024;

function fitted(trailers: Readonly<Record<string, string>>): Record<string, string> {
  const list = fitTrailers(Object.entries(trailers).flat());
  return Object.fromEntries(list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] ?? '']] : [])));
}

describe('fitTrailers', () => {
  it('leaves alone what fits, the list itself', () => {
    const list = ['grpc-status', '5', 'grpc-message', 'x'.repeat(40 * KIB)];
    expect(fitTrailers(list)).toBe(list);
  });

  it('leaves out details that are too large, and keeps what comes behind them', () => {
    const others = { 'grpc-status': '5', 'grpc-message': 'gone', 'x-id': '7' };
    expect(fitted({ ...others, 'grpc-status-details-bin': 'A'.repeat(60 * KIB), 'x-more': '1' })).toEqual({
      ...others,
      'x-more': '1',
    });
  });

  it('cuts the text and keeps details that fit beside the rest', () => {
    const details = 'A'.repeat(30 * KIB);
    expect(
      fitted({ 'grpc-status': '5', 'grpc-message': 'x'.repeat(100_000), 'grpc-status-details-bin': details }),
    ).toEqual({
      'grpc-status': '5',
      'grpc-message': 'x'.repeat(8 * KIB),
      'grpc-status-details-bin': details,
    });
  });

  it.each(['ł', '日', '🙂', '%', ' '])('cuts a text of %j between two characters', (character) => {
    for (let before = 0; before < 12; before++) {
      const text = 'x'.repeat(before) + character.repeat(60 * KIB);
      const cut = decodeURIComponent(
        fitted({ 'grpc-status': '5', 'grpc-message': percentEncode(text) })['grpc-message'] ?? '',
      );
      expect(text.startsWith(cut)).toBe(true);
      expect(percentEncode(cut).length).toBeGreaterThan(8 * KIB - 16);
    }
  });
});
