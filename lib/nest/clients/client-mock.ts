/**
 * Clients for tests: of the real shape, streams included, but answered by functions instead of a server.
 *
 * They are real clients whose innermost interceptor answers every call, so that requests and replies become messages, and
 * errors `ConnectError`s, as they do in production.
 */
import { type DescMessage, type DescMethod, type DescService, type MessageShape } from '@bufbuild/protobuf';
import { defer, from, isObservable, type Observable, of, switchMap } from 'rxjs';
import { type Channel } from '../../client/channel.js';
import { type ConnectClient, type RxConnectClient } from '../../client/client-types.js';
import { createChannel } from '../../client/create-channel.js';
import { createClient, createRxClient } from '../../client/create-client.js';
import {
  type ClientInterceptorFunction,
  type InterceptedCall,
} from '../../client/interceptor/interceptor.js';
import { Code } from '../../rpc/code.js';
import { ConnectError } from '../../rpc/connect-error.js';
import { procedureOf } from '../../rpc/method-spec.js';
import { isIterable, isPromiseLike } from '../../stream/handler-result.js';
import { type RpcHandler } from '../handler-types.js';

type Input<M> = M extends { readonly input: infer D extends DescMessage } ? MessageShape<D> : never;

/** One request, or a stream of them. */
type MockedRequest<M> = M extends { readonly methodKind: 'unary' | 'server_streaming' }
  ? Input<M>
  : Observable<Input<M>>;

/**
 * What a mocked client answers, method by method: what a handler may return, plain objects, promises, Observables and
 * (async) iterables. What throws fails the call.
 */
export type MockedMethods<S extends DescService> = {
  readonly [K in keyof S['method']]?: (
    request: MockedRequest<S['method'][K]>,
  ) => ReturnType<RpcHandler<S['method'][K]>>;
};

/** See `ConnectClientsModule.createMock`. */
export function createClientMock<S extends DescService>(
  service: S,
  methods: MockedMethods<S>,
): ConnectClient<S> {
  return createClient(service, answeredBy(methods));
}

/** See `ConnectClientsModule.createRxMock`. */
export function createRxClientMock<S extends DescService>(
  service: S,
  methods: MockedMethods<S>,
): RxConnectClient<S> {
  return createRxClient(service, answeredBy(methods));
}

type Methods = Readonly<Record<string, ((request: unknown) => unknown) | undefined>>;

/** A channel connects when a call reaches it, and none does. Nobody closes it: nothing may count on its end. */
function answeredBy(methods: object): Channel {
  const answering: ClientInterceptorFunction = () => (call) =>
    defer(() => toReplies(answer(call, methods as Methods), call.method));
  return createChannel({ url: 'http://mock.invalid', interceptors: [answering], propagate: false });
}

function answer(call: InterceptedCall, methods: Methods): unknown {
  const { localName } = call.method;
  const method = methods[localName];
  // Those of a class are inherited, as are those that every object has.
  if (method === undefined || method === Object.prototype[localName as keyof object]) {
    throw new ConnectError(`${procedureOf(call.method)} is not mocked`, { code: Code.Unimplemented });
  }
  return method.call(methods, 'message' in call ? call.message : call.messages);
}

function toReplies(result: unknown, method: DescMethod): Observable<unknown> {
  if (isPromiseLike(result)) {
    return from(result).pipe(switchMap((settled) => toReplies(settled, method)));
  }
  if (isObservable(result)) {
    return from(result);
  }
  const isSingle = method.methodKind === 'unary' || method.methodKind === 'client_streaming';
  return !isSingle && isIterable(result) ? from(result) : of(result);
}
