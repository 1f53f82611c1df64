/**
 * What the handlers of both servers do, so that they differ in nothing but the library under them, and what is counted
 * of it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { concatMap, Observable } from 'rxjs';
import { answerQuestions, collectGarbage, heapBytes } from '../../support/answering-program.js';
import { type Figures, type Question } from './figures.js';
import { type Sentence, SequenceCheck, textOf } from './messages.js';

let workMs = 0;
let taken = 0;
let produced = 0;
let subscriptions = 0;
let teardowns = 0;

/** @returns What a handler does with each message of one stream; the answer says how the stream is so far. */
export function createWorker(): (message: Sentence) => Promise<Sentence> {
  const check = new SequenceCheck();
  return async (message) => {
    taken++;
    check.add(message);
    if (workMs > 0) {
      await delay(workMs);
    }
    return { sentence: check.verdict };
  };
}

/** As handlers are written that know nothing but RxJS. */
export function workWithConcatMap(requests: Observable<Sentence>): Observable<Sentence> {
  return requests.pipe(concatMap(createWorker()));
}

/** @param count Of messages, as text. */
export function* produce(count: string): Generator<Sentence> {
  for (let sequence = 1; sequence <= Number(count); sequence++) {
    produced++;
    yield { sentence: textOf(sequence) };
  }
}

export const neverEnding = new Observable<never>(() => {
  subscriptions++;
  return () => void teardowns++;
});

/** Makes this process a program that tells its figures. */
export function answerAboutWork(port: number, liveCalls: () => number): void {
  answerQuestions<Question, Figures>(port, async (question) => {
    if (question.kind === 'pace') {
      ({ workMs } = question);
    }
    await collectGarbage();
    return {
      heapBytes: heapBytes(),
      taken,
      produced,
      subscriptions,
      teardowns,
      liveCalls: liveCalls(),
    };
  });
}
