/**
 * A way from a server on which bytes come one at a time.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Pace {
  /** Milliseconds between two bytes. */
  readonly everyMs: number;
  /** Bytes of each connection that are not slow. */
  readonly freeBytes: number;
}

export class SlowRoad {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer({ noDelay: true }, (near) => this.#join(near));

  constructor(
    private readonly port: number,
    private readonly pace: Pace,
  ) {}

  /** @returns The URL of this end. */
  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async close(): Promise<void> {
    this.#sockets.forEach((socket) => socket.destroy());
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket): void {
    const far = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    }
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
