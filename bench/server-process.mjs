/**
 * Server processes: which there are, how they start, and what they cost.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { nodeProgram, startProcess } from './child-processes.mjs';
import { BENCH, GO_BIN } from './paths.mjs';

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

/**
 * @param nodeArguments For Node, before its script.
 * @param args For the script, behind those that the server has anyway.
 * @returns The server, listening.
 */
export async function startServer(name, { nodeArguments = [], args = [] } = {}) {
  const { hello: ports, pid, ask, stop } = await startProcess(name, programOf(name, nodeArguments, args));
  return {
    name,
    /** @returns Where it serves that version of HTTP. */
    origin: (http) => `http://127.0.0.1:${http === '1' ? (ports.http1Port ?? ports.port) : ports.port}`,
    cpuUs: () => cpuUs(pid),
    residentKib: () => residentKib(pid),
    collectGarbage: () => ask('gc'),
    stop,
  };
}

function programOf(name, nodeArguments, moreArgs) {
  const { script, program, args = [] } = SERVERS[name];
  return program === undefined
    ? nodeProgram(`${BENCH}servers/${script}`, { nodeArguments, args: [...args, ...moreArgs] })
    : { program: GO_BIN + program, args };
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
