/**
 * Applies decorators, and makes Nest modules, where there is no compiler that does it.
 */
import { Module } from '@nestjs/common';

/** @param decorators For one method, in the order in which they would stand above it. */
export function decorateMethod(target, memberName, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, memberName);
  for (const decorator of decorators.toReversed()) {
    decorator(target.prototype, memberName, descriptor);
  }
}

/** @returns A module that has nothing but this controller; call it once. */
export function moduleOf(controller) {
  Module({ controllers: [controller] })(BenchModule);
  return BenchModule;
}

// Any constructor is a module to Nest.
function BenchModule() {}
