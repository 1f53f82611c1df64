/**
 * Finds peers that hold a call without moving it: silent in the middle of a request message, or not reading
 * the response. One look at all calls now and then; no timer per call or chunk.
 *
 * A stream that waits between two messages is not idle: it may be quiet for days.
 */
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type EngineTimeouts } from './options.js';
import { type ActiveCalls, type ServerExchange } from './server-exchange.js';

/** What was seen of a call so far, and since when it has not moved. */
interface Observation {
  receivedChunks: number;
  readIdleSince: number;
  takenBytes: number;
  writeIdleSince: number;
}

export class IdleMonitor {
  // Made when a call is looked at for the first time: most calls are over before that.
  readonly #observations = new WeakMap<ServerExchange, Observation>();

  constructor(
    private readonly calls: ActiveCalls,
    private readonly timeouts: Pick<EngineTimeouts, 'idleReadMs' | 'idleWriteMs'>,
  ) {}

  /** Looks at all calls, and ends those that have been idle for too long. */
  check(now: number): void {
    for (const exchange of this.calls) {
      const seen = this.#observations.get(exchange);
      if (seen === undefined) {
        this.#observations.set(exchange, observe(exchange, now));
      } else {
        this.#checkWrite(exchange, seen, now);
        this.#checkRead(exchange, seen, now);
      }
    }
  }

  #checkRead(exchange: ServerExchange, seen: Observation, now: number): void {
    if (!exchange.isAwaitingBytes || exchange.receivedChunks !== seen.receivedChunks) {
      seen.receivedChunks = exchange.receivedChunks;
      seen.readIdleSince = now;
    } else if (now - seen.readIdleSince >= this.timeouts.idleReadMs) {
      const message = `the request message stopped in the middle for ${this.timeouts.idleReadMs} ms`;
      exchange.terminate(new ConnectError(message, { code: Code.DeadlineExceeded }));
    }
  }

  #checkWrite(exchange: ServerExchange, seen: Observation, now: number): void {
    // Only more than ever counts: what a handler adds to a blocked response moves the difference down.
    if (exchange.bufferedBytes === 0 || exchange.takenBytes > seen.takenBytes) {
      seen.takenBytes = exchange.takenBytes;
      seen.writeIdleSince = now;
    } else if (now - seen.writeIdleSince >= this.timeouts.idleWriteMs) {
      const message = `the client took no byte of the response for ${this.timeouts.idleWriteMs} ms`;
      exchange.abandon(new ConnectError(message, { code: Code.Canceled }));
    }
  }
}

function observe(exchange: ServerExchange, now: number): Observation {
  return {
    receivedChunks: exchange.receivedChunks,
    readIdleSince: now,
    takenBytes: exchange.takenBytes,
    writeIdleSince: now,
  };
}
