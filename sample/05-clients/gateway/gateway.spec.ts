/**
 * The gateway without its services: their clients are replaced, nothing goes over the network behind it.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { create } from '@bufbuild/protobuf';
import { type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type CallOptions, Code, ConnectError } from 'nestjs-connect';
import { EMPTY, finalize, NEVER, type Observable, of, throwError } from 'rxjs';
import { ForecastServiceRxClient } from '../gen/forecasts/v1/forecasts_connect.js';
import { type GetForecastResponse, GetForecastResponseSchema } from '../gen/forecasts/v1/forecasts_pb.js';
import { TrainServiceRxClient } from '../gen/trains/v1/trains_connect.js';
import { type FindTrainResponse, FindTrainResponseSchema } from '../gen/trains/v1/trains_pb.js';
import { GatewayModule } from './gateway.module.js';

const FORECAST = create(GetForecastResponseSchema, { forecast: { sky: 'fog', degrees: 7 }, attempt: 1 });
const TRAIN = create(FindTrainResponseSchema, { departs: '12:00', delayMinutes: 3 });

let app: INestApplication;
let url: string;
/** What the services answer. */
let forecast: Observable<GetForecastResponse>;
let train: Observable<FindTrainResponse>;
/** What they were asked. */
let requests: { request: unknown; options: CallOptions }[];

const forecasts: ForecastServiceRxClient = {
  getForecast: (request, options = {}) => (requests.push({ request, options }), forecast),
  watchForecast: () => EMPTY,
};
const trains: TrainServiceRxClient = {
  findTrain: (request, options = {}) => (requests.push({ request, options }), train),
};

beforeEach(async () => {
  [forecast, train, requests] = [of(FORECAST), of(TRAIN), []];
  const unused = 'http://unused.invalid';
  const testing = await Test.createTestingModule({
    imports: [GatewayModule.register({ forecastsUrl: unused, trainsUrl: unused })],
  })
    .overrideProvider(ForecastServiceRxClient)
    .useValue(forecasts)
    .overrideProvider(TrainServiceRxClient)
    .useValue(trains)
    .compile();
  app = testing.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});

afterEach(() => app.close());

async function plan(query = ''): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}/trips/oslo${query}`);
  return { status: response.status, body: await response.json() };
}

it('makes one answer of two', async () => {
  expect(await plan()).toEqual({
    status: 200,
    body: { city: 'oslo', forecast: 'fog, 7 °C', train: { departs: '12:00', delayMinutes: 3 }, attempts: 1 },
  });
});

it('asks both services for the same, and does not wait for ever', async () => {
  await plan('?failures=2&delayMs=30');
  const asked = {
    request: { city: 'oslo', drill: { failures: 2, delayMs: 30 } },
    options: { timeoutMs: 2_000 },
  };
  expect(requests).toEqual([asked, asked]);
});

it('refuses a drill that is no number', async () => {
  expect(await plan('?failures=many')).toMatchObject({ status: 400 });
  expect(requests).toEqual([]);
});

it('leaves one service when the other has failed', async () => {
  let hasLeft = false;
  train = NEVER.pipe(finalize(() => (hasLeft = true)));
  forecast = throwError(() => new ConnectError('', { code: Code.NotFound }));
  expect(await plan()).toMatchObject({ status: 404 });
  expect(hasLeft).toBe(true);
});

describe('an error of a service', () => {
  it.each([
    [Code.InvalidArgument, 400],
    [Code.FailedPrecondition, 400],
    [Code.OutOfRange, 400],
    [Code.Unauthenticated, 401],
    [Code.PermissionDenied, 403],
    [Code.NotFound, 404],
    [Code.AlreadyExists, 409],
    [Code.Aborted, 409],
    [Code.ResourceExhausted, 429],
  ])('with code %d is a %d, with its text', async (code, status) => {
    train = throwError(() => new ConnectError('no such thing', { code }));
    expect(await plan()).toEqual({ status, body: { statusCode: status, message: 'no such thing' } });
  });

  it.each([
    [Code.Canceled, 502, 'Bad Gateway'],
    [Code.Unknown, 502, 'Bad Gateway'],
    [Code.Unimplemented, 502, 'Bad Gateway'],
    [Code.Internal, 502, 'Bad Gateway'],
    [Code.DataLoss, 502, 'Bad Gateway'],
    [Code.Unavailable, 503, 'Service Unavailable'],
    [Code.DeadlineExceeded, 504, 'Gateway Timeout'],
  ])('with code %d is a %d that does not tell what is behind the gateway', async (code, status, message) => {
    train = throwError(() => new ConnectError('cannot connect to 10.0.0.7:8080', { code }));
    expect(await plan()).toEqual({ status, body: { statusCode: status, message } });
  });
});
