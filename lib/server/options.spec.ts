import { type EngineOptionsInit, resolveEngineOptions } from './options.js';

describe('resolveEngineOptions', () => {
  it('has the documented defaults', () => {
    expect(resolveEngineOptions()).toEqual({
      maxConcurrentStreams: 100,
      maxConnections: Infinity,
      maxHeaderBytes: { http1: 16_384, http2: 65_536 },
      maxHeaderPairs: 128,
      timeouts: {
        prefaceMs: 10_000,
        headersMs: 10_000,
        idleReadMs: 60_000,
        idleWriteMs: 60_000,
        http1KeepAliveMs: 65_000,
        http2IdleMs: 300_000,
      },
      keepalive: { intervalMs: 30_000, timeoutMs: 20_000 },
      maxConnectionAgeMs: Infinity,
      maxConnectionAgeGraceMs: Infinity,
      drainTimeoutMs: 10_000,
      http1Bidi: false,
    });
  });

  it('takes what is given, and the defaults for the rest of a group', () => {
    const options = resolveEngineOptions({
      timeouts: { prefaceMs: 5, idleReadMs: Infinity, headersMs: undefined },
      http1Bidi: true,
      drainTimeoutMs: 0,
      maxConnections: undefined,
    });
    expect(options.timeouts).toMatchObject({ prefaceMs: 5, idleReadMs: Infinity, headersMs: 10_000 });
    expect(options).toMatchObject({ http1Bidi: true, drainTimeoutMs: 0, maxConnections: Infinity });
  });

  it('cannot be changed afterwards', () => {
    const options = resolveEngineOptions();
    expect(Object.isFrozen(options)).toBe(true);
    expect(Object.isFrozen(options.timeouts)).toBe(true);
  });

  it.each<[EngineOptionsInit, string]>([
    [{ maxConcurrentStreams: 0 }, 'maxConcurrentStreams is 0: expected a whole number from 1'],
    [{ maxConcurrentStreams: Infinity }, 'maxConcurrentStreams is Infinity: expected'],
    [
      { maxConnections: 1.5 },
      'maxConnections is 1.5: expected a whole number from 1 to 2147483647, or Infinity',
    ],
    [{ maxHeaderBytes: { http1: -1 } }, 'maxHeaderBytes.http1 is -1: expected'],
    [{ maxHeaderPairs: 2 ** 31 }, 'maxHeaderPairs is 2147483648: expected'],
    [{ timeouts: { idleReadMs: 0 } }, 'timeouts.idleReadMs is 0: expected milliseconds above 0, or Infinity'],
    [{ keepalive: { intervalMs: NaN } }, 'keepalive.intervalMs is NaN: expected'],
    [{ drainTimeoutMs: -1 }, 'drainTimeoutMs is -1: expected milliseconds from 0'],
  ])('rejects %j with a RangeError that names it', (options, message) => {
    expect(() => resolveEngineOptions(options)).toThrow(RangeError);
    expect(() => resolveEngineOptions(options)).toThrow(message);
  });

  it.each([
    ['{ "maxConnections": "5" }', 'maxConnections is "5": expected a whole number'],
    ['{ "timeouts": 5 }', 'timeouts is of type number: expected an object with prefaceMs, headersMs'],
    ['{ "timeouts": null }', 'timeouts is null: expected an object'],
    ['{ "timeouts": { "readMs": 1 } }', 'timeouts has no "readMs": expected prefaceMs, headersMs'],
    ['{ "timeouts": { "constructor": 1 } }', 'timeouts has no "constructor"'],
    ['{ "http1Bidi": 1 }', 'http1Bidi is of type number: expected true or false'],
  ])('rejects %s with a TypeError that names it', (json, message) => {
    // As a user without types would call it.
    const options: EngineOptionsInit = JSON.parse(json);
    expect(() => resolveEngineOptions(options)).toThrow(TypeError);
    expect(() => resolveEngineOptions(options)).toThrow(message);
  });
});
