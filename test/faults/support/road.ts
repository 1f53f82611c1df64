/**
 * A way to a server, in the middle of which a test does something to the bytes.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export abstract class Road {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer({ noDelay: true }, (near) => this.#join(near));

  /** @param port Where the server is. */
  constructor(private readonly port: number) {}

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

  /** Both ends of the connections that are open. */
  protected get sockets(): Iterable<Socket> {
    return this.#sockets;
  }

  /** Lets bytes through between a client and the server. */
  protected abstract connected(near: Socket, far: Socket): void;

  #join(near: Socket): void {
    const far = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    }
    this.connected(near, far);
  }
}
