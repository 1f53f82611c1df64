/**
 * The page: makes the calls that a test asks for, and tells what came. It runs in the browser, as a script.
 */
import { callWithConnectWeb } from './connect-web-calls.js';
import { callWithGrpcWeb } from './grpc-web-calls.js';
import { type CallRequest, type CallOutcome } from './outcome.js';

function call(request: CallRequest): Promise<CallOutcome> {
  return request.client.startsWith('grpc-web npm') ? callWithGrpcWeb(request) : callWithConnectWeb(request);
}

Object.assign(globalThis, { call });
