/**
 * The timers of a connection: a few for each, and none for its calls.
 *
 * They never hold the process: what waits for an answer holds a socket.
 */

/** What setTimeout can count; above, it would fire at once. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export class ConnectionTimer {
  #timeout: NodeJS.Timeout | undefined;

  constructor(private readonly onTime: () => void) {}

  get isRunning(): boolean {
    return this.#timeout !== undefined;
  }

  /** Starts it, anew when it runs. @param ms `Infinity` for never; what is above 24 days counts as 24 days. */
  start(ms: number): void {
    this.stop();
    if (ms !== Infinity) {
      this.#timeout = setTimeout(() => this.#fire(), Math.min(ms, MAX_TIMEOUT_MS)).unref();
    }
  }

  stop(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #fire(): void {
    this.#timeout = undefined;
    this.onTime();
  }
}
