/**
 * A server at one address that comes and goes; it ends as a good one does: what it has taken, it answers.
 */
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { answer } from './bad-servers.js';

const ANSWER_AFTER_MS = 2;

export class RestartingServer {
  /** Of starts, and of calls. */
  count = 0;
  calls = 0;
  #server: Http2Server | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();

  /** @param port The one that the first start got, where it is 0. */
  constructor(
    private readonly host = '127.0.0.1',
    public port = 0,
  ) {}

  get openConnections(): number {
    return this.#sessions.size;
  }

  /** @returns Its URL. */
  async start(): Promise<string> {
    this.count++;
    const server = createServer();
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => {}).on('close', () => this.#sessions.delete(session));
    });
    server.on('stream', (stream, headers) => {
      this.calls++;
      stream.on('error', () => {});
      setTimeout(answer, ANSWER_AFTER_MS, stream, headers);
    });
    server.listen(this.port, this.host);
    await once(server, 'listening');
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
    return `http://${this.host}:${this.port}`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#sessions.forEach((session) => session.close());
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  }
}
