/**
 * `@Rpc()`: marks the methods that `@ConnectService` serves. The kind of call comes from the descriptor.
 */
import { type DescMethod } from '@bufbuild/protobuf';
import { type CheckedHandler, type DecoratedHandler } from '../handler-types.js';
import { markRpc, type RpcOptions } from '../rpc-metadata.accessor.js';

/** A method decorator that takes any method. */
export type RpcDecorator = <F extends (...args: never[]) => unknown>(
  target: object,
  memberName: string,
  descriptor: TypedPropertyDescriptor<F>,
) => void;

/** A method decorator that checks the handler against a method of the descriptor. */
export type TypedRpcDecorator<M extends DescMethod> = <F extends DecoratedHandler<M>>(
  target: object,
  memberName: string,
  descriptor: TypedPropertyDescriptor<F & CheckedHandler<F, M>>,
) => void;

/**
 * Serves the service's method of the same name: `say` for `rpc Say`.
 *
 * @param options What differs from the server's settings for this method.
 */
export function Rpc(options?: RpcOptions): RpcDecorator;
/**
 * Serves a method under another name: `@Rpc(ElizaService.method.say)`.
 *
 * @param method From the descriptor.
 * @param options What differs from the server's settings for this method.
 */
export function Rpc<M extends DescMethod>(method: M, options?: RpcOptions): TypedRpcDecorator<M>;
export function Rpc(methodOrOptions: DescMethod | RpcOptions = {}, options: RpcOptions = {}): RpcDecorator {
  const marker = isMethod(methodOrOptions)
    ? { method: methodOrOptions, options }
    : { method: undefined, options: methodOrOptions };
  return (_target, _memberName, descriptor) => {
    if (descriptor.value !== undefined) {
      markRpc(descriptor.value, marker);
    }
  };
}

function isMethod(value: DescMethod | RpcOptions): value is DescMethod {
  return 'kind' in value && value.kind === 'rpc';
}
