/**
 * The server as it is deployed, seen from outside: started, told by a signal to end, and waited for.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { RawClient } from '../../server/engine-harness.js';
import { type CompiledTarget } from '../../support/compiled-target.js';
import { type ServerInit } from './server-forms.js';

/** How the process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly at: number;
}

export class Deployed {
  port = 0;
  /** Settles when the process has ended. */
  readonly ended: Promise<Exit>;
  #startedHandlers = 0;
  #log = '';
  #waiting: (() => void)[] = [];
  readonly #clients: { destroy(): void }[] = [];

  private constructor(private readonly process: ChildProcess) {
    process.stderr?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    this.ended = new Promise((resolve) => {
      process.once('exit', (code, signal) => resolve({ code, signal, at: performance.now() }));
    });
  }

  static async start(target: CompiledTarget, init: ServerInit): Promise<Deployed> {
    const program = target.program('test/faults/support/shutdown-server.ts');
    const child = spawn(process.execPath, [program, JSON.stringify(init)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const deployed = new Deployed(child);
    const lines = createInterface(child.stdout);
    const [port] = (await Promise.race([once(lines, 'line'), deployed.ended.then(() => [])])) as [string?];
    if (port === undefined) {
      throw new Error(`the server did not start: ${deployed.#log}`);
    }
    deployed.port = Number(port);
    lines.on('line', () => deployed.#handlerStarted());
    return deployed;
  }

  /** What the process wrote to its error output. */
  get log(): string {
    return this.#log;
  }

  /** Waits until so many handlers have begun. */
  async handlers(count: number): Promise<void> {
    while (this.#startedHandlers < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Opens a connection that speaks in bytes. @param options A polite client closes its side when the server does. */
  async raw({ isPolite } = { isPolite: true }): Promise<RawClient> {
    const socket = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: !isPolite });
    const client = this.#track(new RawClient(socket));
    await Promise.race([once(socket, 'connect').catch(() => {}), client.ended]);
    return client;
  }

  session(initialWindowSize = 65_535): ClientHttp2Session {
    const session = connectHttp2(`http://127.0.0.1:${this.port}`, { settings: { initialWindowSize } });
    session.on('error', () => {});
    return this.#track(session);
  }

  /** @returns When it was sent. */
  signal(name: 'SIGTERM'): number {
    this.process.kill(name);
    return performance.now();
  }

  /** Ends what is left of it, and its clients. */
  async destroy(): Promise<void> {
    this.#clients.forEach((client) => client.destroy());
    this.process.kill('SIGKILL');
    await this.ended;
  }

  #track<T extends { destroy(): void }>(client: T): T {
    this.#clients.push(client);
    return client;
  }

  #handlerStarted(): void {
    this.#startedHandlers++;
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((resolve) => resolve());
  }
}
