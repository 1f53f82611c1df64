import { describe, expect, it } from '@jest/globals';
import { RpcHeaders } from '../rpc/headers.js';
import { RequestHeaders } from './request-headers.js';

const own = ['content-type', 'application/x'];
const headers = new RequestHeaders({ own, userAgent: 'ours/1', timeoutName: 'x-timeout' });
const OURS = [...own, 'user-agent', 'ours/1'];

describe('RequestHeaders', () => {
  it('is one list, made once, for calls that add nothing', () => {
    expect(headers.of(undefined, undefined)).toEqual(OURS);
    expect(headers.of(undefined, undefined)).toBe(headers.of(undefined, undefined));
  });

  it("puts the timeout before its own headers, and the application's behind them", () => {
    expect(headers.of('7', new RpcHeaders({ 'x-a': ['1', '2'] }))).toEqual([
      'x-timeout',
      '7',
      ...OURS,
      'x-a',
      '1',
      'x-a',
      '2',
    ]);
  });

  it("leaves out reserved names of the application's", () => {
    const application = new RpcHeaders({ 'content-type': 'text/plain', 'grpc-timeout': '1S', 'x-a': '1' });
    expect(headers.of(undefined, application)).toEqual([...OURS, 'x-a', '1']);
  });

  it("sends the application's user agent instead of its own", () => {
    const application = new RpcHeaders({ 'User-Agent': 'mine/1' });
    expect(headers.of('7', application)).toEqual(['x-timeout', '7', ...own, 'user-agent', 'mine/1']);
  });

  it('does not remember a call', () => {
    headers.of('7', new RpcHeaders({ 'x-a': '1' }));
    expect(headers.of(undefined, undefined)).toEqual(OURS);
  });
});
