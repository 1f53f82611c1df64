/**
 * The age of a connection, after which it is ended and its client connects anew.
 *
 * Behind a load balancer that balances connections, a client that never reconnects never finds the servers that
 * were added. The jitter keeps connections that began together from ending together.
 * (gRPC, "Keepalive": MAX_CONNECTION_AGE, ±10 %, and MAX_CONNECTION_AGE_GRACE)
 */
import { type EngineOptions } from './options.js';

const JITTER = 0.1;

/** `young`: nothing to do. `old`: no new calls, running ones may finish. `over`: running ones are ended. */
export type AgePhase = 'young' | 'old' | 'over';

export class ConnectionAge {
  readonly #oldAt: number;
  readonly #overAt: number;

  /** @param random From 0 to 1; tests give their own. */
  constructor(
    options: Pick<EngineOptions, 'maxConnectionAgeMs' | 'maxConnectionAgeGraceMs'>,
    random: () => number = Math.random,
  ) {
    const factor = 1 + JITTER * (2 * random() - 1);
    this.#oldAt = performance.now() + options.maxConnectionAgeMs * factor;
    this.#overAt = this.#oldAt + options.maxConnectionAgeGraceMs;
  }

  phase(now: number): AgePhase {
    return now < this.#oldAt ? 'young' : now < this.#overAt ? 'old' : 'over';
  }
}
