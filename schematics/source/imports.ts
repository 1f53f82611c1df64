/**
 * The import declarations of a source file, and one more.
 */
import { appendElement, breakLongList, UneditableSourceError } from './bracket-list.js';
import { maskSource } from './masked-source.js';

/** A class that is imported, by a name that stays. */
export interface NamedImport {
  readonly name: string;
  /** For example `"./eliza/eliza.rpc.js"`. */
  readonly from: string;
}

interface ImportDeclaration {
  /** With the comments that follow on its line. */
  readonly end: number;
  /** Without comments. */
  readonly masked: string;
  readonly from: string;
  /** The brace of its names, unless it has none, or only types. */
  readonly namesAt: number | undefined;
}

// Masked: nothing but the quotes of a string is a quote. At the beginning of a line: at the top level.
const IMPORT =
  /^import\b(?:[^'"();]*(?<quoted>'_*'|"_*")(?:\s*with\s*\{[^}]*\})?|\s+\w+\s*=\s*require\([^)]*\))[^\S\n]*;?[^\S\n]*$/gm;

/**
 * @returns The source, with the name imported; the same text if it is.
 * @throws UneditableSourceError When the name means something else in this file.
 */
export function addImport(source: string, { name, from }: NamedImport): string {
  const masked = maskSource(source);
  const declarations = readImports(source, masked);
  if (declarations.some((declaration) => declaration.from === from && importsValue(declaration, name))) {
    return source;
  }
  refuseTakenName(masked, name);
  const neighbour = declarations.find(
    (declaration) => declaration.from === from && declaration.namesAt !== undefined,
  );
  if (neighbour?.namesAt !== undefined) {
    return breakLongList(appendElement(source, neighbour.namesAt, name), neighbour.namesAt);
  }
  return insertDeclaration(source, declarations, `import { ${name} } from '${from}';`);
}

function readImports(source: string, masked: string): ImportDeclaration[] {
  return [...masked.matchAll(IMPORT)].map((match) => {
    const { 0: all, index } = match;
    const quoted = match.groups?.['quoted'];
    const fromAt = quoted === undefined ? 0 : all.indexOf(quoted) + 1;
    const brace = all.slice(0, fromAt).indexOf('{');
    const isTypes = /^import\s+type\b/.test(all);
    return {
      end: behindComments(source, index + all.trimEnd().length),
      masked: all.trimEnd(),
      from: source.slice(index + fromAt, index + fromAt + (quoted?.length ?? 2) - 2),
      namesAt: brace === -1 || isTypes ? undefined : index + brace,
    };
  });
}

/** @returns The end of the line; of a comment that goes on in the next one, its beginning. */
function behindComments(source: string, position: number): number {
  const rest = source.slice(position).split('\n', 1).join('');
  return maskSource(rest).trim() === '' ? position + rest.length : position;
}

function importsValue({ masked, namesAt }: ImportDeclaration, name: string): boolean {
  return namesAt !== undefined && new RegExp(String.raw`[{,]\s*${name}\s*[,}]`).test(masked);
}

/** Any use of the name counts: code that has it without an import of ours means another one. */
function refuseTakenName(masked: string, name: string): void {
  if (new RegExp(String.raw`(?<![\w$.])${name}(?![\w$])`).test(masked)) {
    throw new UneditableSourceError(`${name} means something else in it`);
  }
}

/** In the style of the last one: quotes, semicolon. */
function insertDeclaration(
  source: string,
  declarations: readonly ImportDeclaration[],
  declaration: string,
): string {
  const last = declarations.at(-1);
  if (last === undefined) {
    return `${declaration}\n\n${source}`;
  }
  const quoted = last.masked.includes('"') ? declaration.replaceAll("'", '"') : declaration;
  const styled = last.masked.endsWith(';') ? quoted : quoted.slice(0, -1);
  return `${source.slice(0, last.end)}\n${styled}${source.slice(last.end)}`;
}
