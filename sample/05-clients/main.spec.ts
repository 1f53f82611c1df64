/**
 * `npm run sample:05`, from its start to SIGTERM.
 */
import { expect, it } from '@jest/globals';
import { callUnary } from '../../test/support/connect-calls.js';
import { useSample } from '../../test/support/sample-process.js';

const start = useSample('05-clients');

it('answers REST with what its services tell it, and ends with SIGTERM', async () => {
  const sample = start();
  const url = await sample.find(/Listening on (http:\S+)\. /);
  const trains = await sample.find(/export TRAINS=(\S+)/);
  const train = { departs: '07:15', delayMinutes: 20 };
  expect(await (await fetch(`${url}/trips/oslo`)).json()).toMatchObject({ train });
  expect(await callUnary(`${trains}/trains.v1.TrainService/FindTrain`, { city: 'oslo' })).toMatchObject({
    body: train,
  });
  expect(await sample.stop()).toBe('SIGTERM');
}, 30_000);
