/**
 * A way from a server on which bytes come one at a time.
 */
import { type Socket } from 'node:net';
import { Road } from './road.js';

export interface Pace {
  /** Milliseconds between two bytes. */
  readonly everyMs: number;
  /** Bytes of each connection that are not slow. */
  readonly freeBytes: number;
}

export class SlowRoad extends Road {
  constructor(
    port: number,
    private readonly pace: Pace,
  ) {
    super(port);
  }

  protected connected(near: Socket, far: Socket): void {
    near.pipe(far);
    this.#slowDown(far, near);
  }

  #slowDown(from: Socket, to: Socket): void {
    let [bytes, left]: [Buffer, number] = [Buffer.alloc(0), this.pace.freeBytes];
    from.on('data', (chunk: Buffer) => {
      to.write(chunk.subarray(0, left));
      bytes = Buffer.concat([bytes, chunk.subarray(left)]);
      left -= Math.min(left, chunk.length);
    });
    const timer = setInterval(() => {
      to.write(bytes.subarray(0, 1));
      bytes = bytes.subarray(1);
    }, this.pace.everyMs);
    to.on('close', () => {
      clearInterval(timer);
      from.destroy();
    });
  }
}
