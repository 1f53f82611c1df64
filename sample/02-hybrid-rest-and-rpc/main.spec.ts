/**
 * `npm run sample:02`, from its start to SIGTERM.
 */
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { type CompiledTarget, compileTarget } from '../../test/support/compiled-target.js';
import { callUnary } from '../../test/support/connect-calls.js';
import { SampleProcess } from '../../test/support/sample-process.js';

let target: CompiledTarget;
let sample: SampleProcess;

beforeAll(async () => {
  target = await compileTarget();
});

afterAll(() => target.remove());

afterEach(() => sample.stop());

it('serves REST and RPC on the port that it prints, and ends with SIGTERM', async () => {
  sample = new SampleProcess(target.program('sample/02-hybrid-rest-and-rpc/main.ts'));
  const url = await sample.find(/Listening on (http:\S+)\./);
  expect(await (await fetch(`${url}/orders/1001`)).json()).toMatchObject({ customer: 'ada' });
  expect(await callUnary(`${url}/orders.v1.OrderService/GetOrder`, { id: '1001' })).toMatchObject({
    body: { order: { customer: 'ada' } },
  });
  expect(await sample.stop()).toBe('SIGTERM');
}, 30_000);
