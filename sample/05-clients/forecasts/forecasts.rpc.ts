/**
 * ForecastService, which can be told to be down or slow.
 */
import { UseInterceptors } from '@nestjs/common';
import { Code, type ConnectContext, ConnectError, ConnectService, Rpc } from 'nestjs-connect';
import { map, timer } from 'rxjs';
import {
  ForecastService,
  type GetForecastRequest,
  type WatchForecastRequest,
} from '../gen/forecasts/v1/forecasts_pb.js';
import { attemptOf } from './attempt.js';
import { CallLog } from './call-log.interceptor.js';
import { Forecasts } from './forecasts.js';

@UseInterceptors(CallLog)
@ConnectService(ForecastService)
export class ForecastsRpc {
  constructor(private readonly forecasts: Forecasts) {}

  /** What waits in its Observable ends with the call: a deadline and a cancellation unsubscribe it. */
  @Rpc()
  getForecast({ city, drill }: GetForecastRequest, context: ConnectContext) {
    const attempt = attemptOf(context);
    if (attempt <= (drill?.failures ?? 0)) {
      throw new ConnectError('this is a drill', { code: Code.Unavailable });
    }
    const forecast = this.forecasts.of(city);
    return timer(drill?.delayMs ?? 0).pipe(map(() => ({ forecast, attempt })));
  }

  @Rpc()
  watchForecast({ city }: WatchForecastRequest) {
    return this.forecasts.watch(city).pipe(map((forecast) => ({ forecast })));
  }
}
