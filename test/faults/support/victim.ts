/**
 * The server under attack, seen from outside: it is started, attacked, asked how it is, and stopped.
 *
 * {@link Victim.withstand} is what all suites share: while the attack runs, healthy calls over both HTTP versions are
 * answered in time; afterwards the process lives, has grown by no more than it may, and has nothing left over.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as requestHttp1, type RequestOptions } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientSessionOptions,
  connect as connectHttp2,
  type SecureClientSessionOptions,
} from 'node:http2';
import { request as requestHttps } from 'node:https';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { expect, jest } from '@jest/globals';
import { callHttp2 } from '../../server/engine-harness.js';
import { AskedProgram } from '../../support/asked-program.js';
import { createCertificates } from '../../support/certificates.js';
import { type CompiledTarget, compileTarget } from '../../support/compiled-target.js';
import { type ServerForm, type ServerInit } from './server-forms.js';
import {
  type CallRecord,
  REST,
  type ServerAnswer,
  type ServerQuestion,
  type VitalSigns,
} from './vital-signs.js';

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
  private constructor(
    private readonly program: AskedProgram<ServerQuestion, ServerAnswer>,
    private readonly target: CompiledTarget,
    private readonly form: ServerForm,
    /** The authority of the server's certificate. */
    private readonly ca: string | undefined,
  ) {}

  /** Starts a server whose caches are warm. */
  static async start(options: ServerInit['options'] = {}, form: ServerForm = 'stand-alone'): Promise<Victim> {
    const target = await compileTarget();
    const certificates = form === 'TLS' ? await createCertificates() : undefined;
    const init: ServerInit = {
      form,
      options: certificates === undefined ? options : { ...options, tls: certificates.server },
    };
    const program = await AskedProgram.start<ServerQuestion, ServerAnswer>(
      target.program('test/faults/support/server.ts'),
      init,
    );
    const victim = new Victim(program, target, form, certificates?.ca);
    for (let i = 0; i < WARM_UP_CALLS; i++) {
      await victim.healthyMs();
    }
    return victim;
  }

  get port(): number {
    return this.program.port;
  }

  /** How the server is; after a collection, which begins a new measurement of the peak. */
  async signs(collect = true): Promise<VitalSigns> {
    const answer = await this.program.ask({ kind: 'signs', collect });
    assert.ok(answer.kind === 'signs');
    return answer.signs;
  }

  /** What the server knows of calls with names; it forgets those that are gone. */
  async calls(): Promise<readonly CallRecord[]> {
    const answer = await this.program.ask({ kind: 'calls' });
    assert.ok(answer.kind === 'calls');
    return answer.calls;
  }

  /** Files and sockets that the process has open. */
  openFiles(): Promise<number> {
    return this.program.openFiles();
  }

  /** Opens a connection in bytes; with TLS, after the handshake. @param protocol What a TLS client offers. */
  async connect(protocol: 'h2' | 'http/1.1' = 'http/1.1'): Promise<Socket> {
    if (this.ca === undefined) {
      return this.connectTcp();
    }
    const socket = connectTls({
      socket: await this.connectTcp(),
      host: '127.0.0.1',
      ca: this.ca,
      ALPNProtocols: [protocol],
    });
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Opens a TCP connection, without a handshake of TLS. */
  async connectTcp(): Promise<Socket> {
    const socket = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return socket;
  }

  /** Opens an HTTP/2 session, whose errors are nobody's business. */
  session(options: ClientSessionOptions & SecureClientSessionOptions = {}): ClientHttp2Session {
    const scheme = this.ca === undefined ? 'http' : 'https';
    const session = connectHttp2(`${scheme}://127.0.0.1:${this.port}`, { ca: this.ca, ...options });
    session.on('error', () => {});
    return session;
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

  /**
   * Makes a call over each HTTP version, on connections of their own, and a REST request where there are routes.
   *
   * @returns How long the slowest took.
   */
  async healthyMs(): Promise<number> {
    const begin = performance.now();
    await Promise.all([
      this.#callOverHttp1(),
      this.#callOverHttp2(),
      ...(this.form === 'mounted' ? [this.#callRest()] : []),
    ]);
    return performance.now() - begin;
  }

  /** @throws Error When the server has ended before. */
  async stop(): Promise<void> {
    await this.target.remove();
    await this.program.stop();
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
    const call = { method: 'POST', path: SAY, headers: { 'content-type': 'application/json' } };
    assert.equal(await this.#requestOverHttp1(call, '{"sentence":"hello"}'), '{"sentence":"hello"}');
  }

  async #callRest(): Promise<void> {
    assert.equal(await this.#requestOverHttp1({ path: REST }), 'rest');
  }

  async #requestOverHttp1(options: RequestOptions, body?: string): Promise<string> {
    const target = { host: '127.0.0.1', port: this.port, agent: false, ...options };
    const request = this.ca === undefined ? requestHttp1(target) : requestHttps({ ...target, ca: this.ca });
    request.end(body);
    const [response] = await this.#answered(once(request, 'response'));
    return text(response);
  }

  async #callOverHttp2(): Promise<void> {
    const session = this.session();
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
      this.program.assertAlive();
      throw error;
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
