/**
 * The inside of a program that runs in a process of its own and answers questions about itself; the outside is
 * `asked-program.ts`.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** To the program. */
export interface NumberedQuestion<Question> {
  readonly id: number;
  readonly question: Question;
}

/** From the program: first that it listens, then an answer for each question. */
export type ProgramMessage<Answer> =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer };

/** Tells where the program listens, and answers until nobody asks any more; then the process ends. */
export function answerQuestions<Question, Answer>(
  port: number,
  answer: (question: Question) => Promise<Answer>,
): void {
  const tell = (message: ProgramMessage<Answer>): void => void process.send?.(message);
  process.on('message', ({ id, question }: NumberedQuestion<Question>) => {
    void (async () => tell({ kind: 'answer', id, answer: await answer(question) }))();
  });
  process.once('disconnect', () => process.exit());
  tell({ kind: 'listening', port });
}

/** Twice: what finalizers let go of is garbage of the next turn. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    (globalThis as { gc?: () => void }).gc?.();
    await turn();
  }
}

/** @returns Objects and buffers, in bytes, for which the process may have had room before. */
export function heapBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
