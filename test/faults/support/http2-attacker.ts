/**
 * An HTTP/2 client in frames: it does what no well-behaved client can be made to do.
 */
import { once } from 'node:events';
import { type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { ACK, type Frame, FRAME, frame, PREFACE, settings, splitFrames } from './http2-frames.js';

/** Who is attacked. */
export interface Target {
  connect(protocol: 'h2'): Promise<Socket>;
}

export class Http2Attacker {
  readonly frames: Required<Frame>[] = [];
  isEnded = false;
  /** Settles when the server has closed or reset the connection. */
  readonly ended: Promise<void>;
  #rest: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.isEnded = true;
        this.#notify();
        resolve();
      };
      socket.once('end', end).once('close', end);
    });
  }

  /** Connects and shakes hands. @param own The attacker's SETTINGS. */
  static async open(target: Target, own: Readonly<Record<number, number>> = {}): Promise<Http2Attacker> {
    const attacker = new Http2Attacker(await target.connect('h2'));
    attacker.write(Buffer.concat([PREFACE, settings(own)]));
    await attacker.until(({ type, flags }) => type === FRAME.settings && (flags & ACK) === 0);
    attacker.write(frame({ type: FRAME.settings, flags: ACK }));
    return attacker;
  }

  /** The error code of the server's last GOAWAY. */
  get goawayCode(): number | undefined {
    return this.frames.findLast(({ type }) => type === FRAME.goaway)?.payload.slice(4, 8)[3];
  }

  /** Stops to read: what the server sends stays in its buffers. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    return this.socket.writable && this.socket.write(bytes);
  }

  /**
   * Writes as fast as the server takes it, until all is written or the server has had enough.
   *
   * @param blockedMs How long the server may stop reading before the flood gives up.
   * @returns Bytes written.
   */
  async flood(chunks: Iterable<Uint8Array>, blockedMs = 500): Promise<number> {
    let bytes = 0;
    for (const chunk of chunks) {
      if (this.isEnded || !this.socket.writable) {
        break;
      }
      bytes += chunk.length;
      if (!this.socket.write(chunk) && !(await this.#drained(blockedMs))) {
        break;
      }
      await turn();
    }
    return bytes;
  }

  /** @throws Error When the connection ends before such a frame comes. */
  async until(matches: (frame: Required<Frame>) => boolean): Promise<Required<Frame>> {
    for (;;) {
      const found = this.frames.find(matches);
      if (found !== undefined) {
        return found;
      }
      if (this.isEnded) {
        throw new Error(`the connection ended (GOAWAY ${this.goawayCode}) before the frame came`);
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #drained(withinMs: number): Promise<boolean> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), withinMs);
    try {
      await Promise.race([once(this.socket, 'drain', { signal: controller.signal }), this.ended]);
      return !this.isEnded;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(chunk: Buffer): void {
    const { frames, rest } = splitFrames(Buffer.concat([this.#rest, chunk]));
    this.#rest = rest;
    this.frames.push(...frames);
    this.#notify();
  }

  #notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((resolve) => resolve());
  }
}
