import { constants } from 'node:http2';
import { describe, expect, it } from '@jest/globals';
import { Code, codeToName } from '../../rpc/code.js';
import {
  connectionLost,
  describeCause,
  fateOf,
  resetError,
  resetName,
  unavailable,
} from './exchange-failure.js';

describe('resetError (gRPC over HTTP/2, "Errors")', () => {
  it.each([
    ['NO_ERROR', Code.Internal],
    ['PROTOCOL_ERROR', Code.Internal],
    ['INTERNAL_ERROR', Code.Internal],
    ['FLOW_CONTROL_ERROR', Code.Internal],
    ['SETTINGS_TIMEOUT', Code.Internal],
    ['STREAM_CLOSED', Code.Internal],
    ['FRAME_SIZE_ERROR', Code.Internal],
    ['REFUSED_STREAM', Code.Unavailable],
    ['CANCEL', Code.Canceled],
    ['COMPRESSION_ERROR', Code.Internal],
    ['CONNECT_ERROR', Code.Internal],
    ['ENHANCE_YOUR_CALM', Code.ResourceExhausted],
    ['INADEQUATE_SECURITY', Code.PermissionDenied],
    ['HTTP_1_1_REQUIRED', Code.Internal],
  ] as const)('%s', (name, code) => {
    const number = (constants as unknown as Record<string, number>)[`NGHTTP2_${name}`] ?? -1;
    const error = resetError('http://a.test', number, undefined);
    expect([error.rawMessage, codeToName(error.code)]).toEqual([
      `http://a.test reset the stream before the response was complete: ${name}`,
      codeToName(code),
    ]);
    expect(fateOf(error)).toBe(name === 'REFUSED_STREAM' ? 'unprocessed' : undefined);
  });

  it('shows a code that HTTP/2 does not have', () => {
    expect(resetName(4711)).toBe('error 4711');
    expect(resetError('x', 4711, undefined).code).toBe(Code.Internal);
  });
});

describe('a failure of the connection', () => {
  it('says where the response was, and keeps the cause', () => {
    const cause = new Error('read ECONNRESET');
    const [before, middle] = [connectionLost('x', false, { cause }), connectionLost('x', true, { cause })];
    expect(before.rawMessage).toBe('connection to x lost before the response: read ECONNRESET');
    expect(middle.rawMessage).toBe('connection to x lost in the middle of the response: read ECONNRESET');
    expect([before.code, middle.code]).toEqual([Code.Unavailable, Code.Unavailable]);
    expect(before.cause).toBe(cause);
  });

  it('tells the fate of the request', () => {
    expect(fateOf(unavailable('x', { fate: 'stale' }))).toBe('stale');
    expect(fateOf(unavailable('x'))).toBeUndefined();
  });

  it.each([
    [new Error('text'), 'text'],
    [Object.assign(new Error(''), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new TypeError(''), 'TypeError'],
    [new AggregateError([new Error('a'), new Error('b')]), 'a; b'],
    ['thrown text', 'thrown text'],
  ])('describes %p', (cause, text) => {
    expect(describeCause(cause)).toBe(text);
  });
});
