/**
 * Who talks to Eliza: a person in a terminal, or lines from a file or a pipe.
 */
import { clearLine, createInterface, cursorTo, type Interface } from 'node:readline';

/** The standard input and output, or what stands for them in a test. */
export interface Streams {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

export class Visitor {
  /** While the visitor may speak. */
  #lines: Interface | undefined;

  constructor(private readonly streams: Streams) {}

  /** Sees a prompt, and who said what. */
  get #isPerson(): boolean {
    return this.streams.input.isTTY === true;
  }

  /** Tells a person what to do; a pipe gets nothing but Eliza's words. */
  hint(text: string): void {
    if (this.#isPerson) {
      this.#print(text);
    }
  }

  /** @returns Each line as it comes; ends with the input, or with {@link leave}. */
  sentences(): AsyncIterable<string> {
    const { input, output } = this.streams;
    const lines = createInterface(
      this.#isPerson ? { input, output, terminal: true, prompt: PROMPT } : { input },
    );
    this.#lines = lines;
    lines.on('line', () => this.#prompt());
    lines.once('close', () => {
      this.#clearPrompt();
      // Its prompt would open it again.
      this.#lines = undefined;
    });
    this.#prompt();
    return lines;
  }

  /** Shows what Eliza said, above a line that is being typed. */
  hear(sentence: string): void {
    this.#clearPrompt();
    this.#print(this.#isPerson ? `Eliza: ${sentence}` : sentence);
    this.#prompt();
  }

  /** Does not listen any more. */
  leave(): void {
    this.#lines?.close();
  }

  #print(text: string): void {
    this.streams.output.write(`${text}\n`);
  }

  #prompt(): void {
    if (this.#isPerson) {
      this.#lines?.prompt(true);
    }
  }

  #clearPrompt(): void {
    if (this.#isPerson && this.#lines !== undefined) {
      cursorTo(this.streams.output, 0);
      clearLine(this.streams.output, 0);
    }
  }
}

const PROMPT = 'You:   ';
