/**
 * `@ConnectService(desc)`: makes a class a service.
 *
 * Its `@Rpc` methods become message handlers of Nest's own (`@MessagePattern`), so that guards, pipes,
 * interceptors, filters, parameter decorators and scopes work without a line of ours. What Nest lacks for
 * that is added here, once, when the class is declared.
 */
import { type DescMethod, type DescService } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { procedureOf } from '../../rpc/method-spec.js';
import { ConnectConfigError } from '../connect-config.error.js';
import { CONNECT_TRANSPORT } from '../connect-transport-id.js';
import { announceInstance, watchInstances } from '../direct-call.js';
import { type CheckedHandlers, type DecoratedHandlers } from '../handler-types.js';
import { LIFECYCLE_HOOKS } from '../lifecycle-hooks.js';
import {
  copyMethodMetadata,
  declareService,
  decoratedParameters,
  hideParameterTypes,
  rpcMarkerOf,
  type RpcMarker,
  type ServiceDeclaration,
  toPatternExtras,
} from '../rpc-metadata.accessor.js';
import { withCredit } from '../streamed-result.js';

export interface ConnectServiceOptions {
  /**
   * Allows methods without a handler; they answer `unimplemented`. Default: false, they are errors, when
   * compiling and at start-up.
   */
  readonly partial?: boolean;
}

type ServiceClass<I = object> = abstract new (...args: never[]) => I;
type Handler = (this: unknown, ...args: unknown[]) => unknown;

/** Of a handler, as Nest will fill them. */
interface Parameters {
  readonly contextIndex: number;
  /** Request and context, without a decorator of the user's. */
  readonly arePlain: boolean;
}

/** An `@Rpc` method of a class. */
interface DeclaredHandler {
  readonly memberName: string;
  readonly method: DescMethod;
  readonly marker: RpcMarker;
  readonly original: Handler;
}

/**
 * Declares a class as the service of a descriptor. List the class under `controllers` of a module.
 *
 * The compiler checks the class: a missing handler, a wrong request or response type and an unknown field in
 * a returned object are errors at this line. The request is a handler's first parameter; behind it, in any order, the
 * {@link ConnectContext} and whatever has a parameter decorator.
 *
 * @throws ConnectConfigError When the class and the descriptor do not fit, for what the compiler cannot see.
 */
export function ConnectService<S extends DescService>(
  desc: S,
): <I extends DecoratedHandlers<S>>(target: ServiceClass<I & CheckedHandlers<I, S>>) => void;
export function ConnectService<S extends DescService>(
  desc: S,
  options: ConnectServiceOptions & { readonly partial: true },
): <I extends Partial<DecoratedHandlers<S>>>(target: ServiceClass<I & CheckedHandlers<I, S>>) => void;
export function ConnectService(
  desc: DescService,
  options: ConnectServiceOptions = {},
): (target: ServiceClass) => void {
  return (target) => {
    const service: ServiceDeclaration = {
      desc,
      className: target.name,
      isPartial: options.partial === true,
    };
    const handlers = findHandlers(target.prototype as object, service);
    checkOverridden(target.prototype as object, handlers, service);
    checkComplete(handlers, service);
    for (const handler of handlers) {
      declareHandler(target, handler, service);
    }
    declareService(target, service);
    watchInstances(target.prototype as object);
    Controller()(target);
  };
}

/** Base classes count too: two services may share one. */
function findHandlers(prototype: object, service: ServiceDeclaration): DeclaredHandler[] {
  const handlers = new Map<DescMethod, DeclaredHandler>();
  for (const memberName of memberNames(prototype)) {
    const original = (prototype as Record<string, unknown>)[memberName];
    const marker = rpcMarkerOf(original);
    if (marker !== undefined) {
      const handler = {
        memberName,
        marker,
        method: methodFor(memberName, marker, service),
        original: original as Handler,
      };
      checkName(handler, service);
      checkUnique(handler, handlers.get(handler.method), service);
      checkKind(handler, service);
      checkParameters(prototype.constructor, handler, service);
      handlers.set(handler.method, handler);
    }
  }
  return [...handlers.values()];
}

function memberNames(prototype: object): Set<string> {
  const names = new Set<string>();
  for (let level = prototype; level !== Object.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === 'function' && name !== 'constructor') {
        names.add(name);
      }
    }
  }
  return names;
}

function methodFor(
  memberName: string,
  marker: RpcMarker,
  { desc, className }: ServiceDeclaration,
): DescMethod {
  const method = marker.method ?? desc.methods.find(({ localName }) => localName === memberName);
  const known = desc.methods.map(({ localName }) => localName).join(', ');
  if (method === undefined) {
    throw new ConnectConfigError(
      `${className}.${memberName} is decorated with @Rpc(), but ${desc.typeName} has no method "${memberName}". ` +
        `Rename the handler to one of: ${known}; or name the method: @Rpc(${desc.name}.method.${desc.methods[0]?.localName}).`,
    );
  }
  if (method.parent.typeName !== desc.typeName) {
    throw new ConnectConfigError(
      `${className}.${memberName} is decorated with @Rpc() for ${method.parent.typeName}.${method.name}, ` +
        `but its class is the service ${desc.typeName}. Name one of its methods: ${known}.`,
    );
  }
  return method;
}

function checkName({ memberName, method }: DeclaredHandler, { desc, className }: ServiceDeclaration): void {
  if (LIFECYCLE_HOOKS.has(memberName)) {
    throw new ConnectConfigError(
      `${className}.${memberName} is decorated with @Rpc(), and Nest would call it as a lifecycle hook, too. Give it another ` +
        `name, and name the method: @Rpc(${desc.name}.method.${method.localName}).`,
    );
  }
}

function checkUnique(
  { memberName, method }: DeclaredHandler,
  other: DeclaredHandler | undefined,
  { desc, className }: ServiceDeclaration,
): void {
  if (other !== undefined) {
    throw new ConnectConfigError(
      `${className}.${memberName} and ${className}.${other.memberName} both handle ${desc.typeName}.${method.name}. ` +
        `Remove @Rpc() from one of them.`,
    );
  }
}

/** A generator function can only be the handler of a method that streams its responses. */
function checkKind(
  { memberName, method, original }: DeclaredHandler,
  { desc, className }: ServiceDeclaration,
): void {
  const isSingle = method.methodKind === 'unary' || method.methodKind === 'client_streaming';
  if (
    isSingle &&
    GENERATOR_TAGS.has((original as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? '')
  ) {
    throw new ConnectConfigError(
      `${className}.${memberName} is a generator, but ${desc.typeName}.${method.name} answers with one message. ` +
        `Return the message or a promise of it, or declare the method "returns (stream ${method.output.name})".`,
    );
  }
}

/** With one decorator Nest fills decorated parameters only; see {@link declareParameters} for those that get theirs. */
function checkParameters(
  target: object,
  { memberName, original }: DeclaredHandler,
  { className }: ServiceDeclaration,
): void {
  const decorated = decoratedParameters(target, memberName);
  const contextIndex = Math.max(...decorated) + 1;
  const forgotten = Array.from({ length: original.length }, (_, index) => index).find(
    (index) => index !== 0 && index !== contextIndex && !decorated.has(index),
  );
  if (decorated.size > 0 && forgotten !== undefined) {
    throw new ConnectConfigError(
      `${className}.${memberName} has decorated parameters, but parameter ${forgotten + 1} of ${original.length} has no ` +
        'decorator, and would be undefined. Decorate it: @Ctx() for the context, or one of your own.',
    );
  }
}

const GENERATOR_TAGS = new Set(['GeneratorFunction', 'AsyncGeneratorFunction']);

/** In a partial class, an inherited handler that lost its decorator would be missed by callers only. */
function checkOverridden(
  prototype: object,
  handlers: readonly DeclaredHandler[],
  { desc, className }: ServiceDeclaration,
): void {
  const declared = new Set(handlers.map(({ memberName }) => memberName));
  const overridden = [...memberNames(prototype)].find(
    (name) => !declared.has(name) && inheritsRpcOf(prototype, name, desc),
  );
  if (overridden !== undefined) {
    throw new ConnectConfigError(
      `${className}.${overridden} overrides a method with @Rpc(), and has none itself: calls would not reach it. Decorate it, too.`,
    );
  }
}

function inheritsRpcOf(prototype: object, memberName: string, desc: DescService): boolean {
  for (let level = Object.getPrototypeOf(prototype) as object; level !== Object.prototype;) {
    const marker = rpcMarkerOf(Object.getOwnPropertyDescriptor(level, memberName)?.value);
    if (marker !== undefined) {
      const { method } = marker;
      return method === undefined
        ? desc.methods.some(({ localName }) => localName === memberName)
        : method.parent.typeName === desc.typeName;
    }
    level = Object.getPrototypeOf(level) as object;
  }
  return false;
}

function checkComplete(
  handlers: readonly DeclaredHandler[],
  { desc, className, isPartial }: ServiceDeclaration,
): void {
  const handled = new Set(handlers.map(({ method }) => method));
  const missing = desc.methods.filter((method) => !handled.has(method)).map(({ localName }) => localName);
  if (missing.length > 0 && !isPartial) {
    throw new ConnectConfigError(
      `${className} has no handler for ${missing.map((name) => `"${name}"`).join(', ')} of ${desc.typeName}. ` +
        `Add ${missing.map((name) => `@Rpc() ${name}()`).join(', ')}; or let them answer "unimplemented": ` +
        `@ConnectService(${desc.name}, { partial: true }).`,
    );
  }
}

function declareHandler(target: ServiceClass, handler: DeclaredHandler, service: ServiceDeclaration): void {
  const { memberName, method, marker } = handler;
  const prototype = target.prototype as object;
  const parameters = declareParameters(target, memberName);
  const value = ownHandler(prototype, handler, parameters);
  const descriptor = { value, writable: true, configurable: true, enumerable: false };
  Object.defineProperty(prototype, memberName, descriptor);
  if (takesStream(method)) {
    hideParameterTypes(prototype, memberName);
  }
  const extras = toPatternExtras({
    method,
    options: marker.options,
    service,
    memberName,
    plainHandler: isPlain(handler, parameters) ? handler.original : undefined,
  });
  MessagePattern(procedureOf(method), CONNECT_TRANSPORT, extras)(prototype, memberName, descriptor);
}

/**
 * Without parameter decorators Nest gives a handler only the payload; with ours it also gets the context. With decorators
 * of its own, the first parameter is still the request, and the one behind the last decorated one, declared or not, is
 * still the context.
 *
 * @returns Where the handler's wrapper finds the context, and whether the handler has no decorators of its own.
 */
function declareParameters(target: ServiceClass, memberName: string): Parameters {
  const prototype = target.prototype as object;
  const decorated = decoratedParameters(target, memberName);
  if (!decorated.has(0)) {
    Payload()(prototype, memberName, 0);
  }
  const contextIndex = Math.max(0, ...decorated) + 1;
  Ctx()(prototype, memberName, contextIndex);
  return { contextIndex, arePlain: decorated.size === 0 };
}

/**
 * The function that carries the route. Always one of the class itself: pattern metadata lives on functions, and two
 * services that inherit one method would overwrite each other's route.
 */
function ownHandler(prototype: object, handler: DeclaredHandler, parameters: Parameters): Handler {
  const { memberName, original } = handler;
  const own =
    wrapHandler(handler, parameters) ??
    (Object.hasOwn(prototype, memberName) ? original : delegateTo(original));
  if (own === original) {
    return original;
  }
  copyMethodMetadata(original, own);
  // Nest looks some metadata up by the function's name.
  Object.defineProperty(own, 'name', { value: memberName, configurable: true });
  return own;
}

function wrapHandler(handler: DeclaredHandler, parameters: Parameters): Handler | undefined {
  const { method, original } = handler;
  if (streamsResponses(method)) {
    return withCredit(original, parameters.contextIndex);
  }
  return isPlain(handler, parameters) ? (announceInstance(original) as Handler) : undefined;
}

/** May be called past Nest's pipeline, which is no cost per message of a stream. */
function isPlain({ method }: DeclaredHandler, { arePlain }: Parameters): boolean {
  return method.methodKind === 'unary' && arePlain;
}

function delegateTo(original: Handler): Handler {
  return function (this: unknown, ...args: unknown[]): unknown {
    return original.apply(this, args);
  };
}

function takesStream({ methodKind }: DescMethod): boolean {
  return methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
}

function streamsResponses({ methodKind }: DescMethod): boolean {
  return methodKind === 'server_streaming' || methodKind === 'bidi_streaming';
}
