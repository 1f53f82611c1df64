/**
 * Server processes: started, asked for their CPU time and memory, ended by their process id.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { BENCH, GO_BIN } from './paths.mjs';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;
const TICK_US = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Every server, by the name that points have in tables and goals. */
export const SERVERS = {
  'bare-http1': { title: 'bare node:http', script: 'bare.mjs', args: ['http1'] },
  'bare-http2': { title: 'bare node:http2', script: 'bare.mjs', args: ['http2'] },
  'nestjs-connect': { title: '**nestjs-connect**', script: 'nestjs-connect.mjs', args: ['generator'] },
  'nestjs-connect-generator': {
    title: '**nestjs-connect**, generator',
    script: 'nestjs-connect.mjs',
    args: ['generator'],
  },
  'nestjs-connect-observable': {
    title: '**nestjs-connect**, Observable',
    script: 'nestjs-connect.mjs',
    args: ['observable'],
  },
  'nestjs-connect-paced': {
    title: '**nestjs-connect**, Observable paced by `context.drained()`',
    script: 'nestjs-connect.mjs',
    args: ['paced'],
  },
  'nestjs-connect-enhanced': {
    title: '**nestjs-connect**, guard + pipe + interceptor',
    script: 'nestjs-connect.mjs',
    args: ['enhanced'],
  },
  'connect-node': { title: '@connectrpc/connect-node', script: 'connect-node.mjs' },
  'grpc-js': { title: '@grpc/grpc-js', script: 'grpc-js.mjs' },
  'nest-grpc': { title: "Nest's gRPC transport", script: 'nest-grpc.mjs' },
  'nest-express': { title: 'Nest on Express', script: 'nest-rest.mjs', args: ['express'] },
  'nest-fastify': { title: 'Nest on Fastify', script: 'nest-rest.mjs', args: ['fastify'] },
  'connect-go': { title: 'connect-go', program: 'connect-go' },
  'grpc-go': { title: 'grpc-go', program: 'grpc-go' },
};

/** @returns Whether a server can be started here: those in Go need Go. */
export function isAvailable(name) {
  const { program } = SERVERS[name];
  return program === undefined || existsSync(GO_BIN + program);
}

const running = new Set();

/** Ends what still runs, at once: for the end of the benchmark, whatever the reason. */
export function killAll() {
  for (const child of running) {
    child.kill('SIGKILL');
  }
}

/** @param nodeArguments For Node, beside its script. @returns The server, listening. */
export async function startServer(name, nodeArguments = []) {
  const child = spawnServer(SERVERS[name], nodeArguments);
  running.add(child);
  child.once('exit', () => running.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ports = await nextLine(name, child, lines);
  return {
    name,
    /** @returns Where it serves that version of HTTP. */
    origin: (http) => `http://127.0.0.1:${http === '1' ? (ports.http1Port ?? ports.port) : ports.port}`,
    cpuUs: () => cpuUs(child.pid),
    residentKib: () => residentKib(child.pid),
    async collectGarbage() {
      child.stdin.write('gc\n');
      await nextLine(name, child, lines);
    },
    stop: () => stop(child),
  };
}

function spawnServer({ script, program, args = [] }, nodeArguments) {
  const options = { stdio: ['pipe', 'pipe', 'inherit'], env: serverEnvironment() };
  return program === undefined
    ? spawn(
        process.execPath,
        ['--expose-gc', ...nodeArguments, `${BENCH}servers/${script}`, ...args],
        options,
      )
    : spawn(GO_BIN + program, args, options);
}

/** One thread for Go, as JavaScript has; nothing inherited that changes how Node runs. */
function serverEnvironment() {
  const { NODE_OPTIONS: _, ...environment } = process.env;
  return { ...environment, NODE_ENV: 'production', GOMAXPROCS: '1' };
}

async function nextLine(name, child, lines) {
  const timer = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
  const { value, done } = await lines.next();
  clearTimeout(timer);
  if (done) {
    throw new Error(`${name} ended or did not answer within ${START_LIMIT_MS} ms`);
  }
  return JSON.parse(value);
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  // The end of its standard input ends a server.
  child.stdin.end();
  await exited;
  clearTimeout(timer);
}

/** User and system time of all threads. */
function cpuUs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may contain spaces; behind it stand the fields from the third on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function residentKib(pid) {
  return Number(/^VmRSS:\s+(?<kib>\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')).groups.kib);
}
