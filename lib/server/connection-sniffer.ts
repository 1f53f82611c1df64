/**
 * Tells HTTP/2 from HTTP/1.1 by the first bytes of a clear-text connection.
 *
 * An HTTP/2 client that knows its server begins with `PRI * HTTP/2.0` (RFC 9113, section 3.4); no HTTP/1.1
 * method begins with `PRI`. What was read is put back, so that the server that takes the socket sees it.
 */
import { type Socket } from 'node:net';
import { timerWheel, WheelTimer } from '../rpc/timer-wheel.js';
import { LINGER_MS } from './linger.js';

/** Who takes a socket over. */
export interface SniffedConnection {
  onHttp1(socket: Socket): void;
  onHttp2(socket: Socket): void;
}

const PREFACE = Buffer.from('PRI');

/** Sockets whose first bytes are awaited. */
export class ConnectionSniffer {
  readonly #waiting = new Set<Socket>();
  #isDraining = false;

  /** @param prefaceMs How long a socket may be silent, or send the beginning of `PRI` only, before it is destroyed. */
  constructor(
    private readonly prefaceMs: number,
    private readonly next: SniffedConnection,
  ) {}

  accept(socket: Socket): void {
    const timer = new WheelTimer(() => socket.destroy());
    timerWheel.start(timer, this.#isDraining ? Math.min(this.prefaceMs, LINGER_MS) : this.prefaceMs);
    this.#waiting.add(socket);
    let received: Buffer = Buffer.alloc(0);

    const stop = (): void => {
      timer.cancel();
      this.#waiting.delete(socket);
      socket.off('data', onData).off('end', onEnd).off('close', stop).off('error', ignore);
    };
    // A socket that is half-closed before it said anything: with `allowHalfOpen` nobody else would close it.
    const onEnd = (): void => void socket.destroy();
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const isHttp2 = startsWithPreface(received);
      if (isHttp2 === undefined) {
        return;
      }
      stop();
      // Paused until the new owner listens, or bytes would be lost between the two.
      socket.pause();
      socket.unshift(received);
      if (isHttp2) {
        this.next.onHttp2(socket);
      } else {
        this.next.onHttp1(socket);
      }
      process.nextTick(resume, socket);
    };
    socket.on('data', onData).on('end', onEnd).on('close', stop).on('error', ignore);
  }

  /**
   * Destroys the sockets that have not sent anything yet. Those that still come have little time to do so: the server of
   * an application, which goes on for a while, waits for all sockets when it closes.
   */
  drain(): void {
    this.#isDraining = true;
    this.#waiting.forEach((socket) => socket.destroy());
  }
}

/** @returns `undefined` while there are too few bytes to tell. */
function startsWithPreface(bytes: Buffer): boolean | undefined {
  const length = Math.min(bytes.length, PREFACE.length);
  if (!bytes.subarray(0, length).equals(PREFACE.subarray(0, length))) {
    return false;
  }
  return length === PREFACE.length ? true : undefined;
}

function resume(socket: Socket): void {
  socket.resume();
}

/** `close` follows, and tells all there is to know. */
function ignore(): void {}
