/**
 * The theater without a server around it.
 */
import { beforeEach, describe, expect, it } from '@jest/globals';
import { TheaterError } from './theater.error.js';
import { Theater } from './theater.js';

let theater: Theater;

beforeEach(() => {
  theater = new Theater();
});

function reserve(...seats: string[]): void {
  seats.forEach((seat) => theater.reserve({ seat, guest: 'Grace', buyer: 'ada' }));
}

describe('Theater', () => {
  it.each([
    ['a seat that somebody has', 'B2', 'SEAT_TAKEN'],
    ['a row that it does not have', 'D1', 'NO_SUCH_SEAT'],
    ['a number that it does not have', 'A4', 'NO_SUCH_SEAT'],
  ])('refuses %s', (_what, seat, reason) => {
    reserve('B2');
    expect(() => reserve(seat)).toThrow(expect.objectContaining({ name: 'TheaterError', reason }));
  });

  it('shows the seats of one row, those before and those after, until it is sold out', () => {
    const seen: string[] = [];
    reserve('B2', 'A1');
    theater
      .watch('B')
      .subscribe({ next: ({ seat }) => seen.push(seat), complete: () => seen.push('sold out') });
    reserve('C1', 'B1', 'B3');
    expect(seen).toEqual(['B2', 'B1', 'B3', 'sold out']);
  });

  it('refuses to show a row that it does not have', () => {
    expect(() => theater.watch('D')).toThrow(new TheaterError('NO_SUCH_ROW', 'there is no row D'));
  });
});
