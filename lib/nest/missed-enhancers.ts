/**
 * Global enhancers of an application that do not stand around the RPCs of its microservice, of which Nest says nothing.
 *
 * `connectMicroservice` gives it an empty configuration by default, and otherwise binds its handlers at once, with what is
 * registered by then.
 */
import { ApplicationConfig } from '@nestjs/core';
import { findProvider } from './core-providers.js';
import { countGlobalEnhancers, describeEnhancers, mapKinds } from './global-enhancers.js';
import { type ServedApplication } from './served-application.js';

/** @returns What is missed, and what to do; `undefined` when nothing is missed. */
export function missedEnhancers({ modules, config, bound }: ServedApplication): string | undefined {
  const appConfig = findProvider(modules, ApplicationConfig);
  if (appConfig === undefined) {
    return undefined;
  }
  const all = countGlobalEnhancers(appConfig);
  if (appConfig === config) {
    const late = describeEnhancers(mapKinds((kind) => all[kind] - bound[kind]));
    return late === '' ? undefined : tooLate(late);
  }
  // Kinds of its own: who gave the microservice guards knows that it has a list of its own, and must be able to mean it.
  const missed = describeEnhancers(mapKinds((kind) => (bound[kind] === 0 ? all[kind] : 0)));
  return missed === '' ? undefined : notInherited(missed);
}

function notInherited(kinds: string): string {
  return (
    `RPCs run without the application's global enhancers (${kinds}): a connected microservice has none of them by ` +
    'default. Let it inherit them: connectMicroservice({ strategy }, { inheritAppConfig: true }).'
  );
}

/** Handlers of request-scoped classes are bound anew for each call. */
function tooLate(kinds: string): string {
  return (
    `RPCs of singletons run without global enhancers that were registered after connectMicroservice() (${kinds}): it ` +
    'binds their handlers. Register global enhancers before it.'
  );
}
