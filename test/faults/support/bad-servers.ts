/**
 * Servers for a client to survive: they answer every call of the Eliza service alike, and misbehave as a test wants.
 */
import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type Socket } from 'node:net';
import { type Peers, type ServeStream } from '../../client/peers.js';
import { frame as envelope } from '../../support/frames.js';
import { Road } from './road.js';

/** SayResponse { sentence: "x" } */
export const REPLY = Buffer.from([0x0a, 1, 0x78]);
const ENVELOPE = envelope(0, REPLY);
const WEB_TRAILERS = envelope(0x80, 'grpc-status: 0\r\n');

/** Answers a unary call in its protocol, by its content type. */
export function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  if (stream.destroyed) {
    return;
  }
  const type = headers['content-type'] ?? '';
  if (!type.startsWith('application/grpc')) {
    stream.respond({ ':status': 200, 'content-type': type });
    stream.end(REPLY);
    return;
  }
  if (type.startsWith('application/grpc-web')) {
    stream.respond({ ':status': 200, 'content-type': type });
    stream.end(Buffer.concat([ENVELOPE, WEB_TRAILERS]));
    return;
  }
  stream.respond({ ':status': 200, 'content-type': type }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(ENVELOPE);
}

/** Answers a little later: calls are under way at any time. */
export function answerAfter(ms: number): ServeStream {
  return (stream, headers) => void setTimeout(answer, ms, stream, headers);
}

/** Does something with all sessions that there are, again and again. @returns Ends it. */
export function everyMs(peers: Peers, ms: number, act: (session: ServerHttp2Session) => void): () => void {
  const timer = setInterval(() => {
    for (const session of peers.sessions.splice(0)) {
      if (!session.destroyed && !session.closed) {
        act(session);
      }
    }
  }, ms);
  return () => clearInterval(timer);
}

/** Refuses every second stream, before it looks at it. */
export function refuseEverySecond(serve: ServeStream): ServeStream {
  let count = 0;
  return (stream, headers) => {
    if (++count % 2 === 0) {
      resetStream(stream, constants.NGHTTP2_REFUSED_STREAM);
    } else {
      serve(stream, headers);
    }
  };
}

/** Without END_STREAM, as of a server that has not ended its response. */
export function resetStream(stream: ServerHttp2Stream, code: number): void {
  stream.end = () => stream;
  stream.close(code);
}

/** A way to a server that can go silent: the connection stands, and what goes in is lost. */
export class SilentRoad extends Road {
  #isSilent = false;
  #open = 0;

  /** Of clients that have not let go of theirs. */
  get openConnections(): number {
    return this.#open;
  }

  goSilent(): void {
    this.#isSilent = true;
    for (const socket of this.sockets) {
      socket.unpipe().resume();
    }
  }

  /** For connections that come; the silent ones stay so. */
  restore(): void {
    this.#isSilent = false;
  }

  protected connected(near: Socket, far: Socket): void {
    this.#open++;
    near.on('close', () => this.#open--);
    if (!this.#isSilent) {
      near.pipe(far);
      far.pipe(near);
    }
  }
}
