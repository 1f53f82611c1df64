/**
 * The gateway and its services as they run, seen by REST callers and in the log.
 */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Channel, Code, type ConnectClient, createChannel, createClient } from 'nestjs-connect/client';
import { eventually } from '../../test/support/eventually.js';
import { Forecasts } from './forecasts/forecasts.js';
import { TrainService } from './gen/trains/v1/trains_pb.js';
import { startTrips, type Trips } from './trips.js';

/** How long the calls of the gateway may take. */
const TIMEOUT_MS = 2_000;
/** Longer than anybody waits here. */
const DELAY_MS = 60_000;

let trips: Trips;
let channel: Channel;
let log: string[];

beforeEach(async () => {
  log = [];
  const note = (line: unknown, context: unknown): unknown => log.push(`${String(context)}: ${String(line)}`);
  trips = await startTrips({ port: 0, logger: { log: note, warn: note, error: note } });
  channel = createChannel({ url: trips.trains.url });
});

afterEach(async () => {
  await channel.close();
  await trips.close();
});

/** TrainService itself, without the gateway. */
function trains(): ConnectClient<typeof TrainService> {
  return createClient(TrainService, channel);
}

async function plan(path: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${trips.url}/trips/${path}`);
  return { status: response.status, body: await response.json() };
}

/** What the forecasts have logged of calls for somebody. */
function callsFor(caller: string): string[] {
  return log.filter((line) => line.startsWith('Forecasts: ') && line.includes(` for ${caller}, `));
}

/** @returns Milliseconds that the caller of the one call would have waited; NaN when it had no deadline. */
function timeLeftFor(caller: string): number {
  const [line = ''] = callsFor(caller);
  return Number(/ (\d+) ms left: /.exec(line)?.[1]);
}

describe('a trip', () => {
  it.each([
    ['oslo', 'snow, -4 °C', 20],
    ['rome', 'sun, 21 °C', 0],
  ])('to %s has a forecast, over gRPC, and a train, over Connect', async (city, forecast, delayMinutes) => {
    expect(await plan(city)).toEqual({
      status: 200,
      body: { city, forecast, train: { departs: '07:15', delayMinutes }, attempts: 1 },
    });
  });

  it('to nowhere is a 404, with the text of the service', async () => {
    expect(await plan('atlantis')).toEqual({
      status: 404,
      body: { statusCode: 404, message: 'there is no city "atlantis"' },
    });
  });
});

describe('a service that is down', () => {
  it('is tried again, by each of its callers, until it answers', async () => {
    expect(await plan('oslo?failures=2')).toMatchObject({
      status: 200,
      body: { forecast: 'snow, -4 °C', train: { delayMinutes: 20 }, attempts: 3 },
    });
    for (const caller of ['gateway', 'trains']) {
      await eventually(() => callsFor(caller).length === 3);
      expect(callsFor(caller)).toEqual([
        expect.stringMatching(/, attempt 1, .*: ConnectError: \[unavailable\]/),
        expect.stringMatching(/, attempt 2, .*: ConnectError: \[unavailable\]/),
        expect.stringMatching(/, attempt 3, .*: ok$/),
      ]);
    }
  });

  it('is a 503 after four attempts, without its text', async () => {
    expect(await plan('oslo?failures=9')).toEqual({
      status: 503,
      body: { statusCode: 503, message: 'Service Unavailable' },
    });
    expect(log).toContain('Gateway: [unavailable] this is a drill');
    expect(Math.max(callsFor('gateway').length, callsFor('trains').length)).toBe(4);
  });
});

it('answers 504 at the deadline, which services behind services know, too', async () => {
  expect(await plan(`oslo?delayMs=${DELAY_MS}`)).toMatchObject({ status: 504 });
  await eventually(() => callsFor('gateway').length === 1 && callsFor('trains').length === 1);
  for (const line of [...callsFor('gateway'), ...callsFor('trains')]) {
    expect(line).toMatch(/: ConnectError: \[(deadline_exceeded|canceled)\]/);
  }
  expect(timeLeftFor('gateway')).toBeLessThanOrEqual(TIMEOUT_MS);
  // The look-up in the timetable has taken 50 ms of it.
  expect(timeLeftFor('trains')).toBeLessThan(TIMEOUT_MS - 40);
});

it('passes a cancellation on to the service behind the service', async () => {
  const asked = jest.spyOn(trips.forecasts.app.get(Forecasts), 'of');
  const leave = new AbortController();
  const request = { city: 'oslo', drill: { delayMs: DELAY_MS } };
  const ending = trains()
    .findTrain(request, { signal: leave.signal })
    .catch((error: unknown) => error);
  await eventually(() => asked.mock.calls.length === 1);
  leave.abort();
  expect(await ending).toMatchObject({ code: Code.Canceled });
  await eventually(() => callsFor('trains').length === 1);
  expect(callsFor('trains')[0]).toMatch(/, no deadline: ConnectError: \[canceled\]/);
});

it('relays what a service behind a service has answered', async () => {
  await expect(trains().findTrain({ city: 'atlantis' })).rejects.toMatchObject({
    code: Code.NotFound,
    rawMessage: 'there is no city "atlantis"',
  });
});

it('streams a forecast and its changes as events, until the caller leaves', async () => {
  const request = get(`${trips.url}/trips/oslo/forecasts`);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let events = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (events += chunk));
  await eventually(() => events.includes('data: snow, -3 °C'));
  expect(events).toContain('data: snow, -4 °C');
  request.destroy();
  await eventually(() => callsFor('gateway').length === 1);
  expect(callsFor('gateway')[0]).toMatch(/WatchForecast .*: ConnectError: \[canceled\]/);
});
