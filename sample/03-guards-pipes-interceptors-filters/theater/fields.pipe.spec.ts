/**
 * The pipe, called as Nest calls it.
 */
import { describe, expect, it } from '@jest/globals';
import { BadRequestSchema, Code } from 'nestjs-connect';
import { FieldsPipe } from './fields.pipe.js';

const pipe = new FieldsPipe<{ seat: string; guest: string }>([
  { field: 'seat', pattern: /^[A-Z]\d$/, expected: 'a letter and a digit' },
  { field: 'guest', pattern: /\S/, expected: 'a name' },
]);

describe('FieldsPipe', () => {
  it('hands on the message itself when every field matches', () => {
    const message = { seat: 'B2', guest: 'Grace' };
    expect(pipe.transform(message)).toBe(message);
  });

  it.each([
    [{ seat: '2', guest: 'Grace' }, [{ field: 'seat', description: 'expected a letter and a digit' }]],
    [
      { seat: '', guest: ' ' },
      [
        { field: 'seat', description: 'expected a letter and a digit' },
        { field: 'guest', description: 'expected a name' },
      ],
    ],
  ])('names every wrong field of %j', (message, fieldViolations) => {
    expect(() => pipe.transform(message)).toThrow(
      expect.objectContaining({
        code: Code.InvalidArgument,
        details: [{ desc: BadRequestSchema, value: { fieldViolations } }],
      }),
    );
  });
});
