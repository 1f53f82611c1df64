/**
 * A client in a process of its own, seen from outside.
 */
import assert from 'node:assert/strict';
import { AskedProgram } from '../../support/asked-program.js';
import { type CompiledTarget } from '../../support/compiled-target.js';
import {
  type ClientAnswer,
  type ClientQuestion,
  type ClientSigns,
  type Load,
} from './client-program-messages.js';

export class ClientProcess {
  private constructor(private readonly program: AskedProgram<ClientQuestion, ClientAnswer>) {}

  static async start(target: CompiledTarget): Promise<ClientProcess> {
    return new ClientProcess(
      await AskedProgram.start(target.program('test/faults/support/client-program.ts'), {}),
    );
  }

  /** @returns How many calls ended with each code. */
  async run(load: Load): Promise<Readonly<Record<string, number>>> {
    const answer = await this.program.ask({ kind: 'load', load });
    assert.ok(answer.kind === 'ends');
    return answer.ends;
  }

  async signs(): Promise<ClientSigns> {
    const answer = await this.program.ask({ kind: 'signs' });
    assert.ok(answer.kind === 'signs');
    return answer.signs;
  }

  /** @throws Error When the client has ended before. */
  stop(): Promise<void> {
    return this.program.stop();
  }
}
