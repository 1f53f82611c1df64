/**
 * Nest's own objects of which an application has one, such as its `ApplicationConfig`, found in its modules.
 */
import { type ModulesContainer } from '@nestjs/core';

/** @param token Of a provider that is the same object wherever it is provided. */
export function findProvider<T>(
  modules: ModulesContainer,
  token: abstract new (...args: never[]) => T,
): T | undefined {
  for (const module of modules.values()) {
    const wrapper = module.providers.get(token);
    if (wrapper !== undefined) {
      return wrapper.instance as T;
    }
  }
  return undefined;
}
