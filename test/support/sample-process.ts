/**
 * A sample as its one command starts it: the compiled program, in a process of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type CompiledTarget, compileTarget } from './compiled-target.js';
import { eventually } from './eventually.js';

const START_LIMIT_MS = 20_000;

class SampleProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  #output = '';

  /** @param program The compiled `main.js`. */
  constructor(program: string, args: readonly string[] = []) {
    this.#child = spawn(process.execPath, [program, ...args], {
      env: { ...process.env, PORT: '0', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // Not "exit": its output is complete only now.
    this.#ended = once(this.#child, 'close');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    }
  }

  /** What it has written so far, errors too. */
  get output(): string {
    return this.#output;
  }

  /** Waits for a text. @returns Its first group. @throws Error when the process ends without having written it. */
  async find(pattern: RegExp): Promise<string> {
    await eventually(() => pattern.test(this.#output) || this.#hasEnded, START_LIMIT_MS);
    const match = pattern.exec(this.#output);
    if (match === null) {
      throw new Error(`the sample has ended without ${String(pattern)}: ${this.#output}`);
    }
    return match[1] ?? match[0];
  }

  /** Waits until it has ended. @returns Its exit code, or the signal that has ended it. */
  async end(): Promise<unknown> {
    const [code, signal] = await this.#ended;
    return code ?? signal;
  }

  /** Ends it as a terminal or Kubernetes does, when it still runs. @returns As {@link end}. */
  stop(): Promise<unknown> {
    this.#child.kill('SIGTERM');
    return this.end();
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

/**
 * For specs of one sample: compiles it before them, and ends what they have started.
 *
 * @param folder Of the sample, such as `"01-eliza"`.
 * @returns Starts it.
 */
export function useSample(folder: string): (...args: readonly string[]) => SampleProcess {
  const started: SampleProcess[] = [];
  let target: CompiledTarget;
  beforeAll(async () => {
    target = await compileTarget();
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((sample) => sample.stop()));
  });
  afterAll(() => target.remove());
  return (...args) => {
    const sample = new SampleProcess(target.program(`sample/${folder}/main.ts`), args);
    started.push(sample);
    return sample;
  };
}
