/**
 * Floods of HTTP/2 frames that cost a client nothing: resets, control frames, frames without content, headers
 * without end. Protected: the process, its memory, and every other client.
 *
 * node:http2 has most of these defenses; the suite keeps watch that nothing here switches them off or goes round
 * them. Where a session is ended, the attacker's is, and no other.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { attackTogether, flood, FLOODS, GRPC, HEADERS, sendWrongHeaders } from './support/http2-attacks.js';
import { headersFrame, requestBlock } from './support/http2-frames.js';
import { SAY, Victim } from './support/victim.js';

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start({ timeouts: { http2IdleMs: 400 } });
});

afterAll(() => victim.stop());

describe('an HTTP/2 flood is bounded, and nobody else feels it', () => {
  it.each(Object.entries(FLOODS))('%s', async (_, row) => {
    expect.hasAssertions();
    await flood(victim, row);
  });
});

describe('wrong headers of an HTTP/2 request end the stream or the session', () => {
  it.each(Object.entries(HEADERS))('%s', async (_, row) => {
    expect.hasAssertions();
    await sendWrongHeaders(victim, row);
  });
});

/** A frame header has nine bytes. */
const FRAME_HEADER_REST = 8;

describe('HTTP/2 frames that do not come to an end', () => {
  it('end with their connection, after http2IdleMs, when they are cut in their first nine bytes', async () => {
    const { result } = await victim.withstand(
      () =>
        attackTogether(victim, 50, async (attacker, i) => {
          const block = headersFrame(1, requestBlock(SAY, GRPC));
          attacker.write(block.subarray(0, 1 + (i % FRAME_HEADER_REST)));
          await attacker.ended;
          return attacker.goawayCode;
        }),
      { growthMiB: 30 },
    );
    expect(new Set(result)).toEqual(new Set([0]));
  });
});
