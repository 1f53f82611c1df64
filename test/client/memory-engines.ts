/**
 * Engines without sockets, one for each target that a balanced client has: specs answer and break their requests by hand.
 */
import { type ClientEngine } from '../../lib/client/channel.js';
import { unavailable } from '../../lib/client/connection/exchange-failure.js';
import { type Target } from '../../lib/client/balancing/target.js';
import { type ConnectError } from '../../lib/rpc/connect-error.js';
import { type MemoryClientExchange, MemoryHttpClient } from '../support/memory-http-client.js';

export class MemoryEngine extends MemoryHttpClient implements ClientEngine {
  isClosing = false;
  isDestroyed = false;
  #setClosed!: () => void;
  readonly #closed = new Promise<void>((resolve) => {
    this.#setClosed = resolve;
  });

  constructor(readonly target: Target) {
    super();
  }

  close(): Promise<void> {
    this.isClosing = true;
    return this.#closed;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.endRequests();
  }

  /** What is under way has ended. */
  endRequests(): void {
    this.#setClosed();
  }

  /** The last request. */
  get last(): MemoryClientExchange {
    const last = this.requests.at(-1);
    if (last === undefined) {
      throw new Error(`${this.target.name} got no request`);
    }
    return last;
  }
}

export class MemoryEngines {
  readonly made: MemoryEngine[] = [];

  readonly create = (target: Target): MemoryEngine => {
    const engine = new MemoryEngine(target);
    this.made.push(engine);
    return engine;
  };

  /** The engine in use for a host. */
  of(host: string): MemoryEngine {
    const found = this.made.find(
      ({ target, isDestroyed }) => !isDestroyed && 'host' in target.address && target.address.host === host,
    );
    if (found === undefined) {
      throw new Error(`there is no engine for ${host}`);
    }
    return found;
  }
}

export function refused(): ConnectError {
  return unavailable('cannot connect', { fate: 'unprocessed' });
}
