/**
 * Client processes: which there are, how they start, and what their calls cost them.
 */
import { nodeProgram, startProcess } from './child-processes.mjs';
import { BENCH } from './paths.mjs';

/** Every client, by the name that points have in tables and goals. */
export const CLIENTS = {
  'bare-http1': { title: 'bare node:http', script: 'bare.mjs' },
  'bare-http2': { title: 'bare node:http2', script: 'bare.mjs' },
  'nestjs-connect': { title: '**nestjs-connect**', script: 'nestjs-connect.mjs', args: ['promises'] },
  'nestjs-connect-rx': {
    title: '**nestjs-connect**, Observables',
    script: 'nestjs-connect.mjs',
    args: ['observables'],
  },
  'connect-node': { title: '@connectrpc/connect-node', script: 'connect-node.mjs' },
  'grpc-js': { title: '@grpc/grpc-js', script: 'grpc-js.mjs' },
  'nest-grpc': { title: "Nest's ClientGrpc", script: 'nest-grpc.mjs' },
};

/**
 * @param route `origin` of the server, `http` ('1' or '2'), `format`, `inFlight`.
 * @param nodeArguments For Node, before its script.
 * @returns The client, which has made one call.
 */
export async function startClient(name, route, nodeArguments = []) {
  const { script, args = [] } = CLIENTS[name];
  const program = nodeProgram(`${BENCH}clients/${script}`, {
    nodeArguments,
    args: [JSON.stringify(route), ...args],
  });
  const { ask, stop } = await startProcess(name, program);
  return {
    /** @returns `cpuUs` of the process, and `callsPerSecond`. */
    makeCalls: (count) => ask(String(count)),
    stop,
  };
}
