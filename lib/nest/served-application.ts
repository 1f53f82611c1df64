/**
 * Which application a transport serves, and whose global enhancers stand around its handlers.
 *
 * Nest tells a strategy neither: its handlers come without a word of the application, and `connectMicroservice` without
 * `inheritAppConfig` gives them a configuration of which nothing else has a reference. Only `NestMicroservice` knows both.
 * It binds handlers in `registerListeners`, which every way of starting goes through, and which is wrapped once per process.
 */
import { type ApplicationConfig, type ModulesContainer } from '@nestjs/core';
import { NestMicroservice } from '@nestjs/microservices';
import { countGlobalEnhancers, type EnhancerCounts } from './global-enhancers.js';

export interface ServedApplication {
  readonly modules: ModulesContainer;
  /** Of the microservice: the application's own, or another one. */
  readonly config: ApplicationConfig;
  /** What the configuration had when Nest bound the handlers: they get no others. */
  readonly bound: EnhancerCounts;
}

/** Not public, and the same in Nest 11 and 12. */
interface MicroserviceFields {
  readonly container?: { getModules(): ModulesContainer };
  readonly applicationConfig?: ApplicationConfig;
  readonly serverInstance?: object;
}

const applications = new WeakMap<object, ServedApplication>();
let isInstalled = false;

/** Called by the transport's constructor, before any microservice can have it; does nothing the second time. */
export function watchMicroservices(): void {
  if (isInstalled) {
    return;
  }
  isInstalled = true;
  const { prototype } = NestMicroservice;
  const original: (this: NestMicroservice) => void = Reflect.get(prototype, 'registerListeners');
  prototype.registerListeners = function (): void {
    remember(this as unknown as MicroserviceFields);
    original.call(this);
  };
}

/** @returns `undefined` before Nest has bound the strategy's handlers, and in a Nest whose microservices are built differently. */
export function servedApplicationOf(strategy: object): ServedApplication | undefined {
  return applications.get(strategy);
}

function remember({ container, applicationConfig: config, serverInstance }: MicroserviceFields): void {
  if (container !== undefined && config !== undefined && serverInstance !== undefined) {
    const bound = countGlobalEnhancers(config);
    applications.set(serverInstance, { modules: container.getModules(), config, bound });
  }
}
