/**
 * What the theater refuses, in its own words. It knows no codes: the filter chooses them.
 */
export class TheaterError extends Error {
  override readonly name = 'TheaterError';

  constructor(
    readonly reason: 'NO_SUCH_ROW' | 'NO_SUCH_SEAT' | 'SEAT_TAKEN',
    message: string,
  ) {
    super(message);
  }
}
