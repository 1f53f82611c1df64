/**
 * A program in a process of its own, seen from outside: started, asked questions, and stopped. Its garbage can be
 * collected, so that its memory can be read; its end, when nobody wanted it, is an error that holds its log.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { type NumberedQuestion, type ProgramMessage } from './answering-program.js';

export class AskedProgram<Question, Answer> {
  #port = 0;
  #log = '';
  #nextId = 1;
  #exit: string | undefined;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #ended: Promise<void>;

  private constructor(private readonly process: ChildProcess) {
    process.stdout?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    process.stderr?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    this.#ended = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        this.#exit = `exit ${code ?? signal}`;
        resolve();
      });
    });
  }

  /** @param init The program's first argument, as JSON. @returns The program, when it listens. */
  static async start<Q, A>(program: string, init: unknown): Promise<AskedProgram<Q, A>> {
    const child = fork(program, [JSON.stringify(init)], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const started = new AskedProgram<Q, A>(child);
    await started.#untilListening();
    return started;
  }

  get port(): number {
    return this.#port;
  }

  /** Asks the program, which may end instead of an answer. */
  async ask(question: Question): Promise<Answer> {
    this.assertAlive();
    const id = this.#nextId++;
    const answered = new Promise<Answer>((resolve) => this.#answers.set(id, resolve));
    this.process.send({ id, question } satisfies NumberedQuestion<Question>);
    const answer = await Promise.race([answered, this.#ended.then(() => undefined)]);
    this.#answers.delete(id);
    this.assertAlive();
    if (answer === undefined) {
      throw new Error('the program ended');
    }
    return answer;
  }

  /** Files and sockets that the process has open. */
  async openFiles(): Promise<number> {
    return (await readdir(`/proc/${this.process.pid}/fd`)).length;
  }

  /** @throws Error When the program has ended, with its log, which says more than a refused connection. */
  assertAlive(): void {
    if (this.#exit !== undefined) {
      throw new Error(`the program ended (${this.#exit}): ${this.#log}`);
    }
  }

  /** @throws Error When the program has ended before. */
  async stop(): Promise<void> {
    this.assertAlive();
    this.process.disconnect();
    await this.#ended;
  }

  async #untilListening(): Promise<void> {
    const listening = new Promise<void>((resolve) => {
      this.process.on('message', (message: ProgramMessage<Answer>) => {
        if (message.kind === 'listening') {
          this.#port = message.port;
          resolve();
        } else {
          this.#answers.get(message.id)?.(message.answer);
        }
      });
    });
    await Promise.race([listening, this.#ended]);
    this.assertAlive();
  }
}
