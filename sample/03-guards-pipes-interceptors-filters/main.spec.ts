/**
 * `npm run sample:03`, from its start to SIGTERM.
 */
import { expect, it } from '@jest/globals';
import { callUnary } from '../../test/support/connect-calls.js';
import { useSample } from '../../test/support/sample-process.js';

const start = useSample('03-guards-pipes-interceptors-filters');

it('lets the token in that it prints, and ends with SIGTERM', async () => {
  const sample = start();
  const url = await sample.find(/Listening on (http:\S+)\./);
  const token = await sample.find(/export TOKEN=(\S+)/);
  const reserve = `${url}/theater.v1.TheaterService/ReserveSeat`;
  expect(
    await callUnary(reserve, { seat: 'B2', guest: 'Grace' }, { authorization: `Bearer ${token}` }),
  ).toEqual({ status: 200, body: { seat: 'B2', guest: 'Grace', buyer: 'ada' } });
  expect(await sample.stop()).toBe('SIGTERM');
}, 30_000);
