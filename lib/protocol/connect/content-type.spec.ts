import { describe, expect, it } from '@jest/globals';
import { isConnectType } from './content-type.js';

describe('isConnectType (Connect protocol, Unary-Content-Type and Streaming-Content-Type)', () => {
  it.each([
    ['application/proto', true],
    ['application/json', true],
    ['application/connect+proto', true],
    ['application/connect+json', true],
    ['application/connect+odd', true],
    ['application/odd', false],
    ['application/connect', false],
    ['application/grpc+proto', false],
    ['application/problem+json', false],
    ['text/html', false],
    ['', false],
  ])('of %j is %p', (type, expected) => {
    expect(isConnectType(type)).toBe(expected);
  });
});
