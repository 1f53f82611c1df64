/**
 * The processes under test: started, talked to in lines of JSON, and ended by their process id.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const ANSWER_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;

const running = new Set();

/** Ends what still runs, at once: for the end of the benchmark, whatever the reason. */
export function killAll() {
  for (const child of running) {
    child.kill('SIGKILL');
  }
}

/** @returns A script in Node, as {@link startProcess} takes it. */
export function nodeProgram(script, { nodeArguments = [], args = [] } = {}) {
  return { program: process.execPath, args: ['--expose-gc', ...nodeArguments, script, ...args] };
}

/**
 * @param name For messages.
 * @returns The process, once it has said its first line: `hello`.
 */
export async function startProcess(name, { program, args }) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: environment() });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = () => readLine(name, child, lines);
  return {
    pid: child.pid,
    hello: await nextLine(),
    /** @returns What the process answers to a line. */
    ask: (line) => {
      child.stdin.write(`${line}\n`);
      return nextLine();
    },
    stop: () => stop(child),
  };
}

/** One thread for Go, as JavaScript has; nothing inherited that changes how Node runs. */
function environment() {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  return { ...inherited, NODE_ENV: 'production', GOMAXPROCS: '1' };
}

async function readLine(name, child, lines) {
  const timer = setTimeout(() => child.kill('SIGKILL'), ANSWER_LIMIT_MS);
  const { value, done } = await lines.next();
  clearTimeout(timer);
  if (done) {
    throw new Error(`${name} ended or did not answer within ${ANSWER_LIMIT_MS} ms`);
  }
  return JSON.parse(value);
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  // The end of its standard input ends the process.
  child.stdin.end();
  await exited;
  clearTimeout(timer);
}
