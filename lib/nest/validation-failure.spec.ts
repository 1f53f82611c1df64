import { describe, expect, it } from '@jest/globals';
import { ValidationPipe, type ValidationPipeOptions } from '@nestjs/common';
import { fieldViolations, validationTexts } from './validation-failure.js';

function fieldsOfTexts(...texts: unknown[]) {
  return fieldViolations({ response: { message: texts }, cause: undefined });
}

describe('fieldViolations, from texts', () => {
  // What class-validator says by default, with what Nest puts in front of nested ones.
  it.each([
    ['name must be a string', 'name'],
    ['name should not be empty', 'name'],
    ['price is not a valid decimal number.', 'price'],
    ['_id must be a string', '_id'],
    ['straße must be a string', 'straße'],
    ['Name must be a string', 'Name'],
    ['ID should not be empty', 'ID'],
    ['address.street must be longer than or equal to 3 characters', 'address.street'],
    ['Address.Street must be a string', 'Address.Street'],
    ['items.2.name must be a string', 'items[2].name'],
    ['items[2].name must be a string', 'items[2].name'],
    ['grid.0.1.value must be a number', 'grid[0][1].value'],
    ['each value in tags must be a string', 'tags'],
    ['address.each value in tags must be a string', 'address.tags'],
    ['items.0.each value in tags must be a string', 'items[0].tags'],
    ['each value must be small', 'each'],
    ['property extra should not exist', 'extra'],
    ['property two words should not exist', 'two words'],
    ['address.property extra should not exist', 'address.extra'],
    ['property must be a string', 'property'],
    ['property names should be short', 'property'],
    ['nested property address must be either object or array', 'address'],
    ['a.nested property b must be either object or array', 'a.b'],
    ['parent.nested property parent must be either object or array', 'parent.parent'],
    ['each value in nested property items must be either object or array', 'items'],
    ['items.each value in nested property items must be either object or array', 'items'],
    ['a.items.each value in nested property items must be either object or array', 'a.items'],
    ['myitems.each value in nested property items must be either object or array', 'myitems.items'],
    ["All tags's elements must be unique", 'tags'],
    ["address.All tags's elements must be unique", 'address.tags'],
    ["each value in All rows's elements must be unique", 'rows'],
    ['minimal allowed date for birthday is 1900', 'birthday'],
    ['person.maximal allowed date for birthday is 2000', 'person.birthday'],
    ['an unknown value was passed to the validate function', ''],
    ['address.an unknown value was passed to the validate function', 'address'],
    ['Further validation errors were omitted', ''],
    ['Please enter a name', ''],
    ['name: too short', ''],
    ['name', ''],
    ['[0] name must be a string', ''],
    ['3.5 is too much', ''],
    ['', ''],
  ])('%j is about %j', (description, field) => {
    expect(fieldsOfTexts(description)).toEqual([{ field, description }]);
  });

  it('has one violation per field, and one per text without a field', () => {
    expect(
      fieldsOfTexts('name must be a string', 'Bad', 'age must be an integer', 'name is too short', 'Worse'),
    ).toEqual([
      { field: 'name', description: 'name must be a string; name is too short' },
      { field: '', description: 'Bad' },
      { field: 'age', description: 'age must be an integer' },
      { field: '', description: 'Worse' },
    ]);
  });

  it('reads them also beside an empty list of errors', () => {
    const response = { message: ['name must be a string'], errors: [] };
    expect(fieldViolations({ response, cause: [] })).toHaveLength(1);
  });

  it('takes other items as text', () => {
    expect(fieldsOfTexts(5, { property: 'a' })).toEqual([
      { field: '', description: '5' },
      { field: '', description: '[object Object]' },
    ]);
  });

  it.each([
    undefined,
    null,
    'name must be a string',
    5,
    [],
    {},
    { message: 'name must be a string' },
    { message: [] },
  ])('finds none in %j', (response) => {
    expect(fieldViolations({ response, cause: undefined })).toEqual([]);
  });
});

// Of the shape of class-validator's ValidationError, which is not installed here.
const ERRORS = [
  {
    property: 'name',
    value: 'secret',
    constraints: { isString: 'name must be a string', minLength: 'name is too short' },
    children: [],
  },
  {
    property: 'address',
    children: [{ property: 'street', constraints: { isString: 'street must be a string' }, children: [] }],
  },
  {
    property: 'items',
    constraints: { arrayMaxSize: 'items must be few' },
    children: [
      { property: '2', children: [{ property: 'name', constraints: { custom: 'What is this?' } }] },
      { property: '10', constraints: { nestedValidation: 'each value in nested property items must be …' } },
    ],
  },
];

const VIOLATIONS = [
  { field: 'name', description: 'name must be a string; name is too short' },
  { field: 'address.street', description: 'street must be a string' },
  { field: 'items', description: 'items must be few' },
  { field: 'items[2].name', description: 'What is this?' },
  { field: 'items[10]', description: 'each value in nested property items must be …' },
];

describe("fieldViolations, from class-validator's errors", () => {
  it.each([
    ['the cause', { response: { message: 'Bad Request' }, cause: ERRORS }],
    ['the cause, beside texts', { response: { message: ['name must be a string'] }, cause: ERRORS }],
    ['the response', { response: ERRORS, cause: undefined }],
    ["the response's message", { response: { message: ERRORS, error: 'Bad Request' }, cause: undefined }],
    [
      'another property of the response',
      { response: { message: 'no', errors: ERRORS }, cause: new Error('x') },
    ],
  ])('takes the exact paths from %s', (_where, failure) => {
    expect(fieldViolations(failure)).toEqual(VIOLATIONS);
  });

  it('knows an error of the whole value, without a property', () => {
    const constraints = { unknownValue: 'an unknown value was passed to the validate function' };
    const error = { property: undefined, constraints };
    const response = [error, { property: 'address', children: [error] }];
    expect(fieldViolations({ response, cause: undefined })).toEqual([
      { field: '', description: constraints.unknownValue },
      { field: 'address', description: constraints.unknownValue },
    ]);
  });

  it('reads errors that are nested as deep as a request may be', () => {
    let error: object = { property: 'leaf', constraints: { rule: 'no' } };
    for (let depth = 0; depth < 20_000; depth++) {
      error = { property: '0', children: [error] };
    }
    const [violation, ...others] = fieldViolations({ response: [error], cause: undefined });
    expect(violation?.field).toMatch(/^\[0\].*\[0\]\.leaf$/);
    expect(others).toEqual([]);
  });

  it.each([
    ['no property', { constraints: { rule: 'no' } }],
    ['a property that is no name', { property: 5, constraints: { rule: 'no' } }],
    ['neither constraints nor children', { property: 'a' }],
    ['nothing in them', { property: 'a', constraints: null, children: null }],
    ['constraints that are a text', { property: 'a', constraints: 'no' }],
    ['children that are a text', { property: 'a', constraints: { rule: 'no' }, children: 'no' }],
    ['no object', 'a must be a string'],
    ['null', null],
  ])('does not take for one what has %s', (_what, error) => {
    expect(fieldViolations({ response: [error], cause: [...ERRORS, error] })).toEqual([]);
  });

  it('leaves out children and constraints of another kind', () => {
    const error = {
      property: 'a',
      constraints: { rule: 'no', other: 5 },
      children: [
        null,
        { property: 'b' },
        { property: 'c', constraints: { rule: 'also no' }, children: null },
      ],
    };
    expect(fieldViolations({ response: [error], cause: undefined })).toEqual([
      { field: 'a', description: 'no' },
      { field: 'a.c', description: 'also no' },
    ]);
  });
});

/** What Nest's own pipe answers; class-validator and class-transformer are not installed, and not asked. */
function responseOfPipe(errors: readonly object[], options: ValidationPipeOptions): unknown {
  const packages = { validatorPackage: {}, transformerPackage: {} } as unknown as ValidationPipeOptions;
  const toException = new ValidationPipe({ ...packages, ...options }).createExceptionFactory();
  return (toException(errors as never) as { getResponse(): unknown }).getResponse();
}

describe("fieldViolations, from texts that Nest's pipe grouped by field", () => {
  it('takes the exact paths', () => {
    const response = responseOfPipe(ERRORS, { errorFormat: 'grouped' });
    expect(fieldViolations({ response, cause: undefined })).toEqual(VIOLATIONS);
    expect(validationTexts(response)).toEqual([
      'name must be a string',
      'name is too short',
      'street must be a string',
      'items must be few',
      'What is this?',
      'each value in nested property items must be …',
    ]);
  });

  it('says what was left out, and names no field for it', () => {
    const response = responseOfPipe(ERRORS, { errorFormat: 'grouped', maxErrorMessagesLength: 30 });
    expect(fieldViolations({ response, cause: undefined })).toEqual([
      VIOLATIONS[0],
      { field: '', description: 'Further validation errors were omitted' },
    ]);
  });

  it('knows an error of the whole value, without a property', () => {
    const error = { property: undefined, constraints: { unknownValue: 'an unknown value' } };
    const errors = [error, { property: 'address', children: [error] }];
    const response = responseOfPipe(errors, { errorFormat: 'grouped' });
    expect(fieldViolations({ response, cause: undefined })).toEqual([
      { field: '', description: 'an unknown value' },
      { field: 'address', description: 'an unknown value' },
    ]);
  });

  it.each([
    ['no texts', { name: [] }],
    ['a text that is in no list', { name: 'must be a string' }],
    ['other values', { name: ['must be a string', 5] }],
    ['a list and something else', { name: ['must be a string'], code: 5 }],
  ])('finds none in an object with %s', (_what, message) => {
    expect(fieldViolations({ response: { message }, cause: undefined })).toEqual([]);
    expect(validationTexts({ message })).toEqual([]);
  });
});

describe('validationTexts', () => {
  it('takes those of a list as they are', () => {
    const response = responseOfPipe(ERRORS.slice(0, 1), { errorFormat: 'list' });
    expect(validationTexts(response)).toEqual(['name must be a string', 'name is too short']);
  });

  it.each([undefined, null, 'name must be a string', {}, { message: 'name must be a string' }])(
    'finds none in %j',
    (response) => {
      expect(validationTexts(response)).toEqual([]);
    },
  );
});
