/**
 * The test service on `@connectrpc/connect-node`: three protocols; HTTP/1.1 and HTTP/2 on ports of their own, because Node
 * has no clear text server for both.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer, createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, type Server, type Socket } from 'node:net';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { TestService } from '../test-service.js';
import { type PeerInit, type RunningPeer } from './peer.js';
import { FAILURE, Script, type ScriptedCall } from './script.js';

interface Text {
  readonly value: string;
}

export async function startConnectNode(init: PeerInit): Promise<RunningPeer> {
  const server = createServerFor(init, connectNodeAdapter({ routes }));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const unmute = muteAdapter();
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      sockets.forEach((socket) => socket.destroy());
      await closed;
      unmute();
    },
  };
}

function createServerFor(
  { httpVersion, tls }: PeerInit,
  handler: ReturnType<typeof connectNodeAdapter>,
): Server {
  if (httpVersion === '1.1') {
    return tls === undefined ? createServer(handler) : createHttpsServer(tls, handler);
  }
  return tls === undefined ? createHttp2Server(handler) : createSecureServer(tls, handler);
}

/** The adapter prints each call that its client has canceled, and takes no logger. */
function muteAdapter(): () => void {
  const print = console.error;
  console.error = (...texts) => {
    if (!String(texts[0]).startsWith('handler for rpc')) {
      print(...texts);
    }
  };
  return () => {
    console.error = print;
  };
}

function routes(router: ConnectRouter): void {
  const script = new Script();
  const answer = async ({ value }: Text, context: HandlerContext): Promise<Text> => ({
    value: await script.answer(value, scripted(context)),
  });
  router.service(TestService, {
    say(request, context) {
      echo(context);
      return answer(request, context);
    },
    // Tells which HTTP method has brought it.
    look: ({ value }, { requestMethod }) => ({ value: `${requestMethod} ${value}` }),
    async *watch({ value: words }, context) {
      echo(context);
      for (const value of words.split(' ')) {
        yield await answer({ value }, context);
      }
    },
    async collect(requests, context) {
      const answers: string[] = [];
      for await (const request of requests) {
        answers.push((await answer(request, context)).value);
      }
      return { value: answers.join(' ') };
    },
    async *talk(requests, context) {
      for await (const request of requests) {
        yield await answer(request, context);
      }
    },
  });
}

function scripted({ signal, timeoutMs }: HandlerContext): ScriptedCall {
  return {
    async whenCanceled() {
      await once(signal, 'abort');
      return signal.reason;
    },
    timeLeftMs: timeoutMs,
    failure,
  };
}

function echo({ requestHeader, responseHeader, responseTrailer }: HandlerContext): void {
  for (const suffix of ['', '-bin']) {
    const value = requestHeader.get(`x-echo${suffix}`);
    if (value !== null) {
      responseHeader.set(`x-echo${suffix}`, value);
      responseTrailer.set(`x-echo-trailer${suffix}`, value);
    }
  }
}

function failure(): ConnectError {
  const metadata = { 'x-reason': FAILURE.reason, 'x-reason-bin': 'AAH/' };
  return new ConnectError(FAILURE.message, Code.FailedPrecondition, metadata, [
    { desc: StringValueSchema, value: FAILURE.detail },
  ]);
}
