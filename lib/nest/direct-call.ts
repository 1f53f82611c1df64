/**
 * Handlers with nothing around them, called without Nest's pipeline: it has nothing to do for them, and takes a tenth of
 * a small call.
 *
 * Nest does not tell a transport what stands around a handler. But the first call of a method, which always takes the
 * pipeline, shows the instance that Nest calls; the instance's container knows the rest. Whatever is not known to be
 * absent keeps the pipeline.
 */
import 'reflect-metadata';
import { Inject, Optional, UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { type ConnectContext } from './connect.context.js';
import { type ServedApplication } from './served-application.js';

/** A handler that takes the request and the context, and nothing that decorators would have to find. */
export type PlainHandler = (this: unknown, request: unknown, context: ConnectContext) => unknown;

/** What `@ConnectService` knows of a handler that may be called directly. */
export interface DirectCandidate {
  readonly memberName: string;
  readonly handler: PlainHandler;
}

/** The property through which Nest gives each instance of a service its container. */
const CONTAINER = 'nestjs-connect:container';

const containers = new WeakMap<object, ModulesContainer>();

/** Lets {@link findDirectCall} know the container of a service's instances. They get no property from it. */
export function watchInstances(prototype: object): void {
  Object.defineProperty(prototype, CONTAINER, {
    configurable: true,
    set(this: object, container: ModulesContainer) {
      containers.set(this, container);
    },
  });
  Inject(ModulesContainer)(prototype, CONTAINER);
  Optional()(prototype, CONTAINER);
}

/** @returns The handler, which tells its call's context the instance that it was called on. */
export function announceInstance(handler: PlainHandler): PlainHandler {
  return function (this: unknown, request: unknown, context: ConnectContext): unknown {
    // Absent in a test that calls the method itself.
    (context as ConnectContext | undefined)?.onHandler?.(this as object);
    return handler.call(this, request, context);
  };
}

/**
 * @param instance What Nest's pipeline called.
 * @param application Whose handlers the transport has; `undefined` when that is not known.
 * @returns The call, bound to the instance; `undefined` when something stands around it, or may.
 */
export function findDirectCall(
  instance: object,
  { memberName, handler }: DirectCandidate,
  application: ServedApplication | undefined,
): ((request: unknown, context: ConnectContext) => unknown) | undefined {
  const container = containers.get(instance);
  const isPlain =
    container !== undefined &&
    container === application?.modules &&
    isStatic(container, instance) &&
    !hasGlobalEnhancers(application.config) &&
    !hasEnhancers(instance, memberName);
  return isPlain ? (request, context) => handler.call(instance, request, context) : undefined;
}

/** One instance for all calls, which depends on nothing that is made per request. */
function isStatic(container: ModulesContainer, instance: object): boolean {
  return [...container.values()].some((module) =>
    [...module.controllers.values(), ...module.providers.values()].some(
      (wrapper) => wrapper.instance === instance && wrapper.isDependencyTreeStatic(),
    ),
  );
}

/** Asks all that Nest has of them, those of later versions too: guards, pipes, request-scoped ones, hooks … */
function hasGlobalEnhancers(config: ApplicationConfig): boolean {
  const getters = config as unknown as Record<string, () => unknown>;
  return Object.getOwnPropertyNames(ApplicationConfig.prototype)
    .filter((name) => /^getGlobal(?!Prefix)/.test(name))
    .some((name) => {
      const found = getters[name]?.();
      return !Array.isArray(found) || found.length > 0;
    });
}

function hasEnhancers(instance: object, memberName: string): boolean {
  const prototype = Object.getPrototypeOf(instance) as Record<string, object> & { constructor: object };
  const method = prototype[memberName];
  return (
    method === undefined ||
    ENHANCER_KEYS.some(
      (key) => Reflect.hasMetadata(key, prototype.constructor) || Reflect.hasMetadata(key, method),
    )
  );
}

/** What Nest's decorators leave behind, asked from them: the names of the keys are not public. */
function findEnhancerKeys(): readonly unknown[] {
  const probe = {};
  const enhancer = { canActivate: () => true, transform: () => 0, intercept: () => 0, catch: () => 0 };
  for (const use of [UseGuards, UsePipes, UseInterceptors, UseFilters]) {
    use(enhancer as never)(probe as never);
  }
  return Reflect.getMetadataKeys(probe) as unknown[];
}

const ENHANCER_KEYS = findEnhancerKeys();
