/**
 * REST in front, RPC behind: one answer made of two calls, and a stream as server-sent events.
 */
import {
  Controller,
  DefaultValuePipe,
  Get,
  type MessageEvent,
  Param,
  ParseIntPipe,
  Query,
  Sse,
} from '@nestjs/common';
import { forkJoin, map, type Observable } from 'rxjs';
import { ForecastServiceRxClient } from '../gen/forecasts/v1/forecasts_connect.js';
import { type Forecast } from '../gen/forecasts/v1/forecasts_pb.js';
import { TrainServiceRxClient } from '../gen/trains/v1/trains_connect.js';

const TIMEOUT_MS = 2_000;

/** What a traveler wants to know. */
export interface Trip {
  readonly city: string;
  readonly forecast: string;
  readonly train: { readonly departs: string; readonly delayMinutes: number };
  /** Of the call for the forecast, the successful one included. */
  readonly attempts: number;
}

@Controller('trips')
export class TripsController {
  constructor(
    private readonly forecasts: ForecastServiceRxClient,
    private readonly trains: TrainServiceRxClient,
  ) {}

  /**
   * Both calls at once. `failures` and `delayMs` are the drill.
   * When one fails, `forkJoin` unsubscribes the other, and that cancels it.
   */
  @Get(':city')
  plan(
    @Param('city') city: string,
    @Query('failures', new DefaultValuePipe(0), ParseIntPipe) failures: number,
    @Query('delayMs', new DefaultValuePipe(0), ParseIntPipe) delayMs: number,
  ): Observable<Trip> {
    const request = { city, drill: { failures, delayMs } };
    return forkJoin({
      forecasts: this.forecasts.getForecast(request, { timeoutMs: TIMEOUT_MS }),
      trains: this.trains.findTrain(request, { timeoutMs: TIMEOUT_MS }),
    }).pipe(
      map(({ forecasts: { forecast, attempt }, trains: { departs, delayMinutes } }) => ({
        city,
        forecast: describe(forecast),
        train: { departs, delayMinutes },
        attempts: attempt,
      })),
    );
  }

  /** For as long as the caller listens: Nest then unsubscribes, and that cancels the call. */
  @Sse(':city/forecasts')
  watch(@Param('city') city: string): Observable<MessageEvent> {
    return this.forecasts.watchForecast({ city }).pipe(map(({ forecast }) => ({ data: describe(forecast) })));
  }
}

function describe(forecast: Forecast | undefined): string {
  return forecast === undefined ? 'unknown' : `${forecast.sky}, ${forecast.degrees} °C`;
}
