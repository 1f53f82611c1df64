/**
 * What the foreign servers do, the same in every language: they answer with what they are told, each word of a stream by
 * itself, except for the words that ask for something.
 *
 * | word         | what it asks for                                                                          |
 * | ------------ | ----------------------------------------------------------------------------------------- |
 * | `fail`       | `failed_precondition` with a detail, `x-reason` and `x-reason-bin`                        |
 * | `wait:KEY`   | the signal `begun:KEY`, no answer, and the signal `canceled:KEY` when the call is canceled |
 * | `until:NAME` | an answer as soon as the signal was raised                                                |
 * | `deadline`   | the milliseconds that are left                                                            |
 * | `size:N`     | N times the letter x                                                                      |
 *
 * `Say` and `Watch` send `x-echo` and `x-echo-bin` back as headers, and as the trailers `x-echo-trailer` and
 * `x-echo-trailer-bin`.
 */
import { create } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { firstValueFrom, ReplaySubject, type Subject } from 'rxjs';

export const FAILURE = {
  message: 'no couch: \u{1F6CB} is broken',
  detail: create(StringValueSchema, { value: 'the detail' }),
  reason: 'couch',
  reasonBytes: new Uint8Array([0, 1, 255]),
};

/** A call, as the server's library tells of it. */
export interface ScriptedCall {
  /** @returns What the handler fails with then. */
  whenCanceled(): Promise<Error>;
  timeLeftMs(): number | undefined;
  /** The error that `fail` asks for, as the library wants it. */
  failure(): Error;
}

/** The script of a server in this process. */
export class Script {
  readonly #signals = new Map<string, Subject<void>>();

  /** Does what a word asks for. */
  async answer(word: string, call: ScriptedCall): Promise<string> {
    const [name, argument] = split(word);
    switch (name) {
      case 'fail':
        throw call.failure();
      case 'wait': {
        this.#raise(`begun:${argument}`);
        const reason = await call.whenCanceled();
        this.#raise(`canceled:${argument}`);
        throw reason;
      }
      case 'until':
        await firstValueFrom(this.#signal(argument));
        return argument;
      case 'deadline':
        return String(call.timeLeftMs());
      case 'size':
        return 'x'.repeat(Number(argument));
      default:
        return word;
    }
  }

  #raise(name: string): void {
    this.#signal(name).next();
  }

  /** What is raised stays so: who waits may come later. */
  #signal(name: string): Subject<void> {
    const signal = this.#signals.get(name) ?? new ReplaySubject<void>(1);
    this.#signals.set(name, signal);
    return signal;
  }
}

function split(word: string): [name: string, argument: string] {
  const colon = word.indexOf(':');
  return colon < 0 ? [word, ''] : [word.slice(0, colon), word.slice(colon + 1)];
}
