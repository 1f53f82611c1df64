/**
 * TrainService: a server that is a client itself.
 */
import { setTimeout } from 'node:timers/promises';
import { UseFilters } from '@nestjs/common';
import { ConnectService, Rpc } from 'nestjs-connect';
import { ForecastServiceClient } from '../gen/forecasts/v1/forecasts_connect.js';
import { type FindTrainRequest, TrainService } from '../gen/trains/v1/trains_pb.js';
import { RelayFilter } from './relay.filter.js';

const LOOK_UP_MS = 50;
const SNOW_DELAY_MINUTES = 20;

@UseFilters(RelayFilter)
@ConnectService(TrainService)
export class TrainsRpc {
  constructor(private readonly forecasts: ForecastServiceClient) {}

  /** Gives no timeout: what its own caller has left of one passes on, and so does a cancellation. */
  @Rpc()
  async findTrain({ city, drill }: FindTrainRequest) {
    await setTimeout(LOOK_UP_MS); // In the timetable. It takes from the time that is left for the forecast.
    const { forecast } = await this.forecasts.getForecast({ city, drill });
    return { departs: '07:15', delayMinutes: forecast?.sky === 'snow' ? SNOW_DELAY_MINUTES : 0 };
  }
}
