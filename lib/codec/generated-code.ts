/**
 * Functions made of text: one per message type, so that every property access in it has one shape to deal with.
 *
 * Nothing of a descriptor gets into the text but numbers and string literals: names of fields and types come from
 * files that may have been read at run time.
 */

import { type DescMessage } from '@bufbuild/protobuf';
import { isCompilable } from './field-plan.js';

/** Makes the generated part of a message type, once per type; types may contain themselves. */
export function onePerType<T extends object>(generate: (desc: DescMessage) => T): (desc: DescMessage) => T {
  const parts = new WeakMap<DescMessage, T>();
  return (desc) => {
    const known = parts.get(desc);
    if (known !== undefined) {
      return known;
    }
    // Known before it is complete, because types can contain themselves.
    const part = {} as T;
    parts.set(desc, part);
    try {
      return Object.assign(part, generate(desc));
    } catch (error) {
      parts.delete(desc);
      throw error;
    }
  };
}

/** @returns The type's generated part; `undefined` when there can be none, and protobuf-es does everything. */
export function generatedPart<T>(desc: DescMessage, partOf: (desc: DescMessage) => T): T | undefined {
  if (!isCompilable(desc)) {
    return undefined;
  }
  try {
    return partOf(desc);
  } catch {
    // Node's --disallow-code-generation-from-strings, and what else may be wrong with a descriptor.
    return undefined;
  }
}

/** The values that one generated function refers to; they are its free variables. */
export class GeneratedCode {
  readonly #names: string[] = [];
  readonly #values: unknown[] = [];

  /** @returns The name by which the text refers to the value. */
  bind(value: unknown): string {
    const known = this.#values.indexOf(value);
    if (known !== -1) {
      return this.#names[known] as string;
    }
    const name = `bound${this.#values.push(value) - 1}`;
    this.#names.push(name);
    return name;
  }

  /**
   * Runs the body of a function.
   *
   * @returns What the body returns: `T` is a promise of the text.
   * @throws EvalError When the process, or a policy in it, does not allow to generate code.
   */
  run<T>(body: string): T {
    // The constructor is the purpose of this file; see above for what the text is made of.
    // oxlint-disable-next-line typescript/no-implied-eval
    return new Function(...this.#names, `"use strict";\n${body}`)(...this.#values) as T;
  }
}

/** A string, number, bigint or boolean as it stands in a program. */
export function literal(value: string | number | bigint | boolean): string {
  if (typeof value === 'string') {
    return JSON.stringify(value);
  }
  return typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : String(value);
}

/** @returns The text of an access to a property, for reading or writing. */
export function property(object: string, name: string): string {
  return `${object}[${literal(name)}]`;
}
