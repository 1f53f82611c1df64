/**
 * One shared ticker for every deadline of the process.
 *
 * A `setTimeout` and `clearTimeout` per call cost a fifth of a small call, and `setTimeout` fires at once
 * above 2^31-1 ms. Here a call with a deadline costs one insertion into a linked list and one removal.
 *
 *   slots:   tick 41 ──► entry ⇄ entry      tick 77 ──► entry
 *   ticker:  every TICK_MS while any entry is waiting; fires the slots whose tick has passed
 *
 * Entries fire up to one tick late, never early.
 */

/** Resolution in milliseconds. */
export const TICK_MS = 10;

/** A timer in the wheel. Subclass it, or give it an `onExpire`; `cancel` may be called at any time, twice too. */
export class WheelTimer {
  /** @internal */ slot: Slot | undefined;
  /** @internal */ previous: WheelTimer | undefined;
  /** @internal */ next: WheelTimer | undefined;

  constructor(readonly onExpire: () => void) {}

  cancel(): void {
    this.slot?.remove(this);
  }
}

class Slot {
  #first: WheelTimer | undefined;

  constructor(
    readonly tick: number,
    private readonly onRemove: (slot: Slot) => void,
  ) {}

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  add(timer: WheelTimer): void {
    timer.slot = this;
    timer.previous = undefined;
    timer.next = this.#first;
    if (this.#first !== undefined) {
      this.#first.previous = timer;
    }
    this.#first = timer;
  }

  remove(timer: WheelTimer): void {
    if (timer.previous === undefined) {
      this.#first = timer.next;
    } else {
      timer.previous.next = timer.next;
    }
    if (timer.next !== undefined) {
      timer.next.previous = timer.previous;
    }
    timer.slot = timer.previous = timer.next = undefined;
    this.onRemove(this);
  }

  /** Takes the first timer out, for firing. */
  shift(): WheelTimer | undefined {
    const timer = this.#first;
    if (timer !== undefined) {
      this.remove(timer);
    }
    return timer;
  }
}

/** An interval that knows whose it is: one that a test faked never ticks again when the test puts the real one back. */
class Ticker {
  readonly #interval: NodeJS.Timeout;
  readonly #start = setInterval;
  readonly #clear = clearInterval;

  constructor(onTick: () => void) {
    this.#interval = setInterval(onTick, TICK_MS);
    // Never holds the process: what waits for an answer holds a socket.
    this.#interval.unref();
  }

  isOf(start: typeof setInterval): boolean {
    return this.#start === start;
  }

  stop(): void {
    this.#clear(this.#interval);
  }
}

/** The wheel. The library uses {@link timerWheel}; tests make their own. */
export class TimerWheel {
  /** Starts the ticker: where calls have AsyncLocalStorages, outside of them. Default: where the first timer is started. */
  startTicker: (start: () => void) => void = (start) => start();

  readonly #slots = new Map<number, Slot>();
  #waiting = 0;
  #lastTick = 0;
  #ticker: Ticker | undefined;
  readonly #onRemove = (slot: Slot): void => {
    this.#waiting--;
    // A slot years ahead would otherwise stay for years after its only call has ended.
    if (slot.isEmpty) {
      this.#slots.delete(slot.tick);
    }
  };

  /** Number of timers that wait. */
  get size(): number {
    return this.#waiting;
  }

  /**
   * Starts a timer.
   *
   * @param delayMs Any number of milliseconds, below 0 as 0; beyond what a clock can count, it never fires.
   */
  start(timer: WheelTimer, delayMs: number): void {
    timer.cancel();
    const tick = Math.floor((performance.now() + Math.max(delayMs, 0)) / TICK_MS) + 1;
    if (!Number.isSafeInteger(tick)) {
      return;
    }
    this.#run();
    this.#slotAt(tick).add(timer);
    this.#waiting++;
  }

  #slotAt(tick: number): Slot {
    const existing = this.#slots.get(tick);
    if (existing !== undefined) {
      return existing;
    }
    const slot = new Slot(tick, this.#onRemove);
    this.#slots.set(tick, slot);
    return slot;
  }

  #run(): void {
    if (this.#ticker?.isOf(setInterval) !== true) {
      this.#ticker?.stop();
      this.#lastTick = Math.floor(performance.now() / TICK_MS);
      this.startTicker(() => {
        this.#ticker = new Ticker(() => this.#advance());
      });
    }
  }

  #advance(): void {
    const now = Math.floor(performance.now() / TICK_MS);
    if (now - this.#lastTick > this.#slots.size) {
      this.#fireAmong(now);
    } else {
      for (let tick = this.#lastTick + 1; tick <= now; tick++) {
        this.#fire(tick);
      }
    }
    this.#lastTick = now;
    if (this.#waiting === 0) {
      this.#ticker?.stop();
      this.#ticker = undefined;
    }
  }

  /** After a long stall there are more ticks to visit than slots: visit the slots. */
  #fireAmong(now: number): void {
    for (const tick of [...this.#slots.keys()].toSorted((a, b) => a - b)) {
      if (tick <= now) {
        this.#fire(tick);
      }
    }
  }

  #fire(tick: number): void {
    const slot = this.#slots.get(tick);
    if (slot === undefined) {
      return;
    }
    for (let timer = slot.shift(); timer !== undefined; timer = slot.shift()) {
      timer.onExpire();
    }
  }
}

export const timerWheel = new TimerWheel();
