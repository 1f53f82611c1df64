import { describe, expect, it } from '@jest/globals';
import { leadingMetadata, trailingMetadata } from './trailer-prefix.js';

const HEADERS = [
  ':status',
  '200',
  'x-a',
  '1',
  'trailer-x-a',
  '2',
  // The value is no name.
  'x-b',
  'trailer-x-b',
  'trailer-x-a',
  '3',
  'trailer',
  'x-t',
  'trailer-',
  'nameless',
  'trailer-trailer-x',
  '4',
];

describe('the prefix of unary trailers (Connect protocol, "Unary-Response", Trailing-Metadata)', () => {
  it('is not on leading metadata', () => {
    expect(leadingMetadata(HEADERS).toList()).toEqual(['x-a', '1', 'x-b', 'trailer-x-b', 'trailer', 'x-t']);
  });

  it('is taken off trailing metadata, once, and names nothing by itself', () => {
    expect(trailingMetadata(HEADERS).toList()).toEqual(['x-a', '2', 'x-a', '3', 'trailer-x', '4']);
  });
});
