/**
 * Programs that the tools run: each inside a time limit, in a process group of its own, so that what it has started
 * ends with it; and none outlives the tool, whatever signal ends that.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const TIME_LIMIT_MS = 120_000;
/** How long a server may take to stop before it is killed. */
const STOP_LIMIT_MS = 10_000;
/** What an error quotes of a program's output: the end, which is where programs say why. */
const QUOTED_CHARACTERS = 6_000;

const running = new Set();

/**
 * Runs a program to its end.
 *
 * @param options `cwd`, `env`, and `timeoutMs`: default 120,000; beyond it the program is killed.
 * @returns What it printed on its standard output.
 * @throws Error When it fails or does not end in time, with the end of its output.
 */
export async function run(program, args, { timeoutMs = TIME_LIMIT_MS, ...options } = {}) {
  const started = start(program, args, options);
  const timer = setTimeout(() => started.kill('SIGKILL'), timeoutMs);
  try {
    const end = await started.ended;
    if (end !== 0) {
      const limit = end === 'SIGKILL' ? ` (its time limit is ${timeoutMs} ms)` : '';
      throw new Error(`${[program, ...args].join(' ')} ended with ${end}${limit}:\n${started.log()}`);
    }
    return started.stdout();
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Starts a program that goes on until it is stopped.
 *
 * @returns `ended` resolves with its exit code or signal, which `end()` is from then on; `log()` is the last part of its output;
 * `stop()` asks it to end, and kills it when it does not.
 */
export function start(program, args, { cwd, env } = {}) {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let stdout = '';
  let output = '';
  let end;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (output += text));

  const started = {
    ended: endOf(child).then((codeOrSignal) => {
      running.delete(started);
      end = codeOrSignal;
      return end;
    }),
    end: () => end,
    stdout: () => stdout,
    log: () => output.slice(-QUOTED_CHARACTERS),
    kill: (signal) => killGroup(child.pid, signal),
    async stop() {
      started.kill('SIGTERM');
      const timer = setTimeout(() => started.kill('SIGKILL'), STOP_LIMIT_MS);
      await started.ended;
      clearTimeout(timer);
      // The program itself has ended; what it started may have been slower.
      started.kill('SIGKILL');
    },
  };
  running.add(started);
  return started;
}

/** "close" rather than "exit": its output has been read by then. */
async function endOf(child) {
  const [code, signal] = await once(child, 'close');
  return signal ?? code;
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // The group is empty: nothing is left to end.
    if (error.code !== 'ESRCH') {
      throw error;
    }
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    running.forEach((started) => started.kill('SIGKILL'));
    process.exit(1);
  });
}
