import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { testMethod } from '../../test/support/memory-flow.js';
import { createMethodSpec, procedureOf } from './method-spec.js';

describe('createMethodSpec', () => {
  it.each([
    ['unary', false, false],
    ['client_streaming', true, false],
    ['server_streaming', false, true],
    ['bidi_streaming', true, true],
  ] as const)('knows the directions of %s', (kind, streamsRequests, streamsResponses) => {
    const method = testMethod(kind);
    expect(createMethodSpec(method)).toEqual({
      method,
      kind,
      path: '/test.v1.TestService/Call',
      input: method.input,
      output: method.output,
      streamsRequests,
      streamsResponses,
      hasNoSideEffects: false,
    });
  });

  it.each([
    [MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS, true],
    [MethodOptions_IdempotencyLevel.IDEMPOTENT, false],
    [MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN, false],
  ])('of idempotency level %d may be called by GET: %p', (level, expected) => {
    expect(createMethodSpec(testMethod('unary', level)).hasNoSideEffects).toBe(expected);
  });

  it('is frozen', () => {
    expect(Object.isFrozen(createMethodSpec(testMethod('unary')))).toBe(true);
  });

  it('has the path of the wire, by the names of the proto file', () => {
    const method = testMethod('unary');
    expect(method.localName).toBe('call');
    expect(procedureOf(method)).toBe('/test.v1.TestService/Call');
  });
});
