/**
 * HTTP/1.1 on the shared port: requests that two servers would read differently, garbage between requests, headers
 * beyond the limits, and connections that go on after an early answer. Protected: the border between one request and
 * the next, and between what a handler says and what HTTP is.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { http1Request, RawClient } from '../server/engine-harness.js';
import { frame as envelope } from '../support/frames.js';
import {
  HEAD,
  JSON_CALL,
  REQUESTS,
  say,
  SECRET,
  sendGarbled,
  sendUntilClosed,
  statusesIn,
} from './support/http1-attacks.js';
import { PREFACE } from './support/http2-frames.js';
import { CONVERSE, INTRODUCE, SAY, Victim } from './support/victim.js';

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start({ timeouts: { http1KeepAliveMs: 500, headersMs: 500, idleReadMs: 500 } });
});

afterAll(() => victim.stop());

describe('an HTTP/1.1 connection that is no longer understood is answered and closed', () => {
  it.each(Object.entries(REQUESTS))('%s', async (_, row) => {
    expect.hasAssertions();
    await sendGarbled(victim, row);
  });

  it.each([
    ['garbage', 'garbage\r\n\r\n'],
    ['bytes', '\0\x01\x02\xff\xfe'],
    ['an HTTP/2 preface', PREFACE.toString()],
    ['garbage and one more request', `garbage\r\n\r\n${SECRET}`],
  ])('%s behind a request that is in order', async (_, garbage) => {
    const { result } = await victim.withstand(() => sendUntilClosed(victim, say('in order') + garbage), {
      growthMiB: 20,
    });
    // The answer belongs to the good request, and says that the connection ends with it.
    expect(result.map((text) => statusesIn(text))).toEqual(result.map(() => [200]));
    expect(result.filter((text) => !text.includes('connection: close'))).toEqual([]);
    expect(result.filter((text) => text.includes('smuggled'))).toEqual([]);
  });

  it('more than 128 headers: 431', async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `x-${i}: 1\r\n`).join('');
    const { result } = await victim.withstand(
      () => sendUntilClosed(victim, `${HEAD}${lines}content-length: 2\r\n\r\n{}`),
      { growthMiB: 40 },
    );
    expect(new Set(result.map((text) => statusesIn(text).join()))).toEqual(new Set(['431']));
  });
});

describe('a connection is used on after a request that was refused', () => {
  /** Requests that are complete, and the status of each. */
  const REFUSED: Readonly<Record<string, readonly [status: number, request: string]>> = {
    'an unknown path': [404, http1Request('{}', JSON_CALL, '/nobody')],
    'an unknown content type': [415, http1Request('{}', { 'content-type': 'text/plain' }, SAY)],
    'another method': [405, http1Request('{}', JSON_CALL, SAY).replace('POST', 'PUT')],
    'an unknown compression': [501, http1Request('{}', { ...JSON_CALL, 'content-encoding': 'x' }, SAY)],
    'broken JSON': [400, http1Request('{"sentence', JSON_CALL, SAY)],
    'a wrong timeout': [400, http1Request('{}', { ...JSON_CALL, 'connect-timeout-ms': 'x' }, SAY)],
    'an error of the handler': [400, say('fail:asked')],
  };

  it.each(Object.entries(REFUSED))(
    '%s, and in order when requests are pipelined',
    async (_, [status, request]) => {
      const { result } = await victim.withstand(
        async () => {
          const client = new RawClient(await victim.connect());
          client.write(request + say('first') + request + say('second'));
          await client.until('"second"');
          client.destroy();
          return client.text;
        },
        { growthMiB: 20 },
      );
      expect(statusesIn(result)).toEqual([status, 200, status, 200]);
      expect(result.indexOf('"first"')).toBeLessThan(result.indexOf('"second"'));
    },
  );

  it('an upgrade to h2c, which is ignored: HTTP/2 is served with prior knowledge only', async () => {
    const upgrade = {
      connection: 'upgrade, http2-settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAAP__',
    };
    const { result } = await victim.withstand(
      async () => {
        const client = new RawClient(await victim.connect());
        await client.write(say('first', upgrade)).until('"first"');
        await client.write(say('second')).until('"second"');
        client.destroy();
        return client.text;
      },
      { growthMiB: 20 },
    );
    expect(statusesIn(result)).toEqual([200, 200]);
  });

  it('closes it when the rest of the body is too long to be read', async () => {
    const { result } = await victim.withstand(
      () =>
        sendUntilClosed(
          victim,
          http1Request(SECRET, { ...JSON_CALL, 'content-length': '1000000' }, '/nobody') +
            'x'.repeat(200_000),
        ),
      { growthMiB: 40 },
    );
    expect(new Set(result.map((text) => statusesIn(text).join()))).toEqual(new Set(['404']));
    expect(result.every((text) => /connection: close/i.test(text))).toBe(true);
  });

  it('closes it behind a bidi stream, which HTTP/1.1 cannot carry', async () => {
    const { result } = await victim.withstand(
      () =>
        sendUntilClosed(
          victim,
          http1Request('', { 'content-type': 'application/connect+json' }, CONVERSE) + SECRET,
        ),
      { growthMiB: 20 },
    );
    expect(new Set(result.map((text) => statusesIn(text).join()))).toEqual(new Set(['505']));
  });
});

const INJECTION = 'a\r\nx-injected: 1\r\n\r\nHTTP/1.0 204 No Content\r\n\r\n';

describe('what a client sent cannot become HTTP when a handler sends it back', () => {
  it.each([
    ['in an error message', `fail:${INJECTION}`, 400],
    // The handler's own mistake: RpcHeaders refuses the value.
    ['in a response header', `metadata:${INJECTION}`, 500],
    ['in the metadata of an error', `error-metadata:${INJECTION}`, 500],
  ])('%s', async (_, sentence, status) => {
    const { result } = await victim.withstand(
      async () => {
        const client = new RawClient(await victim.connect());
        client.write(say(sentence) + say('next'));
        await client.until('"next"');
        client.destroy();
        return client.text;
      },
      { growthMiB: 20 },
    );
    expect(statusesIn(result)).toEqual([status, 200]);
    expect(result).not.toMatch(/^x-injected/m);
  });

  it('in a message of a stream', async () => {
    const { result } = await victim.withstand(
      async () => {
        const client = new RawClient(await victim.connect());
        const body = envelope(0, JSON.stringify({ name: 'throw-in-finally' })).toString('latin1');
        const headers = { 'content-type': 'application/connect+json', 'x-name': '%0d%0ax-injected: 1' };
        client.write(Buffer.from(http1Request(body, headers, INTRODUCE), 'latin1'));
        await client.until('small');
        client.destroy();
        return client.text;
      },
      { growthMiB: 20 },
    );
    expect(statusesIn(result)).toEqual([200]);
    expect(result).not.toMatch(/^x-injected/m);
  });
});
