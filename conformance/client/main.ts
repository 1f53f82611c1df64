/**
 * A client for the official conformance suite: `node main.js FORM`, started by the suite's runner, which sends it calls.
 *
 * Written as a user would write a program: nothing here is known to the library.
 */
import { type Channel, ConnectError } from 'nestjs-connect/client';
import { encodeMessage, readMessages } from '../delimited.js';
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  ClientCompatResponseSchema,
} from '../gen/connectrpc/conformance/v1/client_compat_pb.js';
import { ConformanceService } from '../gen/connectrpc/conformance/v1/service_pb.js';
import { Channels } from './channels.js';
import { callWithObservables } from './observables.js';
import { PlannedCall } from './planned-call.js';
import { callWithPromises } from './promises.js';

/**
 * Enough to bridge the delays that calls ask for. More takes as long in all and makes each call slower, and on a busy
 * machine some would miss their deadline of two seconds.
 */
const MAX_CALLS = 16;

type Form = (channel: Channel, call: PlannedCall) => Promise<void>;

const FORMS: Readonly<Record<string, Form>> = {
  promises: callWithPromises,
  observables: callWithObservables,
};

async function run(form: Form, request: ClientCompatRequest) {
  if (request.service !== ConformanceService.typeName || request.rawRequest !== undefined) {
    throw new Error(`neither raw requests nor the service "${request.service}" are for this program`);
  }
  const call = new PlannedCall(request);
  try {
    await form(channels.of(request), call);
    return call.result(undefined);
  } catch (error) {
    if (error instanceof ConnectError) {
      return call.result(error);
    }
    throw error;
  }
}

async function answer(form: Form, request: ClientCompatRequest): Promise<void> {
  const { testName } = request;
  const result = await run(form, request).then(
    (value) => ({ case: 'response', value }) as const,
    (error: unknown) => ({ case: 'error', value: { message: String(error) } }) as const,
  );
  process.stdout.write(encodeMessage(ClientCompatResponseSchema, { testName, result }));
}

const form = FORMS[process.argv[2] ?? 'promises'];
if (form === undefined) {
  throw new Error(`unknown form "${process.argv[2]}": use one of ${Object.keys(FORMS).join(', ')}`);
}
const channels = new Channels();
const underWay = new Set<Promise<void>>();
for await (const request of readMessages(ClientCompatRequestSchema, process.stdin)) {
  const answered = answer(form, request).finally(() => underWay.delete(answered));
  underWay.add(answered);
  if (underWay.size >= MAX_CALLS) {
    await Promise.race(underWay);
  }
}
await Promise.all(underWay);
await channels.close();
