/**
 * Connect on the client: methods to endpoints, with the headers that all of their requests share.
 *
 * Spec: Connect protocol.
 */
import { CompressionTable } from '../../compression/negotiate.js';
import { type CallStart, type ClientCall, type SingleReply } from '../../rpc/client-call.js';
import { type HeaderList } from '../../rpc/headers.js';
import { type HttpClient } from '../../wire/client-exchange.js';
import { type ClientEndpoint, type ClientMethod, type ClientProtocol } from '../../wire/client-protocol.js';
import { MessageFormat } from '../../wire/message-format.js';
import { RequestHeaders } from '../../wire/request-headers.js';
import { userAgent } from '../../wire/user-agent.js';
import { ConnectGetClientCall } from './client-get-call.js';
import { ConnectStreamClientCall, type StreamClientEndpoint } from './client-stream-call.js';
import { ConnectUnaryClientCall, type UnaryClientEndpoint } from './client-unary-call.js';
import { STREAM_PREFIX, UNARY_PREFIX } from './content-type.js';

export const connectClientProtocol: ClientProtocol = Object.freeze({
  name: 'connect',
  needsHttp2: false,
  endpoint: (method: ClientMethod) =>
    method.spec.kind === 'unary' ? unaryEndpoint(method) : streamEndpoint(method),
});

function unaryEndpoint(method: ClientMethod): ClientEndpoint {
  const { spec, options } = method;
  const compressions = new CompressionTable(options.compressions, options);
  const contentType = UNARY_PREFIX + options.codec.name;
  const accept = compressions.acceptHeader('accept-encoding');
  const own = ['content-type', contentType, ...VERSION, ...accept];
  const endpoint: UnaryClientEndpoint = Object.freeze({
    method,
    format: MessageFormat.ofClient(method),
    compressions,
    contentType,
    postHeaders: requestHeaders(own),
    compressedPostHeaders: requestHeaders([...own, ...encodingHeader('content-encoding', method)]),
    // Without content type and version: both are in the query.
    getHeaders: requestHeaders(accept),
  });
  const Call = options.useGet && spec.hasNoSideEffects ? ConnectGetClientCall : ConnectUnaryClientCall;
  return Object.freeze({
    open: (http: HttpClient, start: CallStart, reply: SingleReply | undefined): ClientCall =>
      new Call(http, endpoint, start, reply).open(),
  });
}

function streamEndpoint(method: ClientMethod): ClientEndpoint {
  const { options } = method;
  const compressions = new CompressionTable(options.compressions, options);
  const contentType = STREAM_PREFIX + options.codec.name;
  const endpoint: StreamClientEndpoint = Object.freeze({
    method,
    format: MessageFormat.ofClient(method),
    compressions,
    contentType,
    headers: requestHeaders([
      'content-type',
      contentType,
      ...VERSION,
      ...encodingHeader('connect-content-encoding', method),
      ...compressions.acceptHeader('connect-accept-encoding'),
      // Envelopes are compressed one by one: nobody on the way shall compress the whole body.
      'accept-encoding',
      'identity',
    ]),
  });
  return Object.freeze({
    open: (http: HttpClient, start: CallStart, reply: SingleReply | undefined): ClientCall =>
      new ConnectStreamClientCall(http, endpoint, start, reply).open(),
  });
}

const VERSION: HeaderList = Object.freeze(['connect-protocol-version', '1']);

function encodingHeader(name: string, { options }: ClientMethod): HeaderList {
  return options.requestCompression === undefined ? [] : [name, options.requestCompression.name];
}

function requestHeaders(own: HeaderList): RequestHeaders {
  return new RequestHeaders({ own, userAgent: userAgent(), timeoutName: 'connect-timeout-ms' });
}
