/**
 * The theater: three rows of three seats. It knows neither Connect nor anything else that calls it.
 */
import { Injectable } from '@nestjs/common';
import { concat, defer, filter, type Observable, Subject, take } from 'rxjs';
import { TheaterError } from './theater.error.js';

export interface Reservation {
  readonly seat: string;
  readonly guest: string;
  readonly buyer: string;
}

const ROWS: readonly string[] = ['A', 'B', 'C'];
const SEATS_PER_ROW = 3;
const SEATS = new Set(
  ROWS.flatMap((row) => Array.from({ length: SEATS_PER_ROW }, (_, i) => `${row}${i + 1}`)),
);

@Injectable()
export class Theater {
  readonly #reservations = new Map<string, Reservation>();
  readonly #news = new Subject<Reservation>();

  /** @throws TheaterError when there is no such seat, or somebody has it. */
  reserve(reservation: Reservation): Reservation {
    const { seat } = reservation;
    if (!SEATS.has(seat)) {
      throw new TheaterError('NO_SUCH_SEAT', `there is no seat ${seat}`);
    }
    if (this.#reservations.has(seat)) {
      throw new TheaterError('SEAT_TAKEN', `seat ${seat} is taken`);
    }
    this.#reservations.set(seat, reservation);
    this.#news.next(reservation);
    return reservation;
  }

  /**
   * @returns The reservations of a row, first as they are, then as they come. Completes when it is sold out.
   * @throws TheaterError when there is no such row.
   */
  watch(row: string): Observable<Reservation> {
    if (!ROWS.includes(row)) {
      throw new TheaterError('NO_SUCH_ROW', `there is no row ${row}`);
    }
    return defer(() => concat([...this.#reservations.values()], this.#news)).pipe(
      filter(({ seat }) => seat.startsWith(row)),
      take(SEATS_PER_ROW),
    );
  }
}
