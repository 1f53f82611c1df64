/**
 * `npm run sample:03`, from its start to SIGTERM.
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

it('lets the token in that it prints, and ends with SIGTERM', async () => {
  sample = new SampleProcess(target.program('sample/03-guards-pipes-interceptors-filters/main.ts'));
  const url = await sample.find(/Listening on (http:\S+)\./);
  const token = await sample.find(/export TOKEN=(\S+)/);
  const reserve = `${url}/theater.v1.TheaterService/ReserveSeat`;
  expect(
    await callUnary(reserve, { seat: 'B2', guest: 'Grace' }, { authorization: `Bearer ${token}` }),
  ).toEqual({ status: 200, body: { seat: 'B2', guest: 'Grace', buyer: 'ada' } });
  expect(await sample.stop()).toBe('SIGTERM');
}, 30_000);
