/**
 * A client whose server breaks its replies: cuts, resets, garbage where the outcome stands, and bytes behind the end. The
 * code blames the server, never the caller; the next call works; and no reply is given to a call that did not ask for it.
 */
import { constants } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import {
  answerWell,
  bodyOf,
  type Ending,
  isBare,
  partsOf,
  type ReplyParts,
} from './support/client-replies.js';
import {
  CASE_TITLE,
  CLIENT_CASES,
  type ClientCase,
  type Eliza,
  endOf,
  type Kind,
} from './support/client-cases.js';
import { type ChannelSettings, ClientSide } from './support/client-side.js';
import { ENDINGS, GARBAGE } from './support/garbage-endings.js';
import { dataFrame, END_STREAM, headersFrame, literal } from './support/http2-frames.js';
import { type Fields, type Script, type ScriptedCall, serveScript } from './support/scripted-server.js';

/** Nothing here should need it: a call that runs into it hangs. */
const DEADLINE_MS = 20_000;

let side: ClientSide;

beforeEach(() => {
  side = new ClientSide();
});

afterEach(() => side.close());

failOnUnhandled();

const OVER_HTTP2 = CLIENT_CASES.filter(({ httpVersion }) => httpVersion === '2');

async function clientOf(test: ClientCase, script: Script, settings: ChannelSettings = {}): Promise<Eliza> {
  const url = await serveScript(side.peers, test.httpVersion, script);
  return side.client(url, test, { timeoutMs: DEADLINE_MS, ...settings });
}

const outcomeOf = async (eliza: Eliza, kind: Kind): Promise<string> => (await endOf(eliza, kind)).code;

/** @returns How each of the scripts ends a call, and the one after it. */
async function outcomesOf(test: ClientCase, scripts: readonly Script[]): Promise<string[]> {
  const parts = partsOf(test);
  let script: Script;
  const eliza = await clientOf(test, (call) => script(call));
  const outcomes: string[] = [];
  for (const each of scripts) {
    script = each;
    outcomes.push(await outcomeOf(eliza, test.kind));
    script = (call) => answerWell(call, parts);
    expect(await endOf(eliza, test.kind)).toEqual({ code: 'ok', messages: ['x'] });
  }
  return outcomes;
}

/** @param most Bytes of the longest cut. Default: all but the last one. */
function cuts(
  parts: ReplyParts,
  end: (call: ScriptedCall) => void,
  { extra = [], most = bodyOf(parts).length - 1 }: { extra?: Fields; most?: number } = {},
): Script[] {
  const body = bodyOf(parts);
  return Array.from({ length: most + 1 }, (_, length) => (call: ScriptedCall) => {
    end(call.head([...parts.fields, ...extra]).body(body.subarray(0, length)));
  });
}

/** All bytes of the body too, where they are not the end of the reply. */
function allCuts(test: ClientCase, end: (call: ScriptedCall) => void): Script[] {
  const parts = partsOf(test);
  const { length } = bodyOf(parts);
  return cuts(parts, end, { most: parts.ending.body === undefined ? length : length - 1 });
}

describe('a reply that is cut at any byte', () => {
  it.each(CLIENT_CASES)(`and ends well: internal (${CASE_TITLE})`, async (test) => {
    const parts = partsOf(test);
    const outcomes = await outcomesOf(
      test,
      cuts(parts, (call) => call.end()),
    );
    const expected: string[] = outcomes.map(() => 'internal');
    if (isBare(test.protocol, test.kind)) {
      expected[0] = 'ok'; // No bytes are a message without fields, where no length says otherwise.
    }
    expect(outcomes).toEqual(expected);
  });

  it.each(CLIENT_CASES.filter(({ protocol, kind }) => isBare(protocol, kind)))(
    `of the length that its headers tell: $protocol over HTTP/$httpVersion, $kind`,
    async (test) => {
      const parts = partsOf(test);
      const scripts = cuts(parts, (call) => (test.httpVersion === '2' ? call.end() : call.socket.end()), {
        extra: [['content-length', String(bodyOf(parts).length)]],
      });
      const [code, length] = [test.httpVersion === '2' ? 'internal' : 'unavailable', scripts.length];
      expect(await outcomesOf(test, scripts)).toEqual(Array.from({ length }, () => code));
    },
  );

  it('and has good trailers: internal, and unimplemented without a message (gRPC, unary)', async () => {
    const test = { protocol: 'grpc', httpVersion: '2', kind: 'unary' } as const;
    const outcomes = await outcomesOf(
      test,
      cuts(partsOf(test), (call) => call.end([['grpc-status', '0']])),
    );
    expect(outcomes).toEqual(outcomes.map((_, length) => (length === 0 ? 'unimplemented' : 'internal')));
  });

  it.each(OVER_HTTP2)(`and whose stream is reset: internal (${CASE_TITLE})`, async (test) => {
    const scripts = allCuts(test, (call) => call.reset(constants.NGHTTP2_INTERNAL_ERROR));
    expect(await outcomesOf(test, scripts)).toEqual(scripts.map(() => 'internal'));
  });

  it.each(CLIENT_CASES)(`and whose connection is reset: unavailable (${CASE_TITLE})`, async (test) => {
    const scripts = allCuts(test, (call) => void setImmediate(() => call.socket.resetAndDestroy()));
    expect(await outcomesOf(test, scripts)).toEqual(scripts.map(() => 'unavailable'));
  });

  it.each(CLIENT_CASES)(`and whose connection ends: unavailable (${CASE_TITLE})`, async (test) => {
    const scripts = allCuts(test, (call) => void call.socket.end());
    expect(await outcomesOf(test, scripts)).toEqual(scripts.map(() => 'unavailable'));
  });
});

/** A refused stream is none that has begun: before its headers the call is sent again. (client-connections.spec.ts) */
const isRetried = (moment: string, code: number): boolean =>
  moment === 'before its headers' && code === constants.NGHTTP2_REFUSED_STREAM;

describe('a server that breaks off', () => {
  /** Where in a reply; what was sent leaves before the connection breaks. */
  const MOMENTS: readonly (readonly [
    moment: string,
    begin: (call: ScriptedCall, parts: ReplyParts) => void,
  ])[] = [
    ['before its headers', () => {}],
    ['behind its headers', (call, { fields }) => void call.head(fields)],
    ['in its body', (call, { fields, message }) => void call.head(fields).body(message.subarray(0, 2))],
  ];

  /** HTTP/2 error codes: 0xd is the last one that is known. */
  const RESETS: readonly (readonly [number, string])[] = [
    [constants.NGHTTP2_NO_ERROR, 'internal'],
    [constants.NGHTTP2_PROTOCOL_ERROR, 'internal'],
    [constants.NGHTTP2_INTERNAL_ERROR, 'internal'],
    [constants.NGHTTP2_FLOW_CONTROL_ERROR, 'internal'],
    [constants.NGHTTP2_SETTINGS_TIMEOUT, 'internal'],
    [constants.NGHTTP2_STREAM_CLOSED, 'internal'],
    [constants.NGHTTP2_FRAME_SIZE_ERROR, 'internal'],
    [constants.NGHTTP2_REFUSED_STREAM, 'unavailable'],
    [constants.NGHTTP2_CANCEL, 'canceled'],
    [constants.NGHTTP2_COMPRESSION_ERROR, 'internal'],
    [constants.NGHTTP2_CONNECT_ERROR, 'internal'],
    [constants.NGHTTP2_ENHANCE_YOUR_CALM, 'resource_exhausted'],
    [constants.NGHTTP2_INADEQUATE_SECURITY, 'permission_denied'],
    [constants.NGHTTP2_HTTP_1_1_REQUIRED, 'internal'],
    [0xffff_ffff, 'internal'],
  ];

  it.each(OVER_HTTP2)(`by a reset: its code tells (${CASE_TITLE})`, async (test) => {
    const parts = partsOf(test);
    for (const [moment, begin] of MOMENTS) {
      const resets = RESETS.filter(([code]) => !isRetried(moment, code));
      const scripts = resets.map(([code]) => (call: ScriptedCall) => {
        begin(call, parts);
        call.reset(code);
      });
      expect([moment, await outcomesOf(test, scripts)]).toEqual([moment, resets.map(([, code]) => code)]);
    }
  });

  it.each(OVER_HTTP2)(`by a reset after its reply: the reply counts (${CASE_TITLE})`, async (test) => {
    const parts = partsOf(test);
    const scripts = RESETS.map(([code]) => (call: ScriptedCall) => {
      answerWell(call, parts);
      call.reset(code);
    });
    expect(await outcomesOf(test, scripts)).toEqual(RESETS.map(() => 'ok'));
  });

  const BREAKS: readonly ((call: ScriptedCall) => void)[] = [
    ({ socket }) => void setImmediate(() => socket.resetAndDestroy()),
    ({ socket }) => void setImmediate(() => socket.destroy()),
    ({ socket }) => void socket.end(),
  ];

  it.each(CLIENT_CASES)(
    `by the end of its connection: unavailable, one try (${CASE_TITLE})`,
    async (test) => {
      const parts = partsOf(test);
      for (const [, begin] of MOMENTS) {
        for (const end of BREAKS) {
          let calls = 0;
          const eliza = await clientOf(test, (call) => {
            calls++;
            begin(call, parts);
            end(call);
          });
          const { code, error } = await endOf(eliza, test.kind);
          expect([code, calls]).toEqual(['unavailable', 1]);
          expect(error?.rawMessage).toMatch(/^connection to http:\/\/127\.0\.0\.1:\d+ lost /);
        }
      }
    },
  );

  it.each(CLIENT_CASES)(
    `by the end of its connection after its reply: the reply counts (${CASE_TITLE})`,
    async (test) => {
      const parts = partsOf(test);
      for (const end of BREAKS) {
        const eliza = await clientOf(test, (call) => {
          answerWell(call, parts);
          end(call);
        });
        expect(await endOf(eliza, test.kind)).toEqual({ code: 'ok', messages: ['x'] });
        await eventually(() => side.peers.openConnections === 0);
      }
    },
  );
});

describe('an outcome that is garbage', () => {
  it.each(CLIENT_CASES.filter(({ protocol, kind }) => !isBare(protocol, kind)))(
    `is an error of the server, and says what it can (${CASE_TITLE})`,
    async (test) => {
      const parts = partsOf(test);
      let ending: Ending;
      const eliza = await clientOf(test, (call) => answerWell(call, { ...parts, ending }));
      for (const garbage of GARBAGE[test.protocol]) {
        ending = ENDINGS[test.protocol](garbage.ending);
        const { code, messages, error } = await endOf(eliza, test.kind);
        expect([garbage.name, code]).toEqual([garbage.name, garbage.code]);
        expect([garbage.name, error?.rawMessage ?? '']).toEqual([garbage.name, garbage.message]);
        // What came before it was delivered; a reply that is one message counts only with a good end.
        expect(messages).toEqual(test.kind === 'unary' && code !== 'ok' ? [] : ['x']);
      }
    },
  );

  it.each<[number, string, string, RegExp]>([
    [500, 'garbage', 'unknown', /^unexpected response from http:\/\/127\.0\.0\.1:\d+: HTTP status 500 /],
    [503, '[]', 'unavailable', /^unexpected response from http:\/\/127\.0\.0\.1:\d+: HTTP status 503 /],
    [404, '', 'unimplemented', /^unexpected response from http:\/\/127\.0\.0\.1:\d+: HTTP status 404 /],
    [503, '{}', 'unavailable', /^/],
    [500, '{"code":17,"message":"why"}', 'unknown', /^why$/],
    [400, '{"code":"odd","message":{}}', 'internal', /^/],
    [400, '{"code":"not_found","details":{"a":1}}', 'not_found', /^/],
  ])("is in the body of Connect's unary error: %d %s", async (status, body, code, message) => {
    for (const httpVersion of ['2', '1.1'] as const) {
      const test = { protocol: 'connect', httpVersion, kind: 'unary' } as const;
      const eliza = await clientOf(test, (call) => {
        call
          .head([['content-type', 'application/json']], status)
          .body(Buffer.from(body))
          .end();
      });
      const end = await endOf(eliza, 'unary');
      expect(end.code).toBe(code);
      expect(end.error?.rawMessage).toMatch(message);
    }
  });
});

/** What nobody asked for says "y": who gets it has the reply of another call. */
function unaskedOf(test: ClientCase): ReplyParts {
  const { message, ...parts } = partsOf(test);
  return { ...parts, message: Buffer.from(message).fill('y', message.length - 1) };
}
describe('a reply that goes on after its end', () => {
  const IN_BAND = CLIENT_CASES.filter((test) => partsOf(test).ending.body !== undefined);

  it.each(IN_BAND)(`in its body: internal (${CASE_TITLE})`, async (test) => {
    const parts = partsOf(test);
    const tails = [Buffer.from([0]), parts.message, bodyOf(parts)];
    const scripts = tails.map((tail) => (call: ScriptedCall) => {
      call.head(parts.fields).body(bodyOf(parts)).body(tail).end();
    });
    expect(await outcomesOf(test, scripts)).toEqual(tails.map(() => 'internal'));
  });

  it.each(OVER_HTTP2)(`in frames behind END_STREAM: the reply counts (${CASE_TITLE})`, async (test) => {
    const parts = partsOf(test);
    const head = literal(':status', '200');
    for (const tail of [
      dataFrame(1, bodyOf(parts)),
      dataFrame(1, bodyOf(parts), END_STREAM),
      headersFrame(1, head),
      headersFrame(1, literal('grpc-status', '5'), END_STREAM | 0x4),
      dataFrame(0, Buffer.from('no stream')),
      Buffer.from('HTTP/1.1 200 OK\r\n\r\n'),
    ]) {
      const eliza = await clientOf(test, (call) => {
        answerWell(call, parts);
        call.raw(tail);
      });
      // Node may end the session for it: the next call finds another one.
      expect(await outcomeOf(eliza, test.kind)).toBe('ok');
      expect(await outcomeOf(eliza, test.kind)).toBe('ok');
    }
  });

  it.each(CLIENT_CASES)(`by another reply: no call gets it (${CASE_TITLE})`, async (test) => {
    const eliza = await clientOf(test, (call) => {
      answerWell(call, partsOf(test));
      answerWell(call, unaskedOf(test));
    });
    for (let i = 0; i < 5; i++) {
      expect(await endOf(eliza, test.kind)).toEqual({ code: 'ok', messages: ['x'] });
    }
  });

  // node:http2 sends GOAWAY for such bytes, stops reading, and tells nobody: only a ping finds out, since even the peer's FIN
  // is not read any more.
  const PINGS = { intervalMs: 50, timeoutMs: 50, whenIdle: true };

  // "the client SHOULD close the connection, since message delimitation is now ambiguous" (RFC 9112, section 6.3)
  it.each(CLIENT_CASES)(`when nobody waits for one: the connection ends (${CASE_TITLE})`, async (test) => {
    const { httpVersion, kind } = test;
    const unasked: readonly Script[] = [
      (call) => call.raw(Buffer.from('HTTP/1.1 200 OK\r\ncontent-le')),
      (call) => call.raw(Buffer.alloc(64, 0xff)),
      // Node's HTTP/2 ignores frames of streams that have ended.
      ...(httpVersion === '2' ? [] : [(call: ScriptedCall) => answerWell(call, unaskedOf(test))]),
    ];
    for (const tell of unasked) {
      let last: ScriptedCall | undefined;
      const script: Script = (call) => {
        last = call;
        answerWell(call, partsOf(test));
      };
      const eliza = await clientOf(test, script, { keepalive: PINGS });
      // The second call finds a connection that was used before.
      for (let i = 0; i < 2; i++) {
        expect(await endOf(eliza, kind)).toEqual({ code: 'ok', messages: ['x'] });
      }
      tell(last as ScriptedCall); // There were two calls.
      await eventually(() => side.peers.openConnections === 0);
      expect(await endOf(eliza, kind)).toEqual({ code: 'ok', messages: ['x'] });
      side.peers.cutConnections();
      await eventually(() => side.peers.openConnections === 0);
    }
  });
});
