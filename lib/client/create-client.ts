/**
 * Typed clients: one function for each method of a service.
 */
import { type DescMethod, type DescService } from '@bufbuild/protobuf';
import { type Channel } from './channel.js';
import { type ConnectClient, type RxConnectClient } from './client-types.js';
import { checkedInterceptors, type ClientInterceptors } from './interceptor/interceptor.js';
import { type MethodCaller } from './call/method-caller.js';

/** Options of {@link createClient}. */
export interface ClientOptions {
  /** Around every call of this client, outermost first, and around those of the channel. Default: none. */
  readonly interceptors?: ClientInterceptors;
}

/**
 * ```ts
 * const eliza = createClient(ElizaService, channel);
 * const { sentence } = await eliza.say({ sentence: 'hi' }, { timeoutMs: 500 });
 * ```
 *
 * @returns A client without state; make as many as you like.
 * @throws TypeError When an option is wrong.
 */
export function createClient<S extends DescService>(
  service: S,
  channel: Channel,
  options?: ClientOptions,
): ConnectClient<S> {
  return callers({ service, channel, options }, (caller) => caller.promising) as ConnectClient<S>;
}

/** {@link createClient} with Observables instead of promises and single-use streams. */
export function createRxClient<S extends DescService>(
  service: S,
  channel: Channel,
  options?: ClientOptions,
): RxConnectClient<S> {
  return callers({ service, channel, options }, (caller) => caller.observable) as RxConnectClient<S>;
}

interface ClientParts {
  readonly service: DescService;
  readonly channel: Channel;
  readonly options: ClientOptions | undefined;
}

function callers(
  { service, channel, options }: ClientParts,
  shape: (caller: MethodCaller) => unknown,
): object {
  const interceptors = checkedInterceptors(options?.interceptors ?? []);
  const entries = service.methods.map((method: DescMethod) => [
    method.localName,
    shape(channel.caller(method, interceptors)),
  ]);
  return Object.freeze(Object.fromEntries(entries));
}
