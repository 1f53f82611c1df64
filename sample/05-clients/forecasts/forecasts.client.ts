/**
 * How ForecastService is called, by whoever calls it.
 */
import { type ConnectClientEntry } from 'nestjs-connect';
import { ForecastServiceClient, ForecastServiceRxClient } from '../gen/forecasts/v1/forecasts_connect.js';
import { ForecastService } from '../gen/forecasts/v1/forecasts_pb.js';

export const CALLER_HEADER = 'x-caller';

/**
 * An entry for `ConnectClientsModule`.
 *
 * @param caller For the service's log.
 */
export function forecastsClient(url: string, caller: string): ConnectClientEntry {
  return {
    url,
    protocol: 'grpc',
    services: [ForecastServiceClient, ForecastServiceRxClient],
    headers: { [CALLER_HEADER]: caller },
    retry: {
      policies: [{ for: [ForecastService.method.getForecast], maxAttempts: 4, initialBackoffMs: 20 }],
    },
  };
}
