/**
 * Every protocol that the server speaks, with every kind of call and every codec: a protocol that is added to
 * `serverProtocols` must be added to PEERS, and is then covered by all of this.
 */
import { describe, expect, it, jest } from '@jest/globals';
import { frame, framesIn, json, proto } from '../../test/support/frames.js';
import { type MemoryExchange, type MemoryRequest } from '../../test/support/memory-exchange.js';
import { createTestRoute, echo, failing, open, send, silent } from '../../test/support/serve.js';
import { METHOD_KINDS } from '../../test/support/test-service.js';
import { Code, codeFromName, CODES } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type MethodKind } from '../rpc/method-spec.js';
import { type ServerCall } from '../rpc/server-call.js';
import { serverProtocols } from './index.js';

/** What a client of the protocol would make of a response. */
interface Outcome {
  /** The messages, as the codec wrote them. */
  readonly messages: readonly string[];
  /** 0 for success. */
  readonly code: number;
  readonly message: string;
  /** The value of the header, and of the trailer, named x-mark. */
  readonly header: string | undefined;
  readonly trailer: string | undefined;
}

/** A client of a protocol, as small as it can be. */
interface Peer {
  contentType(kind: MethodKind, codec: string): string;
  request(kind: MethodKind, message: Uint8Array): Uint8Array;
  outcome(kind: MethodKind, exchange: MemoryExchange): Outcome;
  readonly timeoutHeader: readonly [name: string, expired: string];
}

const PEERS: Readonly<Record<string, Peer>> = {
  connect: {
    contentType: (kind, codec) =>
      kind === 'unary' ? `application/${codec}` : `application/connect+${codec}`,
    request: (kind, message) => (kind === 'unary' ? message : frame(0, message)),
    outcome: (kind, exchange) => (kind === 'unary' ? unaryOutcome(exchange) : endStreamOutcome(exchange)),
    timeoutHeader: ['connect-timeout-ms', '0'],
  },
  grpc: {
    contentType: (_, codec) => `application/grpc+${codec}`,
    request: (_, message) => frame(0, message),
    outcome: (_, exchange) =>
      statusOutcome(exchange, framesIn(exchange.body), (name) =>
        exchange.trailers === undefined ? exchange.responseHeader(name) : exchange.responseTrailer(name),
      ),
    timeoutHeader: ['grpc-timeout', '0m'],
  },
  'grpc-web': {
    contentType: (_, codec) => `application/grpc-web+${codec}`,
    request: (_, message) => frame(0, message),
    outcome: (_, exchange) => {
      const frames = framesIn(exchange.body);
      const block = frames.find(([flags]) => flags === 0x80)?.[1];
      return statusOutcome(
        exchange,
        frames.filter(([flags]) => flags === 0),
        (name) =>
          block === undefined
            ? exchange.responseHeader(name)
            : new RegExp(`^${name}: (.*)\r$`, 'm').exec(block)?.[1],
      );
    },
    timeoutHeader: ['grpc-timeout', '0m'],
  },
};

interface ErrorBody {
  readonly code: string;
  readonly message?: string;
}

function unaryOutcome(exchange: MemoryExchange): Outcome {
  const isSuccess = exchange.status === 200;
  const error: ErrorBody | undefined = isSuccess ? undefined : JSON.parse(exchange.text);
  return {
    messages: isSuccess ? [Buffer.from(exchange.body).toString('latin1')] : [],
    code: codeOf(error),
    message: error?.message ?? '',
    header: exchange.responseHeader('x-mark'),
    trailer: exchange.responseHeader('trailer-x-mark'),
  };
}

function endStreamOutcome(exchange: MemoryExchange): Outcome {
  const frames = framesIn(exchange.body);
  const [flags, last = ''] = frames.at(-1) ?? [];
  expect([exchange.status, flags]).toEqual([200, 2]);
  const end: { error?: ErrorBody; metadata?: Record<string, readonly string[]> } = JSON.parse(last);
  return {
    messages: frames.slice(0, -1).map(([, payload]) => payload),
    code: codeOf(end.error),
    message: end.error?.message ?? '',
    header: exchange.responseHeader('x-mark'),
    trailer: end.metadata?.['x-mark']?.join(', '),
  };
}

function codeOf(error: ErrorBody | undefined): number {
  return error === undefined ? 0 : (codeFromName(error.code) ?? -1);
}

function statusOutcome(
  exchange: MemoryExchange,
  frames: ReturnType<typeof framesIn>,
  trailer: (name: string) => string | undefined,
): Outcome {
  expect(exchange.status).toBe(200);
  return {
    messages: frames.map(([, payload]) => payload),
    code: Number(trailer('grpc-status') ?? -1),
    message: trailer('grpc-message') ?? '',
    header: exchange.responseHeader('x-mark'),
    trailer: trailer('x-mark'),
  };
}

function peerOf(protocol: string): Peer {
  const peer = PEERS[protocol];
  if (peer === undefined) {
    throw new Error(`PEERS has no client of the protocol "${protocol}": write one`);
  }
  return peer;
}

const CODECS = { proto, json } as const;
const NOTHING = { header: undefined, trailer: undefined };

it('has a peer for every protocol', () => {
  expect(serverProtocols.map(({ name }) => name)).toEqual(Object.keys(PEERS));
});

describe.each(serverProtocols.map((protocol) => [protocol.name, protocol] as const))(
  '%s and content types',
  (_, protocol) => {
    const types = METHOD_KINDS.flatMap((kind) =>
      protocol.endpoints(createTestRoute(echo(kind))).flatMap(({ contentTypes }) => contentTypes),
    );

    it.each([...new Set(types)])('recognizes %s alone', (type) => {
      const names = serverProtocols.filter((each) => each.recognizes(type)).map(({ name }) => name);
      expect(names).toEqual([protocol.name]);
    });

    it('owns none that it does not recognize, nor what the rest of the web uses', () => {
      const owned = [...new Set(types)].filter((type) => protocol.owns(type));
      expect(owned).not.toEqual([]);
      expect(owned).not.toContain('application/json');
      expect(owned.filter((type) => !protocol.recognizes(type))).toEqual([]);
    });

    it.each(['application/json+x', 'application/octet-stream', 'text/plain', 'application/grpcx', ''])(
      'does not recognize %j',
      (type) => {
        expect([protocol.recognizes(type), protocol.owns(type)]).toEqual([false, false]);
      },
    );
  },
);

const CASES = serverProtocols.flatMap(({ name }) =>
  METHOD_KINDS.flatMap((kind) => (['proto', 'json'] as const).map((codec) => [name, kind, codec] as const)),
);

function mark(call: ServerCall): void {
  call.responseHeaders.append('x-mark', 'h1').append('x-mark', 'h2');
  call.responseTrailers.append('x-mark', 't');
}

describe.each(CASES)('%s, %s, %s', (protocol, kind, codec) => {
  const peer = peerOf(protocol);
  const encode = CODECS[codec];
  const head = (headers: Record<string, string> = {}): MemoryRequest => ({
    headers: { 'content-type': peer.contentType(kind, codec), ...headers },
  });
  const hi = peer.request(kind, encode('hi'));
  const encoded = (text: string): string => encode(text).toString('latin1');

  it('answers a message with a message', async () => {
    const exchange = await send(createTestRoute(echo(kind)), head(), hi);
    expect(peer.outcome(kind, exchange)).toEqual({
      messages: [encoded('hi')],
      code: 0,
      message: '',
      ...NOTHING,
    });
    expect(exchange.responseHeader('content-type')).toBe(peer.contentType(kind, codec));
  });

  it('carries headers and trailers', async () => {
    const exchange = await send(createTestRoute(echo(kind, mark)), head(), hi);
    expect(peer.outcome(kind, exchange)).toMatchObject({ code: 0, header: 'h1, h2', trailer: 't' });
  });

  it('shows the handler the same call, whatever the protocol', async () => {
    const seen: unknown[] = [];
    const look = (call: ServerCall): void => {
      seen.push(call.protocol, call.spec.kind, call.httpMethod, call.httpVersion, call.isAnswered);
      seen.push(call.requestHeaders.get('x-mark'), call.requestTimeoutMs, call.cancelReason);
    };
    await send(createTestRoute(echo(kind, look)), head({ 'x-mark': 'in' }), hi);
    expect(seen).toEqual([protocol, kind, 'POST', '2', false, 'in', undefined, undefined]);
  });

  it.each(CODES)('carries code %d with its message', async (code) => {
    const route = createTestRoute(failing(kind, () => new ConnectError('plain text', { code })));
    const exchange = await send(route, head(), hi);
    expect(peer.outcome(kind, exchange)).toEqual({ messages: [], code, message: 'plain text', ...NOTHING });
  });

  it('answers internal for a handler that throws, and reports why', async () => {
    const fault = new Error('a secret');
    const invoke = (): never => {
      throw fault;
    };
    const route = createTestRoute({ kind, invoke });
    const exchange = await send(route, head(), hi);
    expect(peer.outcome(kind, exchange)).toMatchObject({ code: Code.Internal, message: 'internal error' });
    expect(route.reports).toEqual([fault]);
  });

  it('refuses a message over the limit', async () => {
    const exchange = await send(createTestRoute(echo(kind), { receiveLimitBytes: 3 }), head(), hi);
    expect(peer.outcome(kind, exchange)).toMatchObject({ messages: [], code: Code.ResourceExhausted });
  });

  it('refuses bytes that are no message', async () => {
    const broken = peer.request(kind, Buffer.from([0xff]));
    const exchange = await send(createTestRoute(echo(kind)), head(), broken);
    expect(peer.outcome(kind, exchange)).toMatchObject({ messages: [], code: Code.InvalidArgument });
  });

  it('runs no handler for a deadline that has passed', async () => {
    const invoked = jest.fn();
    const [name, expired] = peer.timeoutHeader;
    const exchange = await send(createTestRoute(silent(kind, invoked)), head({ [name]: expired }), hi);
    expect(peer.outcome(kind, exchange)).toMatchObject({ code: Code.DeadlineExceeded });
    expect(invoked).not.toHaveBeenCalled();
  });

  it('cancels the handler of a client that goes away, and answers nothing', async () => {
    const calls: ServerCall[] = [];
    const exchange = open(createTestRoute(silent(kind, (call) => calls.push(call))), head());
    exchange.data(hi).finish();
    const [call] = calls;
    const reasons: unknown[] = [];
    call?.onCancel(({ code }) => reasons.push(code));
    exchange.abort();
    await exchange.closed;
    expect([exchange.status, reasons, call?.signal.aborted]).toEqual([undefined, [Code.Canceled], true]);
  });

  it.each([Code.Unavailable, Code.DeadlineExceeded])(
    'ends with code %d when the engine terminates the call',
    async (code) => {
      const calls: ServerCall[] = [];
      const exchange = open(createTestRoute(silent(kind, (call) => calls.push(call))), head());
      exchange.data(hi).finish();
      exchange.terminate(new ConnectError('', { code }));
      await exchange.closed;
      expect(peer.outcome(kind, exchange)).toMatchObject({ messages: [], code });
      expect(calls[0]?.cancelReason).toMatchObject({ code });
    },
  );
});
