/**
 * SIGTERM, as Kubernetes sends it, to a server in a process of its own: calls that end in time have their answers,
 * those that do not are told `unavailable` in their protocol's form, and nothing that a client does or leaves undone
 * holds the process beyond its drain.
 *
 * Nest ends the process with the signal that it got, when all shutdown hooks are done.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  http1Request,
  type Http2Result,
  openHttp2,
  type RawClient,
  recordHttp2,
} from '../server/engine-harness.js';
import { type CompiledTarget, compileTarget } from '../support/compiled-target.js';
import { Deployed } from './support/deployed.js';
import { type Answer, type Dialect, DIALECTS, type Outcome, streamed } from './support/dialects.js';
import { PREFACE } from './support/http2-frames.js';
import { firstResponse } from './support/http1-response.js';
import { type ServerForm, type ServerInit } from './support/server-forms.js';
import { CONVERSE, INTRODUCE, SAY } from './support/victim.js';
import { REST } from './support/vital-signs.js';

jest.setTimeout(15_000);

const FORMS = ['stand-alone', 'mounted'] as const satisfies readonly ServerForm[];
/** Above what the process needs for its end, below the grace times of the server. */
const MARGIN_MS = 900;
/** For answers that are not taken, and for connections that do not close: a second each. (docs/limits.md, "Fixed") */
const GRACE_MS = 2_000;

const OK = { code: 'ok', message: '' };
const STOPPED = { code: 'unavailable', message: 'the server is shutting down' };

let target: CompiledTarget;
let server: Deployed;

beforeAll(async () => {
  target = await compileTarget();
});

afterAll(() => target.remove());
afterEach(() => server.destroy());

async function deploy(form: ServerForm, options: ServerInit['options']): Promise<void> {
  server = await Deployed.start(target, { form, options });
}

/** A call that is under way, and how it must end. */
interface RunningCall {
  readonly name: string;
  readonly expected: Outcome;
  readonly outcome: () => Promise<Outcome>;
  readonly answer: Promise<Answer>;
}

interface Request {
  readonly path: string;
  readonly message: object;
  readonly expected: Outcome;
}

/** What ends by itself within the drain, and what never does. */
const REQUESTS: readonly Request[] = [
  { path: SAY, message: { sentence: '600' }, expected: OK },
  { path: SAY, message: { sentence: 'Infinity' }, expected: STOPPED },
  { path: INTRODUCE, message: { name: '600' }, expected: OK },
  { path: INTRODUCE, message: { name: 'Infinity' }, expected: STOPPED },
];

function bodyOf(dialect: Dialect, { path, message }: Request): Buffer {
  return path === SAY ? dialect.unaryBody(message) : streamed(message);
}

function headersOf(dialect: Dialect, { path }: Request): Record<string, string> {
  return path === SAY ? dialect.unaryHeaders : dialect.streamHeaders;
}

function nameOf({ protocol }: Dialect, { path, message }: Request, version: string): string {
  return `${protocol} over HTTP/${version}, ${path} ${JSON.stringify(message)}`;
}

function running(dialect: Dialect, request: Request, version: string, answer: Promise<Answer>): RunningCall {
  const read = request.path === SAY ? dialect.unaryOutcome : dialect.streamOutcome;
  return {
    name: nameOf(dialect, request, version),
    expected: request.expected,
    answer,
    outcome: async () => read(await answer),
  };
}

function callOverHttp2(session: ClientHttp2Session, dialect: Dialect, request: Request): RunningCall {
  const stream = openHttp2(session, { ':path': request.path, ...headersOf(dialect, request) });
  stream.end(bodyOf(dialect, request));
  return running(dialect, request, '2', recordHttp2(stream));
}

async function callOverHttp1(dialect: Dialect, request: Request): Promise<RunningCall> {
  const client = await server.raw();
  const body = bodyOf(dialect, request);
  const headers = { ...headersOf(dialect, request), 'content-length': String(body.length) };
  client.write(http1Request('', headers, request.path)).write(body);
  return running(
    dialect,
    request,
    '1.1',
    client.ended.then(() => firstResponse(client)),
  );
}

/** A conversation over HTTP/2, which its client ends or not. */
interface Conversation {
  readonly dialect: Dialect;
  readonly stream: ClientHttp2Stream;
  readonly result: Promise<Http2Result>;
}

function converse(session: ClientHttp2Session, dialect: Dialect): Conversation {
  const stream = openHttp2(session, { ':path': CONVERSE, ...dialect.streamHeaders });
  const result = recordHttp2(stream);
  stream.write(streamed({ sentence: 'before' }));
  return { dialect, stream, result };
}

/** The first GOAWAY of a session. */
function goaway(session: ClientHttp2Session): Promise<number> {
  return new Promise((resolve) => session.once('goaway', resolve));
}

async function outcomesOf(calls: readonly RunningCall[]): Promise<Record<string, Outcome>> {
  return Object.fromEntries(
    await Promise.all(calls.map(async ({ name, outcome }) => [name, await outcome()] as const)),
  );
}

describe.each(FORMS)('SIGTERM to a server that is %s', (form) => {
  it('lets calls end within drainTimeoutMs, tells the others that it stops, and ends', async () => {
    const drainTimeoutMs = 1_500;
    await deploy(form, { drainTimeoutMs });
    const sessions = DIALECTS.map((dialect) => ({ dialect, session: server.session() }));
    const overHttp2 = sessions.flatMap(({ dialect, session }) =>
      REQUESTS.map((request) => callOverHttp2(session, dialect, request)),
    );
    const overHttp1 = await Promise.all(
      DIALECTS.filter(({ versions }) => versions.includes('1.1')).flatMap((dialect) =>
        REQUESTS.map((request) => callOverHttp1(dialect, request)),
      ),
    );
    const finished = sessions.map(({ dialect, session }) => converse(session, dialect));
    const unfinished = sessions.map(({ dialect, session }) => converse(session, dialect));
    await server.handlers(overHttp2.length + overHttp1.length + finished.length + unfinished.length);

    const goaways = Promise.all(sessions.map(({ session }) => goaway(session)));
    const signaledAt = server.signal('SIGTERM');
    expect(await goaways).toEqual(sessions.map(() => constants.NGHTTP2_NO_ERROR));
    // They are under way, and go on.
    finished.forEach(({ stream }) => stream.end(streamed({ sentence: 'behind the signal' })));
    expect(await sendNewcomers()).toEqual(NEWCOMERS[form]);

    const expected = [...overHttp2, ...overHttp1].map((call) => [call.name, call.expected]);
    expect(await outcomesOf([...overHttp2, ...overHttp1])).toEqual(Object.fromEntries(expected));
    for (const { dialect, result } of finished) {
      expect(dialect.streamOutcome(await result)).toEqual(OK);
      expect(dialect.streamMessages(await result)).toEqual([
        { sentence: 'before' },
        { sentence: 'behind the signal' },
      ]);
    }
    for (const { dialect, result } of unfinished) {
      expect(dialect.streamOutcome(await result)).toEqual(STOPPED);
    }
    for (const { answer } of overHttp1.filter(({ name }) => name.includes(SAY))) {
      expect((await answer).headers).toMatchObject({ connection: 'close' });
    }
    const exit = await server.ended;
    expect(exit).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect(exit.at - signaledAt).toBeGreaterThanOrEqual(drainTimeoutMs);
    expect(exit.at - signaledAt).toBeLessThan(drainTimeoutMs + MARGIN_MS);
    expect(server.log).toBe('');
  });

  it('ends with the last call, whoever else is connected, and however often it is told to', async () => {
    await deploy(form, { drainTimeoutMs: 10_000 });
    const idleHttp1 = await server.raw();
    const [connectDialect] = DIALECTS as [Dialect];
    const quick = bodyOf(connectDialect, { path: SAY, message: { sentence: '0' }, expected: OK }).toString();
    await idleHttp1.write(http1Request(quick, connectDialect.unaryHeaders, SAY)).until('said');
    const idleHttp2 = server.session();
    await once(idleHttp2, 'remoteSettings');
    const silent = await server.raw();
    const halfPreface = (await server.raw()).write(PREFACE.subarray(0, 2));
    const wholePreface = (await server.raw()).write(PREFACE);
    await wholePreface.until('\0\0'); // SETTINGS, unasked
    const session = server.session();
    const call = callOverHttp2(session, connectDialect, {
      path: SAY,
      message: { sentence: '500' },
      expected: OK,
    });
    await server.handlers(2);

    const goaways = [goaway(session), goaway(idleHttp2)];
    const signaledAt = server.signal('SIGTERM');
    expect(await Promise.all(goaways)).toEqual([0, 0]);
    server.signal('SIGTERM');
    expect(await call.outcome()).toEqual(OK);
    const exit = await server.ended;
    expect(exit).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect(exit.at - signaledAt).toBeGreaterThanOrEqual(400);
    expect(exit.at - signaledAt).toBeLessThan(500 + MARGIN_MS);
    await Promise.all([idleHttp1, silent, halfPreface, wholePreface].map(({ ended }) => ended));
  });

  it('ends although a newcomer connects while it drains, and says nothing', async () => {
    await deploy(form, { drainTimeoutMs: 10_000 });
    const session = server.session();
    const [connectDialect] = DIALECTS as [Dialect];
    const call = callOverHttp2(session, connectDialect, {
      path: SAY,
      message: { sentence: '500' },
      expected: OK,
    });
    await server.handlers(1);
    const draining = goaway(session);
    const signaledAt = server.signal('SIGTERM');
    await draining;
    const newcomer = await server.raw({ isPolite: false });
    expect(await call.outcome()).toEqual(OK);
    const exit = await server.ended;
    expect(exit.at - signaledAt).toBeLessThan(1_000 + MARGIN_MS);
    newcomer.destroy();
  });

  it('ends although nobody reads its answers or closes connections', async () => {
    const drainTimeoutMs = 300;
    await deploy(form, { drainTimeoutMs });
    const request: Request = { path: INTRODUCE, message: { name: 'Infinity large' }, expected: STOPPED };
    const session = server.session(0);
    const streams = DIALECTS.map((dialect) => callOverHttp2(session, dialect, request));
    const clients: RawClient[] = [];
    for (const dialect of DIALECTS.filter(({ versions }) => versions.includes('1.1'))) {
      const client = await server.raw({ isPolite: false });
      client.socket.pause();
      const body = bodyOf(dialect, request);
      client.write(http1Request(body.toString('latin1'), headersOf(dialect, request), INTRODUCE));
      clients.push(client);
    }
    const idle = await server.raw({ isPolite: false });
    const quick = http1Request('{"sentence":"0"}', { 'content-type': 'application/json' }, SAY);
    await idle.write(quick).until('said');
    await server.handlers(streams.length + clients.length + 1);
    const signaledAt = server.signal('SIGTERM');
    const exit = await server.ended;
    expect(exit).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect(exit.at - signaledAt).toBeGreaterThanOrEqual(drainTimeoutMs);
    expect(exit.at - signaledAt).toBeLessThan(drainTimeoutMs + GRACE_MS + MARGIN_MS);
  });
});

/** What newcomers get while it drains: a call, and a REST request. */
const NEWCOMERS = {
  'stand-alone': ['ECONNREFUSED', 'ECONNREFUSED'],
  // The application's own server listens until all its modules are done.
  mounted: ['503 close', '200 keep-alive'],
} as const;

async function sendNew(request: string): Promise<string> {
  const client = await server.raw();
  if (client.error?.code !== undefined) {
    return client.error.code;
  }
  const { status, headers } = await firstResponse(client.write(request));
  return `${status} ${String(headers['connection'])}`;
}

function sendNewcomers(): Promise<string[]> {
  return Promise.all([
    sendNew(http1Request('{"sentence":"0"}', { 'content-type': 'application/json' }, SAY)),
    sendNew(`GET ${REST} HTTP/1.1\r\nhost: test\r\n\r\n`),
  ]);
}
