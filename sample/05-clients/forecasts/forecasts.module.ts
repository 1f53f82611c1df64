import { Module } from '@nestjs/common';
import { Forecasts } from './forecasts.js';
import { ForecastsRpc } from './forecasts.rpc.js';

@Module({ controllers: [ForecastsRpc], providers: [Forecasts] })
export class ForecastsModule {}
