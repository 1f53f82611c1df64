/**
 * Three Nest applications in one process, each with a port of its own: two services, and the gateway before them.
 */
import { type AddressInfo } from 'node:net';
import { type DynamicModule, type INestMicroservice, type LoggerService, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectServer } from 'nestjs-connect';
import { ForecastsModule } from './forecasts/forecasts.module.js';
import { GatewayModule } from './gateway/gateway.module.js';
import { TrainsModule } from './trains/trains.module.js';

export interface TripsOptions {
  /** Of the gateway; 0 for any free one. The services take free ones. */
  readonly port: number;
  /** Default: Nest's. */
  readonly logger?: LoggerService;
}

export interface Service {
  readonly app: INestMicroservice;
  readonly url: string;
}

export interface Trips {
  /** Of the gateway. */
  readonly url: string;
  readonly forecasts: Service;
  readonly trains: Service;
  /** The gateway first: who calls ends before who is called. */
  close(): Promise<void>;
}

/** SIGTERM ends them, too. */
export async function startTrips({ port, ...options }: TripsOptions): Promise<Trips> {
  const forecasts = await serve(ForecastsModule, options);
  const trains = await serve(TrainsModule.register(forecasts.url), options);
  const module = GatewayModule.register({ forecastsUrl: forecasts.url, trainsUrl: trains.url });
  const gateway = await NestFactory.create(module, options);
  gateway.enableShutdownHooks();
  await gateway.listen(port);
  return {
    url: (await gateway.getUrl()).replace('[::1]', 'localhost'),
    forecasts,
    trains,
    close: async () => {
      await gateway.close();
      await trains.app.close();
      await forecasts.app.close();
    },
  };
}

async function serve(module: Type | DynamicModule, options: Omit<TripsOptions, 'port'>): Promise<Service> {
  const strategy = new ConnectServer({ host: '127.0.0.1', port: 0 });
  const app = await NestFactory.createMicroservice(module, { ...options, strategy });
  app.enableShutdownHooks();
  const { port }: AddressInfo = await app.listen();
  return { app, url: `http://127.0.0.1:${port}` };
}
