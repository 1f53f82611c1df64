/**
 * Starts the servers that are compared, each in a process of its own.
 */
import { fileURLToPath } from 'node:url';
import { AskedProgram } from '../../support/asked-program.js';
import { type CompiledTarget } from '../../support/compiled-target.js';
import { type Style } from './connect-server.js';
import { type Figures, type Question } from './figures.js';

export type MeasuredServer = AskedProgram<Question, Figures>;

const PROGRAMS = 'test/backpressure/support';
const PROTO = fileURLToPath(
  new URL('../../../sample/01-eliza/proto/connectrpc/eliza/v1/eliza.proto', import.meta.url),
);

export function startConnect(target: CompiledTarget, style: Style): Promise<MeasuredServer> {
  return AskedProgram.start(target.program(`${PROGRAMS}/connect-server.ts`), style);
}

export function startNestGrpc(target: CompiledTarget): Promise<MeasuredServer> {
  return AskedProgram.start(target.program(`${PROGRAMS}/nest-grpc-server.ts`), PROTO);
}
