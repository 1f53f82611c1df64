/**
 * What every server in Node answers, so that they differ in nothing but the library under them.
 */
import { map, range } from 'rxjs';

/** Unary: a new message with the contents of the request. */
export function answerUnary({ text, items }) {
  return { text, items };
}

/** Server streaming, pulled. */
export function* messages(request) {
  const text = textOf(request);
  for (let sequence = 1; sequence <= request.count; sequence++) {
    yield { sequence, text: text(sequence) };
  }
}

/** Server streaming, pushed: emits everything when it is subscribed. */
export function messages$(request) {
  const text = textOf(request);
  return range(1, request.count).pipe(map((sequence) => ({ sequence, text: text(sequence) })));
}

/** Bidi streaming: one message. */
export function answerBidi({ text }) {
  return { text };
}

function textOf({ textLength, hasDistinctTexts }) {
  const shared = 'x'.repeat(textLength);
  return hasDistinctTexts ? (sequence) => String(sequence).padStart(textLength, '0') : () => shared;
}
