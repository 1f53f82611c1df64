/**
 * Texts that are not what a header takes, in every place of a response that a handler fills: messages, error texts,
 * details, metadata, trailers. Protected: the border between one header and the next, and between one response and the
 * next; and the caller, who gets the text as it was, or an error that says that there was one.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  http1Request,
  type Http2Result,
  openHttp2,
  RawClient,
  recordHttp2,
} from '../server/engine-harness.js';
import { type Answer, type Dialect, DIALECTS, streamed } from './support/dialects.js';
import { parseResponses } from './support/http1-response.js';
import { say } from './support/http1-attacks.js';
import { INTRODUCE, SAY, Victim } from './support/victim.js';

let victim: Victim;

beforeAll(async () => {
  victim = await Victim.start();
});

afterAll(() => victim.stop());

const INJECTION = 'a\r\nx-injected: 1\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n';
const KB = 1_000;

const TEXTS: Readonly<Record<string, string>> = {
  'line breaks': INJECTION,
  'a bare line feed': 'a\nx-injected: 1',
  'a bare carriage return': 'a\rx-injected: 1',
  'NUL and other control characters': 'a\0b\x01\x7f\x1b[31m',
  'percent signs': '100% %0d%0ax-injected: 1 %zz %',
  'characters beyond ASCII': 'żółć 日本語 🙂 \u2028\u0085',
  // A header's value must have them encoded (RFC 9113, section 8.2.1).
  'spaces around it': ' a ',
  nothing: '',
};

const LONG_TEXTS: Readonly<Record<string, string>> = {
  '100 KB of ASCII': 'x'.repeat(100 * KB),
  '100 KB of line breaks': '\r\n'.repeat(50 * KB),
  '100 KB beyond ASCII': 'ł'.repeat(50 * KB),
};

/** A call in one protocol over one HTTP version, and its answer. */
interface Answered {
  readonly name: string;
  readonly dialect: Dialect;
  readonly answer: Answer;
  /** The stream did not come to its end. */
  readonly wasReset: boolean;
}

/** Makes a call in all protocols and over both HTTP versions. */
async function callEverywhere(path: string, message: object): Promise<Answered[]> {
  const calls = DIALECTS.flatMap((dialect) => dialect.versions.map((version) => ({ dialect, version })));
  return Promise.all(
    calls.map(async ({ dialect, version }) => {
      const isUnary = path === SAY;
      const headers = isUnary ? dialect.unaryHeaders : dialect.streamHeaders;
      const body = isUnary ? dialect.unaryBody(message) : streamed(message);
      const answer: Answer & { events?: readonly string[] } =
        version === '2' ? await overHttp2(path, headers, body) : await overHttp1(path, headers, body);
      const wasReset = answer.events !== undefined && answer.events.at(-1) !== 'close 0';
      return { name: `${dialect.protocol} over HTTP/${version}`, dialect, answer, wasReset };
    }),
  );
}

async function overHttp2(path: string, headers: Record<string, string>, body: Buffer): Promise<Http2Result> {
  const session = victim.session({ settings: { maxHeaderListSize: 4_000_000 } });
  const stream = openHttp2(session, { ':path': path, ...headers });
  stream.end(body);
  const answer = await recordHttp2(stream);
  session.destroy();
  return answer;
}

/** With a call behind it, whose answer must be the next that comes. */
async function overHttp1(path: string, headers: Record<string, string>, body: Buffer): Promise<Answer> {
  const client = new RawClient(await victim.connect());
  client.write(http1Request('', { ...headers, 'content-length': String(body.length) }, path)).write(body);
  client.write(say('the next', { connection: 'close' }));
  await client.ended;
  client.destroy();
  const [answer, next, ...others] = parseResponses(client.text);
  expect(next?.body).toBe('{"sentence":"the next"}');
  expect(others).toEqual([]);
  return answer as Answer; // The other one came behind it.
}

/** Calls with each message, and checks that nothing of a text has become a header. */
async function withstandTexts(path: string, messages: readonly object[]): Promise<Answered[][]> {
  const { result } = await victim.withstand(
    () => Promise.all(messages.map((message) => callEverywhere(path, message))),
    { growthMiB: 60 },
  );
  for (const { dialect, answer, wasReset } of result.flat()) {
    const ending = wasReset ? {} : dialect.endMetadata(answer, path === SAY);
    expect({ ...answer.headers, ...answer.trailers, ...ending }).not.toHaveProperty('x-injected');
  }
  return result;
}

async function withstandText(path: string, message: object): Promise<Answered[]> {
  const [answers = []] = await withstandTexts(path, [message]);
  return answers;
}

function byName<T>(answered: readonly Answered[], read: (each: Answered) => T): Record<string, T> {
  return Object.fromEntries(answered.map((each) => [each.name, read(each)]));
}

/** The same for all protocols. */
function everywhere<T>(answered: readonly Answered[], expected: T): Record<string, T> {
  return byName(answered, () => expected);
}

const unaryOutcome = ({ dialect, answer }: Answered) => dialect.unaryOutcome(answer);
const streamOutcome = ({ dialect, answer }: Answered) => dialect.streamOutcome(answer);

describe('the text of an error arrives as it is', () => {
  it.each(Object.entries(TEXTS))('%s, of a unary call', async (_, text) => {
    const answers = await withstandText(SAY, { sentence: `fail:${text}` });
    expect(byName(answers, unaryOutcome)).toEqual(
      everywhere(answers, { code: 'failed_precondition', message: text }),
    );
  });

  it.each(Object.entries(TEXTS))('%s, behind a message of a stream with the same text', async (_, text) => {
    const answers = await withstandText(INTRODUCE, { name: `fail:${text}` });
    expect(byName(answers, streamOutcome)).toEqual(
      everywhere(answers, { code: 'failed_precondition', message: text }),
    );
    expect(byName(answers, ({ dialect, answer }) => dialect.streamMessages(answer))).toEqual(
      everywhere(answers, [text === '' ? {} : { sentence: text }]),
    );
  });
});

describe('the details of an error arrive as they are', () => {
  it.each([
    ['a unary call', SAY, 'sentence'],
    ['a stream', INTRODUCE, 'name'],
  ])('of %s', async (_, path, field) => {
    const texts = Object.values(TEXTS);
    const all = await withstandTexts(
      path,
      texts.map((text) => ({ [field]: `fail-details:${text}` })),
    );
    for (const [i, text] of texts.entries()) {
      const answers = all[i] ?? [];
      expect(byName(answers, ({ dialect, answer }) => detailsOf(dialect, answer, path === SAY))).toEqual(
        everywhere(answers, [
          { type: 'google.protobuf.StringValue', text },
          { type: text, text },
        ]),
      );
    }
  });
});

interface Detail {
  readonly type: string;
  readonly text: string;
}

/** The first detail holds its text in a message, the other one is the text. */
function detailsOf(dialect: Dialect, answer: Answer, isUnary: boolean): Detail[] {
  return dialect.errorDetails(answer, isUnary).map(({ type, value }, i) => ({
    type,
    text: i === 0 ? fromBinary(StringValueSchema, value).value : Buffer.from(value).toString(),
  }));
}

describe('metadata', () => {
  it.each([
    ['a unary error', SAY, 'sentence'],
    ['the end of a stream', INTRODUCE, 'name'],
  ])('that is binary arrives with %s', async (_, path, field) => {
    const texts = Object.values(TEXTS);
    const all = await withstandTexts(
      path,
      texts.map((text) => ({ [field]: `fail-binary:${text}` })),
    );
    for (const [i, text] of texts.entries()) {
      const answers = all[i] ?? [];
      expect(
        byName(answers, ({ dialect, answer }) => {
          const value = dialect.endMetadata(answer, path === SAY)['x-echo-bin'];
          return Buffer.from(String(value), 'base64').toString();
        }),
      ).toEqual(everywhere(answers, text));
    }
  });

  /** What RpcHeaders refuses is the handler's own mistake, and its text stays on the server. */
  const REFUSED = [
    'line breaks',
    'a bare line feed',
    'a bare carriage return',
    'NUL and other control characters',
  ];
  const rows = [
    ['a response header', SAY, 'sentence', 'metadata'],
    ['a response trailer', SAY, 'sentence', 'trailer'],
    ['the metadata of an error', SAY, 'sentence', 'error-metadata'],
    ['the metadata of an error behind a message', INTRODUCE, 'name', 'error-metadata'],
  ] as const;

  it.each(rows)('that HTTP does not carry is refused in %s', async (_, path, field, verb) => {
    const all = await withstandTexts(
      path,
      REFUSED.map((name) => ({ [field]: `${verb}:${TEXTS[name]}` })),
    );
    expect(all).toHaveLength(REFUSED.length);
    for (const answers of all) {
      expect(byName(answers, path === SAY ? unaryOutcome : streamOutcome)).toEqual(
        everywhere(answers, { code: 'internal', message: 'internal error' }),
      );
    }
  });
});

describe('an error text of 100 KB', () => {
  it.each(Object.entries(LONG_TEXTS))('arrives where it stands in a body, %s', async (_, text) => {
    const whole = { code: 'failed_precondition', message: text };
    const unary = await withstandText(SAY, { sentence: `fail:${text}` });
    const streams = await withstandText(INTRODUCE, { name: `fail:${text}` });
    const inBody = [
      ...unary.filter(({ dialect }) => dialect.protocol === 'Connect').map(unaryOutcome),
      ...streams.filter(({ dialect }) => dialect.protocol !== 'gRPC').map(streamOutcome),
    ];
    expect(inBody).toEqual([whole, whole, whole, whole, whole, whole]);
  });

  it.each(Object.entries(LONG_TEXTS))('is cut where it stands in headers, %s', async (_, text) => {
    const unary = await withstandText(SAY, { sentence: `fail:${text}` });
    const streams = await withstandText(INTRODUCE, { name: `fail:${text}` });
    const outcomes = [...unary.map(unaryOutcome), ...streams.map(streamOutcome)];
    expect(outcomes.map(({ code }) => code)).toEqual(outcomes.map(() => 'failed_precondition'));
    expect(outcomes.filter(({ message }) => message.length < 1_000 || !text.startsWith(message))).toEqual([]);
  });
});
