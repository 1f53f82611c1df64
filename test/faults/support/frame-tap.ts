/**
 * A way to an HTTP/2 server on which every frame is seen: who ended a connection, and how many resets went over it.
 */
import { type Socket } from 'node:net';
import { END_HEADERS, FRAME, PREFACE, splitFrames } from './http2-frames.js';
import { Road } from './road.js';

/** What went over a connection. */
export class TappedConnection {
  isOpen = true;
  /** HEADERS of the client. */
  requests = 0;
  /** RST_STREAM of the client. */
  resets = 0;
  /** Of the server's GOAWAY frames: codes that are not NO_ERROR. */
  readonly errors: number[] = [];

  /** @internal */
  sent({ type, flags }: SeenFrame): void {
    if (type === FRAME.headers && (flags & END_HEADERS) !== 0) {
      this.requests++;
    } else if (type === FRAME.rstStream) {
      this.resets++;
    }
  }

  /** @internal */
  received({ type, payload }: SeenFrame): void {
    const code = type === FRAME.goaway ? Buffer.from(payload).readUInt32BE(4) : 0;
    if (code !== 0) {
      this.errors.push(code);
    }
  }
}

type SeenFrame = ReturnType<typeof splitFrames>['frames'][number];

export class FrameTap extends Road {
  readonly connections: TappedConnection[] = [];

  get requests(): number {
    return this.connections.reduce((sum, { requests }) => sum + requests, 0);
  }

  get openConnections(): number {
    return this.connections.filter(({ isOpen }) => isOpen).length;
  }

  protected connected(near: Socket, far: Socket): void {
    const connection = new TappedConnection();
    this.connections.push(connection);
    near.on('close', () => (connection.isOpen = false));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('close', () => other.destroy());
      socket.pipe(other);
    }
    watchFrames(near, PREFACE.length, (frame) => connection.sent(frame));
    watchFrames(far, 0, (frame) => connection.received(frame));
  }
}

/** @param skip Bytes in front of the first frame. */
function watchFrames(socket: Socket, skip: number, onFrame: (frame: SeenFrame) => void): void {
  let [left, bytes]: [number, Buffer] = [skip, Buffer.alloc(0)];
  socket.on('data', (chunk: Buffer) => {
    const { frames, rest } = splitFrames(Buffer.concat([bytes, chunk.subarray(left)]));
    left -= Math.min(left, chunk.length);
    bytes = rest;
    frames.forEach(onFrame);
  });
}
