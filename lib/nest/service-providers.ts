/**
 * `@ConnectService` classes under `providers`: Nest binds the message handlers of controllers only.
 */
import { type ApplicationConfig, type ModulesContainer } from '@nestjs/core';
import { ConnectConfigError } from './connect-config.error.js';
import { serviceOf } from './rpc-metadata.accessor.js';

type Module = ModulesContainer extends Map<string, infer M> ? M : never;
type Wrapper = Module['providers'] extends Map<unknown, infer W> ? W : never;

/** A service that no module lists under `controllers`. */
interface ServiceProvider {
  readonly module: Module;
  readonly token: Parameters<Module['controllers']['set']>[0];
  readonly wrapper: Wrapper;
  readonly className: string;
}

/**
 * Runs `register` while Nest takes the services under `providers` for controllers.
 *
 * @throws ConnectConfigError When one of them needs what Nest does for controllers only.
 */
export function withServiceProviders(
  modules: ModulesContainer,
  config: ApplicationConfig,
  register: () => void,
): void {
  const providers = findServiceProviders(modules);
  providers.forEach((provider) => checkServable(provider, config));
  // As controllers for good they would get their lifecycle hooks twice.
  providers.forEach(({ module, token, wrapper }) =>
    module.controllers.set(token, wrapper as Parameters<Module['controllers']['set']>[1]),
  );
  try {
    register();
  } finally {
    providers.forEach(({ module, token }) => module.controllers.delete(token));
  }
}

/** @throws ConnectConfigError When a service is under `providers`, where nothing serves it. */
export function refuseServiceProviders(modules: ModulesContainer): void {
  const [first] = findServiceProviders(modules);
  if (first !== undefined) {
    throw misplaced(first, 'and a microservice serves controllers only');
  }
}

/** @returns The classes of services that are under `providers` only. */
export function serviceProviderNames(modules: ModulesContainer): string[] {
  return findServiceProviders(modules).map(({ className }) => className);
}

function findServiceProviders(modules: ModulesContainer): ServiceProvider[] {
  const all = [...modules.values()];
  const controllers = new Set(all.flatMap((module) => [...module.controllers.keys()]));
  return all.flatMap((module) =>
    [...module.providers].flatMap(([token, wrapper]) => {
      // Values and factories have no class of their own; their token may be one.
      const type: unknown = wrapper.isNotMetatype ? token : wrapper.metatype;
      return isService(type) && !controllers.has(type)
        ? [{ module, token, wrapper, className: type.name }]
        : [];
    }),
  );
}

function isService(type: unknown): type is abstract new () => object {
  return typeof type === 'function' && serviceOf(type) !== undefined;
}

function checkServable(provider: ServiceProvider, config: ApplicationConfig): void {
  const { token, wrapper } = provider;
  // Nest looks for guards and the like at classes that are listed as such.
  if (wrapper.isNotMetatype || wrapper.metatype !== token) {
    throw misplaced(provider, 'where only a class that stands for itself can be served');
  }
  if (wrapper.isTransient || !wrapper.isDependencyTreeStatic()) {
    throw misplaced(provider, 'and it, or something it depends on, is not a singleton');
  }
  // Nest would leave them out without a word, guards too.
  if (hasScopedEnhancers(config)) {
    throw misplaced(provider, 'where guards and other global enhancers that are request-scoped do not apply');
  }
}

function hasScopedEnhancers(config: ApplicationConfig): boolean {
  return [
    config.getGlobalRequestGuards(),
    config.getGlobalRequestPipes(),
    config.getGlobalRequestInterceptors(),
    config.getGlobalRequestFilters(),
  ].some(({ length }) => length > 0);
}

function misplaced({ className }: ServiceProvider, why: string): ConnectConfigError {
  return new ConnectConfigError(
    `${className} is a @ConnectService under "providers", ${why}. List ${className} under "controllers" of its module.`,
  );
}
