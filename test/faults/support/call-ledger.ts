/**
 * What the server under attack writes down of its calls: how many handlers began and ended, and of calls with a name
 * when they were taken, when their handler was told of their end, and when they left the engine's books.
 */
import { type ConnectContext } from 'nestjs-connect';
import { LiveSet } from '../../../lib/server/live-set.js';
import { ServerExchange } from '../../../lib/server/server-exchange.js';
import { CALL_NAME, type CallRecord } from './vital-signs.js';

interface Entry {
  readonly takenAt: number;
  toldAt?: number;
  goneAt?: number;
}

export class CallLedger {
  startedHandlers = 0;
  endedHandlers = 0;
  readonly #entries = new Map<string, Entry>();

  constructor() {
    const entryOf = (item: unknown): Entry | undefined => this.#entryOf(nameOf(item));
    const entries = this.#entries;
    const books = LiveSet.prototype;
    // oxlint-disable-next-line unbound-method -- called with the set they belong to
    const { add, delete: remove } = books;
    books.add = function (item) {
      add.call(this, item);
      const name = nameOf(item);
      if (name !== undefined) {
        entries.set(name, { takenAt: performance.now() });
      }
    };
    books.delete = function (item) {
      remove.call(this, item);
      const entry = entryOf(item);
      if (entry !== undefined) {
        entry.goneAt ??= performance.now();
      }
    };
  }

  handlerStarted(): void {
    this.startedHandlers++;
  }

  /** A handler ended by its own means, or was told to. */
  handlerEnded(context: ConnectContext): void {
    this.endedHandlers++;
    const entry = this.#entryOf(context.requestHeaders.get(CALL_NAME));
    if (entry !== undefined) {
      entry.toldAt ??= performance.now();
    }
  }

  /** @returns What is known of the calls with names; they are forgotten when they are gone. */
  takeCalls(): CallRecord[] {
    const records = [...this.#entries].map(([name, entry]) => recordOf(name, entry));
    for (const { name, goneAfterMs } of records) {
      if (goneAfterMs !== undefined) {
        this.#entries.delete(name);
      }
    }
    return records;
  }

  #entryOf(name: string | undefined): Entry | undefined {
    return name === undefined ? undefined : this.#entries.get(name);
  }
}

function nameOf(item: unknown): string | undefined {
  return item instanceof ServerExchange ? item.header(CALL_NAME) : undefined;
}

function recordOf(name: string, { takenAt, toldAt, goneAt }: Entry): CallRecord {
  return {
    name,
    ...(toldAt !== undefined && { toldAfterMs: toldAt - takenAt }),
    ...(goneAt !== undefined && { goneAfterMs: goneAt - takenAt }),
  };
}
