/**
 * Calls with `@connectrpc/connect-web`.
 */
import { type CallOptions, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { ElizaService, SayRequestSchema } from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { ABORT_DELAY_MS, type CallError, type CallOutcome, type CallRequest, ownOf } from './outcome.js';

const TRANSPORTS: Readonly<Record<string, (baseUrl: string) => Transport>> = {
  'Connect, JSON': (baseUrl) => createConnectTransport({ baseUrl }),
  'Connect, binary': (baseUrl) => createConnectTransport({ baseUrl, useBinaryFormat: true }),
  'Connect, GET': (baseUrl) => createConnectTransport({ baseUrl, useHttpGet: true }),
  'gRPC-Web, JSON': (baseUrl) => createGrpcWebTransport({ baseUrl, useBinaryFormat: false }),
  'gRPC-Web, binary': (baseUrl) => createGrpcWebTransport({ baseUrl }),
};

export async function callWithConnectWeb(request: CallRequest): Promise<CallOutcome> {
  const transport = TRANSPORTS[request.client]?.(request.baseUrl);
  if (transport === undefined) {
    throw new Error(`there is no client "${request.client}"`);
  }
  const eliza = createClient(ElizaService, transport);
  const sentences: string[] = [];
  const abort = new AbortController();
  let headers = {};
  let trailers = {};
  const options: CallOptions = {
    signal: abort.signal,
    ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
    ...(request.headers === undefined ? {} : { headers: request.headers }),
    onHeader: (all) => {
      headers = ownOf(all);
    },
    onTrailer: (all) => {
      trailers = ownOf(all);
    },
  };
  if (request.abortAfter === 0) {
    setTimeout(() => abort.abort(), ABORT_DELAY_MS);
  }
  try {
    if (request.method === 'say') {
      sentences.push((await eliza.say({ sentence: request.text }, options)).sentence);
    } else {
      for await (const { sentence } of eliza.introduce({ name: request.text }, options)) {
        sentences.push(sentence);
        if (sentences.length === request.abortAfter) {
          abort.abort();
        }
      }
    }
    return { sentences, headers, trailers, error: undefined };
  } catch (error) {
    return { sentences, headers, trailers, error: errorOf(error) };
  }
}

function errorOf(cause: unknown): CallError {
  const error = ConnectError.from(cause);
  return {
    code: error.code,
    message: error.rawMessage,
    details: error.findDetails(SayRequestSchema).map(({ sentence }) => sentence),
    metadata: ownOf(error.metadata),
  };
}
