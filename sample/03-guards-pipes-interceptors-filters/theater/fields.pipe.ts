/**
 * A pipe: refuses messages whose fields do not match, and tells the caller about all of them at once.
 */
import { type PipeTransform } from '@nestjs/common';
import { badRequest, Code, ConnectError } from 'nestjs-connect';

export interface FieldRule<T> {
  readonly field: keyof T & string;
  readonly pattern: RegExp;
  /** The pattern, for people. */
  readonly expected: string;
}

export class FieldsPipe<T> implements PipeTransform<T, T> {
  constructor(private readonly rules: readonly FieldRule<T>[]) {}

  transform(message: T): T {
    const violations = this.rules
      .filter(({ field, pattern }) => !pattern.test(String(message[field])))
      .map(({ field, expected }) => ({ field, description: `expected ${expected}` }));
    if (violations.length > 0) {
      throw new ConnectError(`wrong: ${violations.map(({ field }) => field).join(', ')}`, {
        code: Code.InvalidArgument,
        details: [badRequest(violations)],
      });
    }
    return message;
  }
}
