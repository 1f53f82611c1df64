/**
 * The weather itself: no Connect here, and of HTTP only the name of an exception.
 */
import { Injectable, NotFoundException } from '@nestjs/common';
import { map, type Observable, timer } from 'rxjs';

export interface Forecast {
  readonly city: string;
  readonly sky: string;
  readonly degrees: number;
}

const FORECASTS: readonly Forecast[] = [
  { city: 'oslo', sky: 'snow', degrees: -4 },
  { city: 'rome', sky: 'sun', degrees: 21 },
];

const CHANGE_MS = 500;

@Injectable()
export class Forecasts {
  readonly #forecasts = new Map(FORECASTS.map((forecast) => [forecast.city, forecast]));

  /** @throws NotFoundException Callers get `not_found` for it. */
  of(city: string): Forecast {
    const forecast = this.#forecasts.get(city);
    if (forecast === undefined) {
      throw new NotFoundException(`there is no city "${city}"`);
    }
    return forecast;
  }

  /**
   * The forecast, and every half second another one, a degree warmer.
   *
   * @throws NotFoundException
   */
  watch(city: string): Observable<Forecast> {
    const forecast = this.of(city);
    return timer(0, CHANGE_MS).pipe(map((n) => ({ ...forecast, degrees: forecast.degrees + n })));
  }
}
