import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ConnectClientsModule } from 'nestjs-connect';
import { forecastsClient } from '../forecasts/forecasts.client.js';
import { TrainServiceRxClient } from '../gen/trains/v1/trains_connect.js';
import { TripsController } from './trips.controller.js';
import { UpstreamErrorFilter } from './upstream-error.filter.js';

/** Where the services are. */
export interface GatewayOptions {
  readonly forecastsUrl: string;
  readonly trainsUrl: string;
}

@Module({})
export class GatewayModule {
  static register({ forecastsUrl, trainsUrl }: GatewayOptions): DynamicModule {
    return {
      module: GatewayModule,
      imports: [
        ConnectClientsModule.register([
          forecastsClient(forecastsUrl, 'gateway'),
          { url: trainsUrl, protocol: 'connect', services: [TrainServiceRxClient] },
        ]),
      ],
      controllers: [TripsController],
      providers: [{ provide: APP_FILTER, useClass: UpstreamErrorFilter }],
    };
  }
}
