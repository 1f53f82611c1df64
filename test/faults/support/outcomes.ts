/**
 * How calls of a client end, in words that a test can compare and count.
 */
import { ConnectError } from 'nestjs-connect/client';
import { codeToName } from '../../../lib/rpc/code.js';

/** @returns What is made of the result, or the name of the code with which the call failed. */
export async function outcomeOf<T>(call: Promise<T>, nameOf: (result: T) => string): Promise<string> {
  try {
    return nameOf(await call);
  } catch (error) {
    return error instanceof ConnectError ? codeToName(error.code) : String(error);
  }
}

/** @returns `"ok"`, or the name of the code with which the call failed. */
export function codeOf(call: Promise<unknown>): Promise<string> {
  return outcomeOf(call, () => 'ok');
}

/** Makes calls from several sides at a time. @returns Outcomes and how often there was each. */
export async function countOutcomes(
  call: () => Promise<string>,
  { calls, parallel }: { readonly calls: number; readonly parallel: number },
): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  let left = calls;
  const side = async (): Promise<void> => {
    while (left-- > 0) {
      const outcome = await call();
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: parallel }, side));
  return outcomes;
}
