/**
 * `around`: gives every call an id, in an AsyncLocalStorage that holds for guards, pipes, interceptors, the handler, its
 * streams and exception filters. Nobody has to hand it on.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { type Around } from 'nestjs-connect';

const storage = new AsyncLocalStorage<string>();

/** The caller's `x-request-id`, or a new one. The caller finds it in the response headers. */
export const withRequestId: Around = (context, next) => {
  const given = context.requestHeaders.get('x-request-id') ?? '';
  // It goes into the log: nothing but what looks like an id.
  const id = /^[\w-]{1,64}$/.test(given) ? given : randomUUID();
  context.responseHeaders.set('x-request-id', id);
  return storage.run(id, next);
};

/** @returns The id of the call that this code runs for. */
export function requestId(): string {
  return storage.getStore() ?? 'no call';
}
