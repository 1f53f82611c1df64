/**
 * Typed clients: one function for each method of a service.
 */
import { type DescMethod, type DescService } from '@bufbuild/protobuf';
import { type Channel } from './channel.js';
import { type ConnectClient, type RxConnectClient } from './client-types.js';
import { type MethodCaller } from './method-caller.js';

/**
 * ```ts
 * const eliza = createClient(ElizaService, channel);
 * const { sentence } = await eliza.say({ sentence: 'hi' }, { timeoutMs: 500 });
 * ```
 *
 * @returns A client without state; make as many as you like.
 */
export function createClient<S extends DescService>(service: S, channel: Channel): ConnectClient<S> {
  return callers(service, channel, (caller) => caller.promising) as ConnectClient<S>;
}

/** {@link createClient} with Observables instead of promises and single-use streams. */
export function createRxClient<S extends DescService>(service: S, channel: Channel): RxConnectClient<S> {
  return callers(service, channel, (caller) => caller.observable) as RxConnectClient<S>;
}

function callers(service: DescService, channel: Channel, shape: (caller: MethodCaller) => unknown): object {
  const entries = service.methods.map((method: DescMethod) => [
    method.localName,
    shape(channel.caller(method)),
  ]);
  return Object.freeze(Object.fromEntries(entries));
}
