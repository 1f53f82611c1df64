import { type DynamicModule, Module } from '@nestjs/common';
import { ConnectClientsModule } from 'nestjs-connect';
import { forecastsClient } from '../forecasts/forecasts.client.js';
import { TrainsRpc } from './trains.rpc.js';

@Module({})
export class TrainsModule {
  /** @param forecastsUrl Where ForecastService is. */
  static register(forecastsUrl: string): DynamicModule {
    return {
      module: TrainsModule,
      imports: [ConnectClientsModule.register([forecastsClient(forecastsUrl, 'trains')])],
      controllers: [TrainsRpc],
    };
  }
}
