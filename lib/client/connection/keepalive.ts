/**
 * Finds half-open connections: the peer is gone, and no packet ever said so. And those that node:http2 has given up: when a
 * peer breaks the protocol badly enough, Node sends GOAWAY, reads no more, not even the end, and tells nobody.
 *
 *   quiet ──► bytes came since the last look: nothing to do
 *     └─────► none came: PING ──► bytes come: quiet          no bytes within the timeout: the peer is lost
 *
 * A look at the socket's counter costs the calls nothing. Any byte proves that the peer lives, not only the answer to the
 * PING, which may wait behind a large response. It looks more often than it may ask: the first PING comes early, and the next
 * one an interval later, which is what gRPC servers count.
 */
import { type ClientHttp2Session } from 'node:http2';
import { type Socket } from 'node:net';
import { type KeepaliveOptions } from './connection-options.js';
import { ConnectionTimer } from './connection-timer.js';

/** Between two looks, in milliseconds; shorter intervals are their own. */
const LOOK_MS = 30_000;

export interface KeepaliveInit {
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
  readonly options: Required<KeepaliveOptions>;
  readonly isBusy: () => boolean;
  readonly onLost: (cause: Error) => void;
}

export class Keepalive {
  readonly #timer = new ConnectionTimer(() => this.#look());
  #bytesSeen = 0;
  #isWaiting = false;
  #pingedAt = -Infinity;

  constructor(private readonly init: KeepaliveInit) {}

  start(): void {
    this.#bytesSeen = this.init.socket.bytesRead;
    this.#isWaiting = false;
    this.#lookLater();
  }

  stop(): void {
    this.#timer.stop();
  }

  #look(): void {
    const { socket, options, isBusy, onLost } = this.init;
    if (socket.bytesRead !== this.#bytesSeen || !(isBusy() || options.whenIdle)) {
      this.start();
    } else if (this.#isWaiting) {
      onLost(new Error(`the peer did not answer a ping within ${options.timeoutMs} ms`));
    } else if (performance.now() - this.#pingedAt < options.intervalMs) {
      this.#lookLater();
    } else {
      this.#ping();
    }
  }

  #lookLater(): void {
    const { intervalMs } = this.init.options;
    this.#timer.start(intervalMs === Infinity ? Infinity : Math.min(intervalMs, LOOK_MS));
  }

  #ping(): void {
    const { session, options } = this.init;
    this.#isWaiting = true;
    this.#pingedAt = performance.now();
    // Its answer counts as bytes that came.
    session.ping(ignore);
    this.#timer.start(options.timeoutMs);
  }
}

function ignore(): void {}
