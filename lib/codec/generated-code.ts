/**
 * Functions made of text: one per message type, so that every property access in it has one shape to deal with.
 *
 * Nothing of a descriptor gets into the text but numbers and string literals: names of fields and types come from
 * files that may have been read at run time.
 */

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
