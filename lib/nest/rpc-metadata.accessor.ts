/**
 * The one place that reads and writes Nest's metadata and ours, and gives it types.
 */
import 'reflect-metadata';
import { type DescMethod, type DescService } from '@bufbuild/protobuf';
import { type Overflow } from '../stream/overflow-queue.js';
import { type PlainHandler } from './direct-call.js';

/** Per-method settings; what is left out comes from the server's options. */
export interface RpcOptions {
  /** What happens when the handler's Observable emits faster than the client reads. Default: the server's. */
  readonly overflow?: Overflow;
  /** Bytes of encoded messages that may wait for the client. Default: the server's. */
  readonly bufferBytes?: number;
}

/** What `@Rpc` leaves on a method. */
export interface RpcMarker {
  /** The method by descriptor; `undefined` means the one of the same name. */
  readonly method: DescMethod | undefined;
  readonly options: RpcOptions;
}

/** What `@ConnectService` hands to the transport with each handler, as Nest's `extras`. */
export interface RpcExtras {
  readonly method: DescMethod;
  readonly options: RpcOptions;
  readonly service: ServiceDeclaration;
  /** The class member, for messages. */
  readonly memberName: string;
  /** The handler of a unary method that takes no more than request and context; `undefined` for all others. */
  readonly plainHandler: PlainHandler | undefined;
}

/** A service as a class declares it. */
export interface ServiceDeclaration {
  readonly desc: DescService;
  readonly className: string;
  readonly isPartial: boolean;
}

const SERVICE = Symbol.for('nestjs-connect:service');
const RPC_MARKER = Symbol.for('nestjs-connect:rpc');
const EXTRAS_KEY = 'nestjs-connect';
// Nest's own key for parameter decorators, the same for HTTP and RPC; not exported.
const ROUTE_ARGUMENTS = '__routeArguments__';
const DESIGN_PARAMTYPES = 'design:paramtypes';

type Method = (...args: never[]) => unknown;

export function declareService(type: object, service: ServiceDeclaration): void {
  Reflect.defineMetadata(SERVICE, service, type);
}

/** @returns `undefined` for a class that neither has `@ConnectService`, nor inherits from one that has. */
export function serviceOf(type: object): ServiceDeclaration | undefined {
  return Reflect.getMetadata(SERVICE, type) as ServiceDeclaration | undefined;
}

export function markRpc(method: Method, marker: RpcMarker): void {
  Reflect.defineMetadata(RPC_MARKER, marker, method);
}

export function rpcMarkerOf(method: unknown): RpcMarker | undefined {
  return typeof method === 'function'
    ? (Reflect.getMetadata(RPC_MARKER, method) as RpcMarker | undefined)
    : undefined;
}

/** As the third argument of Nest's `MessagePattern`. */
export function toPatternExtras(extras: RpcExtras): Record<string, unknown> {
  return { [EXTRAS_KEY]: extras };
}

/** @returns `undefined` for handlers that `@ConnectService` did not declare. */
export function rpcExtrasOf(extras: Readonly<Record<string, unknown>> | undefined): RpcExtras | undefined {
  return extras?.[EXTRAS_KEY] as RpcExtras | undefined;
}

/** @returns The indices of the parameters that have decorators. */
export function decoratedParameters(target: object, memberName: string): ReadonlySet<number> {
  const parameters = (Reflect.getMetadata(ROUTE_ARGUMENTS, target, memberName) ?? {}) as Record<
    string,
    { readonly index: number }
  >;
  return new Set(Object.values(parameters).map(({ index }) => index));
}

/**
 * Hides the declared types of a method's parameters from pipes.
 *
 * `ValidationPipe({ transform: true })` would turn a parameter that is declared as an Observable into a dead
 * copy of it, and the call would hang.
 */
export function hideParameterTypes(prototype: object, memberName: string): void {
  const types = Reflect.getMetadata(DESIGN_PARAMTYPES, prototype, memberName) as unknown[] | undefined;
  if (types !== undefined) {
    Reflect.defineMetadata(
      DESIGN_PARAMTYPES,
      types.map(() => Object),
      prototype,
      memberName,
    );
  }
}

/** Copies what decorators left on a method (guards, pipes, filters …) to the method that stands for it. */
export function copyMethodMetadata(from: Method, to: Method): void {
  for (const key of Reflect.getMetadataKeys(from) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, from), to);
  }
}
