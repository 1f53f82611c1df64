/**
 * Lists in source text, `[a, b]` and `{ a, b }`: what they have, and one element more, laid out as prettier would.
 *
 * Positions hold for one text only: after an edit they are read anew.
 */
import { hasComment, maskSource } from './masked-source.js';

interface Span {
  readonly start: number;
  readonly end: number;
}

/** A list, by positions in its source. */
export interface BracketList {
  /** Of the brackets. */
  readonly open: number;
  readonly close: number;
  /** Without commas, and without comments around them. */
  readonly elements: readonly Span[];
  readonly hasTrailingComma: boolean;
}

/** What the schematics cannot edit safely. The message continues "… is left as it is: ". */
export class UneditableSourceError extends Error {
  override readonly name = 'UneditableSourceError';
}

/** Nest's starters leave prettier's default; whoever has another one says `nest g --format`. */
const LINE_WIDTH = 80;
const INDENT = '  ';

/**
 * @param open Where the bracket is.
 * @throws UneditableSourceError When the list does not end.
 */
export function readList(source: string, open: number): BracketList {
  const masked = maskSource(source);
  const elements: Span[] = [];
  let depth = 0;
  let start = open + 1;
  for (let i = open; i < masked.length; i++) {
    const char = masked.charAt(i);
    depth += Number('([{'.includes(char)) - Number(')]}'.includes(char));
    if (depth === 0 || (depth === 1 && char === ',')) {
      elements.push(trimmed(masked, start, i));
      start = i + 1;
    }
    if (depth === 0) {
      const present = elements.filter(({ start: from, end }) => from < end);
      const hasTrailingComma = present.length > 0 && present.length < elements.length;
      return { open, close: i, elements: present, hasTrailingComma };
    }
  }
  throw new UneditableSourceError('its brackets do not match');
}

/** @returns The source with one element more, at the end of the list. */
export function appendElement(source: string, open: number, element: string): string {
  const list = readList(source, open);
  const inner = source.slice(open + 1, list.close);
  if (inner.trim() === '') {
    const padding = source.charAt(open) === '{' ? ' ' : '';
    const only = `${padding}${indented(element, indentOf(source, open))}${padding}`;
    return splice(source, open + 1, list.close, only);
  }
  return isExpanded(source, list) ? appendLine(source, list, element) : appendInline(source, list, element);
}

/**
 * @returns The source with one element on a line where the list is too long for one. Lists with comments stay as they are, and
 * with templates, whose text an indentation would change.
 */
export function breakLongList(source: string, open: number): string {
  const list = readList(source, open);
  const { close } = list;
  const isLong = source.slice(open, close).includes('\n') || lineOf(source, open).length > LINE_WIDTH;
  const isFragile = hasComment(source, open, close) || source.slice(open, close).includes('`');
  if (!isLong || isExpanded(source, list) || isFragile) {
    return source;
  }
  const indent = indentOf(source, open);
  const lines = list.elements.map(
    ({ start, end }) => `${indent}${INDENT}${indented(source.slice(start, end), INDENT)},\n`,
  );
  return splice(source, open + 1, close, `\n${lines.join('')}${indent}`);
}

function appendLine(source: string, list: BracketList, element: string): string {
  const { elements, hasTrailingComma, open, close } = list;
  const last = elements.at(-1);
  const indent =
    last === undefined ? `${indentOf(source, close)}${INDENT}` : indentOf(source, elements[0]?.start ?? open);
  const contentEnd = source.slice(0, close).trimEnd().length;
  const comma = last === undefined || hasTrailingComma ? ',' : '';
  const extended = splice(source, contentEnd, contentEnd, `\n${indent}${indented(element, indent)}${comma}`);
  return last === undefined || hasTrailingComma ? extended : splice(extended, last.end, last.end, ',');
}

function appendInline(source: string, { elements, open, close }: BracketList, element: string): string {
  const last = elements.at(-1);
  const text = indented(element, indentOf(source, open));
  return last === undefined
    ? splice(source, close, close, ` ${text} `)
    : splice(source, last.end, last.end, `, ${text}`);
}

/** @returns Whether the first thing in it stands on a line of its own. */
function isExpanded(source: string, { open, close }: BracketList): boolean {
  return /^[^\S\n]*\n/.test(source.slice(open + 1, close));
}

function trimmed(masked: string, start: number, end: number): Span {
  const text = masked.slice(start, end);
  const from = start + text.length - text.trimStart().length;
  return { start: from, end: Math.max(from, start + text.trimEnd().length) };
}

function lineStart(source: string, position: number): number {
  return source.lastIndexOf('\n', position - 1) + 1;
}

function lineOf(source: string, position: number): string {
  return source.slice(lineStart(source, position)).split('\n', 1).join('');
}

function indentOf(source: string, position: number): string {
  return /^[^\S\n]*/.exec(lineOf(source, position))?.[0] ?? '';
}

/** The first line stands where it is put. */
function indented(text: string, indent: string): string {
  return text.replaceAll('\n', `\n${indent}`);
}

function splice(source: string, start: number, end: number, text: string): string {
  return source.slice(0, start) + text + source.slice(end);
}
