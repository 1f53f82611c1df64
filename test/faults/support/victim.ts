/**
 * The server under attack, seen from outside: it is started, attacked, asked how it is, and stopped.
 *
 * {@link Victim.withstand} is what all suites share: while the attack runs, healthy calls over both HTTP versions are
 * answered in time; afterwards the process lives, has grown by no more than it may, and has nothing left over.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { request as requestHttp1 } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, jest } from '@jest/globals';
import { type ConnectServerOptions } from 'nestjs-connect';
import { callHttp2 } from '../../server/engine-harness.js';
import { type CompiledTarget, compileTarget } from './compiled-target.js';
import { type ServerMessage, type VitalSigns } from './vital-signs.js';

/** A healthy call beside an attack is answered within this time, in milliseconds. */
const HEALTHY_WITHIN_MS = 1_000;
const BETWEEN_HEALTHY_CALLS_MS = 20;
const SETTLED_WITHIN_MS = 5_000;
const SETTLE_CHECK_MS = 20;

/** Above all waits in here, so that a test that fails says what is left over, and not that time is. */
const TEST_TIMEOUT_MS = 20_000;
jest.setTimeout(TEST_TIMEOUT_MS);

const MIB = 1024 * 1024;
/** What caches, compiled code and the allocator's slack may hold after an attack, in MiB. */
const LEFT_MIB = 6;
const WARM_UP_CALLS = 50;

export const SAY = '/connectrpc.eliza.v1.ElizaService/Say';
export const INTRODUCE = '/connectrpc.eliza.v1.ElizaService/Introduce';
export const REFLECT = '/connectrpc.eliza.v1.ElizaService/Reflect';
export const CONVERSE = '/connectrpc.eliza.v1.ElizaService/Converse';
export const GROW = '/faults.v1.TreeService/Grow';

/** How much an attack may cost. */
export interface Bounds {
  /** Growth of the process at its worst, in MiB. */
  readonly growthMiB: number;
  /** Growth of live memory afterwards, in MiB. Default: 6. */
  readonly leftMiB?: number;
}

/** What an attack cost. */
export interface Cost<T> {
  readonly result: T;
  readonly startedHandlers: number;
  readonly growthMiB: number;
  readonly slowestHealthyMs: number;
}

export class Victim {
  port = 0;
  #log = '';
  #nextId = 1;
  #exit: string | undefined;
  readonly #answers = new Map<number, (signs: VitalSigns) => void>();

  readonly #ended: Promise<void>;

  private constructor(
    private readonly process: ChildProcess,
    private readonly target: CompiledTarget,
  ) {
    process.stdout?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    process.stderr?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    this.#ended = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        this.#exit = `exit ${code ?? signal}`;
        resolve();
      });
    });
  }

  /** Starts a server whose caches are warm. */
  static async start(options: Omit<ConnectServerOptions, 'port'> = {}): Promise<Victim> {
    const target = await compileTarget();
    const child = fork(target.program, [JSON.stringify(options)], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const victim = new Victim(child, target);
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`the server did not start: ${victim.#log}`)));
      child.on('message', (message: ServerMessage) => {
        if (message.kind === 'listening') {
          victim.port = message.port;
          resolve();
        } else {
          victim.#answers.get(message.id)?.(message.signs);
        }
      });
    });
    for (let i = 0; i < WARM_UP_CALLS; i++) {
      await victim.healthyMs();
    }
    return victim;
  }

  /** How the server is; after a collection, which begins a new measurement of the peak. */
  async signs(collect = true): Promise<VitalSigns> {
    const id = this.#nextId++;
    const answered = new Promise<VitalSigns>((resolve) => this.#answers.set(id, resolve));
    this.#assertAlive();
    this.process.send({ id, collect });
    const signs = await Promise.race([answered, this.#ended.then(() => undefined)]);
    this.#answers.delete(id);
    this.#assertAlive();
    if (signs === undefined) {
      throw new Error('the server ended');
    }
    return signs;
  }

  /**
   * Runs an attack.
   *
   * @param attack Its connections are closed when it settles.
   */
  async withstand<T>(attack: () => Promise<T>, bounds: Bounds): Promise<Cost<T>> {
    await this.#quiet();
    const before = await this.signs();
    let isOver = false;
    const [result, slowestHealthyMs] = await Promise.all([
      attack().finally(() => (isOver = true)),
      this.#slowestHealthyMs(() => isOver),
    ]);
    const atPeak = await this.signs(false);
    const growthMiB =
      Math.max(atPeak.peakRssBytes - before.rssBytes, atPeak.peakHeapBytes - before.heapBytes) / MIB;
    const startedHandlers = atPeak.startedHandlers - before.startedHandlers;
    if (process.env['FAULTS_VERBOSE'] !== undefined) {
      const name = expect.getState().currentTestName;
      process.stderr.write(
        `${name}: +${growthMiB.toFixed(1)} MiB, healthy ${slowestHealthyMs.toFixed(0)} ms\n`,
      );
    }
    assertBelow(slowestHealthyMs, HEALTHY_WITHIN_MS, 'ms for a healthy call');
    assertBelow(growthMiB, bounds.growthMiB, 'MiB of growth');
    await this.expectNothingLeft(before, bounds.leftMiB);
    return { result, startedHandlers, growthMiB, slowestHealthyMs };
  }

  /** Waits until the server is as it was, and fails when it is not in time. */
  async expectNothingLeft(before: VitalSigns, leftMiB = LEFT_MIB): Promise<void> {
    const end = performance.now() + SETTLED_WITHIN_MS;
    const expected = leftovers(before);
    let now = await this.signs(false);
    while (!isNothingLeft(leftovers(now), expected) && performance.now() < end) {
      await delay(SETTLE_CHECK_MS);
      now = await this.signs(false);
    }
    assert.deepEqual(leftovers(now), expected);
    const after = await this.signs();
    assertBelow((after.heapBytes - before.heapBytes) / MIB, leftMiB, 'MiB left over');
  }

  /** Makes a call over each HTTP version, on connections of their own. @returns How long the slower one took. */
  async healthyMs(): Promise<number> {
    const begin = performance.now();
    await Promise.all([this.#callOverHttp1(), this.#callOverHttp2()]);
    return performance.now() - begin;
  }

  /** @throws Error When the server has ended before. */
  async stop(): Promise<void> {
    await this.target.remove();
    this.#assertAlive();
    this.process.disconnect();
    await this.#ended;
  }

  /** The server hears of the end of its clients a little later than they do. */
  async #quiet(): Promise<void> {
    for (let signs = await this.signs(false); signs.openSockets > 0; signs = await this.signs(false)) {
      await delay(SETTLE_CHECK_MS);
    }
  }

  /** Makes healthy calls, one at least, until the attack is over. */
  async #slowestHealthyMs(isOver: () => boolean): Promise<number> {
    let slowest = await this.healthyMs();
    while (!isOver()) {
      slowest = Math.max(slowest, await this.healthyMs());
      await delay(BETWEEN_HEALTHY_CALLS_MS);
    }
    return slowest;
  }

  async #callOverHttp1(): Promise<void> {
    const request = requestHttp1({
      host: '127.0.0.1',
      port: this.port,
      method: 'POST',
      path: SAY,
      headers: { 'content-type': 'application/json' },
      agent: false,
    });
    request.end('{"sentence":"hello"}');
    const [response] = await this.#answered(once(request, 'response'));
    assert.equal(await text(response), '{"sentence":"hello"}');
  }

  async #callOverHttp2(): Promise<void> {
    const session = connectHttp2(`http://127.0.0.1:${this.port}`);
    session.on('error', () => {});
    try {
      const headers = { ':path': SAY, 'content-type': 'application/json' };
      const { body } = await this.#answered(callHttp2(session, '{"sentence":"hello"}', headers));
      assert.equal(body, '{"sentence":"hello"}');
    } finally {
      session.destroy();
    }
  }

  /** A server that has ended answers nothing, and its log says more than the refused connection. */
  async #answered<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.#assertAlive();
      throw error;
    }
  }

  #assertAlive(): void {
    if (this.#exit !== undefined) {
      throw new Error(`the server under attack ended (${this.#exit}): ${this.#log}`);
    }
  }
}

function assertBelow(value: number, limit: number, what: string): void {
  assert.ok(value < limit, `${value.toFixed(1)} ${what}: expected less than ${limit}`);
}

/** What must be as it was before. */
function leftovers(signs: VitalSigns) {
  return {
    runningHandlers: signs.startedHandlers - signs.endedHandlers,
    activeCalls: signs.activeCalls,
    wheelTimers: signs.wheelTimers,
    openSockets: signs.openSockets,
    listeners: signs.listeners,
    resources: signs.resources,
    warnings: signs.warnings,
  };
}

function isNothingLeft(now: object, before: object): boolean {
  return JSON.stringify(now) === JSON.stringify(before);
}
