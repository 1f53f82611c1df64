/**
 * What command line clients print: JSON objects, one behind the other, on one line or on many.
 */

/** @returns Every object of the text, in order. */
export function jsonMessages(text: string): unknown[] {
  const messages: unknown[] = [];
  let start = 0;
  // An object ends where the text up to there can be parsed; strings may contain braces, too.
  for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}', end + 1)) {
    const message = parse(text.slice(start, end + 1));
    if (message !== undefined) {
      messages.push(message);
      start = end + 1;
    }
  }
  return messages;
}

/** @returns The `sentence` of every object that is printed. */
export function sentences(text: string): unknown[] {
  return jsonMessages(text).map((message) => Object(message).sentence);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.slice(Math.max(0, text.indexOf('{'))));
  } catch {
    return undefined;
  }
}
