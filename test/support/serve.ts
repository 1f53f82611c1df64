/**
 * A route with a handler, served by the real dispatcher in all protocols on a memory exchange.
 */
import { gzip } from '../../lib/compression/zlib.js';
import { createJsonCodec } from '../../lib/codec/json-codec.js';
import { protoCodec } from '../../lib/codec/proto-codec.js';
import { serverProtocols } from '../../lib/protocol/index.js';
import { type ConnectError } from '../../lib/rpc/connect-error.js';
import { type MessageSource } from '../../lib/rpc/message-flow.js';
import { createMethodSpec, type MethodKind } from '../../lib/rpc/method-spec.js';
import { type RouteHandler, type ServerCall } from '../../lib/rpc/server-call.js';
import { Dispatcher } from '../../lib/server/dispatcher.js';
import { type Route, type WireOptions } from '../../lib/wire/route.js';
import { MemoryExchange, type MemoryRequest } from './memory-exchange.js';
import { METHOD_OF_KIND, type TestMethodName, testMethodNamed, textMessage, textOf } from './test-service.js';

const WIRE_OPTIONS: WireOptions = Object.freeze({
  codecs: [protoCodec, createJsonCodec()],
  compressions: [gzip],
  receiveLimitBytes: 1_000,
  sendLimitBytes: 1_000,
  compressMinBytes: Infinity,
  maxTimeoutMs: Infinity,
  requireProtocolVersion: false,
});

/** A route that remembers what was reported to it. */
export interface TestRoute extends Route {
  readonly reports: unknown[];
}

export interface TestRouteOptions extends Partial<WireOptions> {
  /** Default: the method of the handler's kind. */
  readonly method?: TestMethodName;
}

/** Defaults: gzip, limits of 1,000 bytes, responses not compressed. */
export function createTestRoute(handler: RouteHandler, options: TestRouteOptions = {}): TestRoute {
  const { method = METHOD_OF_KIND[handler.kind], ...wire } = options;
  const reports: unknown[] = [];
  return {
    spec: createMethodSpec(testMethodNamed(method)),
    handler,
    options: { ...WIRE_OPTIONS, ...wire },
    reports,
    report: (error) => void reports.push(error),
  };
}

/** Begins a request: the head is dispatched, the body is the spec's to send. */
export function open(route: Route, request: MemoryRequest): MemoryExchange {
  const dispatcher = new Dispatcher(serverProtocols, { http1Bidi: true });
  dispatcher.add(route);
  const exchange = new MemoryExchange({ path: route.spec.path, ...request });
  dispatcher.dispatch(exchange);
  return exchange;
}

/** Sends a whole request, and waits until its exchange is closed. */
export async function send(
  route: Route,
  request: MemoryRequest,
  ...chunks: readonly Uint8Array[]
): Promise<MemoryExchange> {
  const exchange = open(route, request);
  for (const chunk of chunks) {
    exchange.data(chunk);
  }
  exchange.finish();
  await exchange.closed;
  return exchange;
}

/** What a handler saw of its request stream. */
export interface SeenRequests {
  readonly texts: string[];
  /** How the stream ended; `undefined` while it has not. */
  end: 'complete' | ConnectError | undefined;
}

/** Asks for every message of a request stream. */
export function readAll(source: MessageSource<unknown>, onEnd: (seen: SeenRequests) => void): SeenRequests {
  const seen: SeenRequests = { texts: [], end: undefined };
  const finish = (end: 'complete' | ConnectError): void => {
    seen.end = end;
    onEnd(seen);
  };
  source.start({
    next(message) {
      seen.texts.push(textOf(message));
      source.pull();
    },
    complete: () => finish('complete'),
    error: finish,
  });
  source.pull();
  return seen;
}

/**
 * A handler that answers with what it was asked: unary and client streaming with one text, the others with
 * one message for each.
 *
 * @param before Runs before the answer: sets headers and trailers.
 */
export function echo(kind: MethodKind, before: (call: ServerCall) => void = () => undefined): RouteHandler {
  return ECHO[kind](before);
}

const ECHO: { readonly [K in MethodKind]: (before: (call: ServerCall) => void) => RouteHandler } = {
  unary: (before) => ({
    kind: 'unary',
    invoke(request, call) {
      before(call);
      call.succeed(textMessage(textOf(request)));
    },
  }),
  client_streaming: (before) => ({
    kind: 'client_streaming',
    invoke(requests, call) {
      readAll(requests, ({ texts, end }) => {
        before(call);
        if (end === 'complete') {
          call.succeed(textMessage(texts.join(' ')));
        }
      });
    },
  }),
  server_streaming: (before) => ({
    kind: 'server_streaming',
    invoke(request, call) {
      before(call);
      for (const text of textOf(request).split(' ')) {
        call.write(call.encode(textMessage(text)));
      }
      call.complete();
    },
  }),
  bidi_streaming: (before) => ({
    kind: 'bidi_streaming',
    invoke(requests, call) {
      before(call);
      requests.start({
        next(message) {
          call.write(call.encode(message));
          requests.pull();
        },
        complete: () => call.complete(),
        error: () => undefined,
      });
      requests.pull();
    },
  }),
};

/** A handler that fails at once. */
export function failing(kind: MethodKind, error: () => ConnectError): RouteHandler {
  const invoke = (_: unknown, call: { fail(error: ConnectError): void }): void => call.fail(error());
  return { kind, invoke };
}

/** A handler that never answers, and hands its call out. */
export function silent(kind: MethodKind, seen: (call: ServerCall) => void = () => undefined): RouteHandler {
  const invoke = (_: unknown, call: ServerCall): void => seen(call);
  return { kind, invoke };
}
