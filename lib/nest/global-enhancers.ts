/**
 * How many global enhancers an `ApplicationConfig` has, by kind.
 */
import { type ApplicationConfig } from '@nestjs/core';

const GETTERS = {
  guard: ['getGlobalGuards', 'getGlobalRequestGuards'],
  pipe: ['getGlobalPipes', 'getGlobalRequestPipes'],
  interceptor: ['getGlobalInterceptors', 'getGlobalRequestInterceptors'],
  filter: ['getGlobalFilters', 'getGlobalRequestFilters'],
} as const satisfies Record<string, readonly (keyof ApplicationConfig)[]>;

type Kind = keyof typeof GETTERS;

const KINDS = Object.keys(GETTERS) as Kind[];

export type EnhancerCounts = Readonly<Record<Kind, number>>;

export function countGlobalEnhancers(config: ApplicationConfig): EnhancerCounts {
  return mapKinds((kind) => GETTERS[kind].reduce((sum, getter) => sum + config[getter]().length, 0));
}

export function mapKinds(count: (kind: Kind) => number): EnhancerCounts {
  return Object.fromEntries(KINDS.map((kind) => [kind, count(kind)])) as Record<Kind, number>;
}

/** @returns Such as `"2 guards, 1 pipe"`; empty when there are none. */
export function describeEnhancers(counts: EnhancerCounts): string {
  return KINDS.filter((kind) => counts[kind] > 0)
    .map((kind) => `${counts[kind]} ${kind}${counts[kind] === 1 ? '' : 's'}`)
    .join(', ');
}
