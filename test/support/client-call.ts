/**
 * A call of the test service by a client protocol, on an HttpClient without a socket: what was requested is in
 * `http`, the spec feeds the response, and what the caller saw has one shape for all four kinds.
 */
import { protoCodec } from '../../lib/codec/proto-codec.js';
import { gzip } from '../../lib/compression/zlib.js';
import { type CallStart, type ClientCall, type SingleReply } from '../../lib/rpc/client-call.js';
import { type ConnectError } from '../../lib/rpc/connect-error.js';
import { type RpcHeaders } from '../../lib/rpc/headers.js';
import { createMethodSpec } from '../../lib/rpc/method-spec.js';
import {
  type ClientMethod,
  type ClientProtocol,
  type ClientWireOptions,
} from '../../lib/wire/client-protocol.js';
import { MemoryHttpClient } from './memory-http-client.js';
import { readAll, type SeenRequests } from './serve.js';
import { type TestMethodName, testMethodNamed, textMessage, textOf } from './test-service.js';

/** Replies as texts, and how the call ended: a single reply looks like a stream of one. */
export type SeenReplies = SeenRequests;

/** Proto; gzip for responses; limits of 1,000 bytes; requests not compressed. */
export const CLIENT_OPTIONS: ClientWireOptions = Object.freeze({
  codec: protoCodec,
  compressions: [gzip],
  requestCompression: undefined,
  compressMinBytes: 0,
  receiveLimitBytes: 1_000,
  sendLimitBytes: 1_000,
  useGet: false,
});

/** Defaults: {@link CLIENT_OPTIONS}. */
export function testClientMethod(
  name: TestMethodName,
  options: Partial<ClientWireOptions> = {},
): ClientMethod {
  const spec = createMethodSpec(testMethodNamed(name));
  return { spec, path: spec.path, options: { ...CLIENT_OPTIONS, ...options } };
}

export interface TestCallSetup extends Partial<CallStart> {
  readonly options?: Partial<ClientWireOptions>;
}

export interface TestCall {
  readonly call: ClientCall;
  readonly http: MemoryHttpClient;
  readonly seen: SeenReplies;
  /** Everything that the caller was told, in order. */
  readonly told: readonly (readonly ['headers' | 'trailers', RpcHeaders])[];
}

/** Begins a call, and asks for all replies. Headers and trailers are told too, unless the setup says otherwise. */
export function openCall(
  protocol: ClientProtocol,
  name: TestMethodName,
  { options, ...start }: TestCallSetup = {},
): TestCall {
  const http = new MemoryHttpClient();
  const told: ['headers' | 'trailers', RpcHeaders][] = [];
  const recorded = new RecordedReply();
  const method = testClientMethod(name, options);
  const { streamsResponses } = method.spec;
  const call = protocol.endpoint(method).open(
    http,
    {
      headers: undefined,
      timeoutMs: undefined,
      signal: undefined,
      onHeaders: (headers) => told.push(['headers', headers]),
      onTrailers: (trailers) => told.push(['trailers', trailers]),
      ...start,
    },
    streamsResponses ? undefined : recorded,
  );
  const seen = streamsResponses ? readAll(call.replies, () => undefined) : recorded.seen;
  return { call, http, seen, told };
}

/** {@link openCall}, and sends all requests: one where the method takes one. */
export function makeCall(
  protocol: ClientProtocol,
  name: TestMethodName,
  setup: TestCallSetup = {},
  requests: readonly string[] = ['hi'],
): TestCall {
  const begun = openCall(protocol, name, setup);
  sendAll(begun.call, requests);
  return begun;
}

/** Sends all requests: one where the method takes one. */
export function sendAll(call: ClientCall, requests: readonly string[]): void {
  if (call.spec.streamsRequests) {
    for (const text of requests) {
      call.write(call.encode(textMessage(text)));
    }
    call.complete();
  } else {
    call.send(textMessage(requests[0] ?? ''));
  }
}

/** Throws when it is told twice. */
class RecordedReply implements SingleReply {
  readonly seen: SeenReplies = { texts: [], end: undefined };

  succeed(message: unknown): void {
    this.seen.texts.push(textOf(message));
    this.#end('complete');
  }

  fail(error: ConnectError): void {
    this.#end(error);
  }

  #end(end: 'complete' | ConnectError): void {
    if (this.seen.end !== undefined) {
      throw new Error('the reply was told twice');
    }
    this.seen.end = end;
  }
}
