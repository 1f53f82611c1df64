import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { describeResult, isIterable, isPromiseLike } from './handler-result.js';

async function* asyncNumbers(): AsyncGenerator<number> {
  yield await Promise.resolve(1);
}

describe('handler results', () => {
  it.each<[string, unknown, { promise: boolean; iterable: boolean; text: string }]>([
    ['undefined', undefined, { promise: false, iterable: false, text: 'undefined' }],
    ['null', null, { promise: false, iterable: false, text: 'null' }],
    ['a string', 'text', { promise: false, iterable: false, text: 'a string' }],
    ['a number', 1, { promise: false, iterable: false, text: 'a number' }],
    ['a function', () => 1, { promise: false, iterable: false, text: 'a function' }],
    ['an array', [1], { promise: false, iterable: true, text: 'an iterable' }],
    ['an async generator', asyncNumbers(), { promise: false, iterable: true, text: 'an async iterable' }],
    ['a promise', Promise.resolve(1), { promise: true, iterable: false, text: 'a plain object' }],
    // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
    ['a thenable', { then: () => undefined }, { promise: true, iterable: false, text: 'a plain object' }],
    ['an object', { a: 1 }, { promise: false, iterable: false, text: 'a plain object' }],
    [
      'a message',
      create(DurationSchema),
      { promise: false, iterable: false, text: 'one message google.protobuf.Duration' },
    ],
  ])('knows %s', (_, value, expected) => {
    expect({
      promise: isPromiseLike(value),
      iterable: isIterable(value),
      text: describeResult(value),
    }).toEqual(expected);
  });
});
