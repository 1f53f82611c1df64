/**
 * TypeScript with everything opaque blanked, character for character: what is left can be searched by patterns, and every
 * position is one in the source.
 *
 * Not by the TypeScript API: version 7 has none, and what runs inside `nest g` must run with any compiler of the app.
 */

const COMMENT = String.raw`//[^\n]*|/\*[\s\S]*?\*/`;
const QUOTED = [String.raw`'(?:\\[\s\S]|[^'\\\n])*'`, String.raw`"(?:\\[\s\S]|[^"\\\n])*"`].join('|');
// What is nested deeper than anybody writes ends at the next backtick.
const TEMPLATE = [templatePattern(3), '`(?:\\\\[\\s\\S]|[^`\\\\])*`'].join('|');
// A slash begins a regular expression where a value is expected; elsewhere it divides. Comments are tried first.
const REGEXP = String.raw`(?<=[(,=:[!&|?{};]\s*)/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+/`;

const OPAQUE = new RegExp(`(?<comment>${COMMENT})|${[QUOTED, TEMPLATE, REGEXP].join('|')}`, 'g');

/** @returns As long as the source: comments are spaces, the inside of strings and regular expressions is underscores. */
export function maskSource(source: string): string {
  return source.replaceAll(OPAQUE, (text: string, comment: string | undefined) =>
    comment === undefined
      ? `${text.charAt(0)}${fill(text.slice(1, -1), '_')}${text.at(-1)}`
      : fill(text, ' '),
  );
}

/** @returns Whether there is a comment in a part of the source. */
export function hasComment(source: string, start: number, end: number): boolean {
  return [...source.slice(start, end).matchAll(OPAQUE)].some(
    ({ groups }) => groups?.['comment'] !== undefined,
  );
}

/** A template holds code between `${` and `}`, which may hold templates again, so many times. */
function templatePattern(depth: number): string {
  return ['`(?:\\\\[\\s\\S]|\\$\\{', codePattern(depth), '\\}|\\$(?!\\{)|[^`\\\\$])*`'].join('');
}

/** Its braces match. */
function codePattern(depth: number): string {
  const nested = depth === 0 ? [] : [templatePattern(depth - 1), String.raw`\{${codePattern(depth - 1)}\}`];
  return `(?:${[...nested, QUOTED, '[^{}`\'"]'].join('|')})*`;
}

function fill(text: string, char: string): string {
  return text.replaceAll(/[^\n]/g, char);
}
