/**
 * `npm run sample:02`, from its start to SIGTERM.
 */
import { expect, it } from '@jest/globals';
import { callUnary } from '../../test/support/connect-calls.js';
import { useSample } from '../../test/support/sample-process.js';

const start = useSample('02-hybrid-rest-and-rpc');

it('serves REST and RPC on the port that it prints, and ends with SIGTERM', async () => {
  const sample = start();
  const url = await sample.find(/Listening on (http:\S+)\./);
  expect(await (await fetch(`${url}/orders/1001`)).json()).toMatchObject({ customer: 'ada' });
  expect(await callUnary(`${url}/orders.v1.OrderService/GetOrder`, { id: '1001' })).toMatchObject({
    body: { order: { customer: 'ada' } },
  });
  expect(await sample.stop()).toBe('SIGTERM');
}, 30_000);
