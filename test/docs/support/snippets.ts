/**
 * The TypeScript blocks of Markdown files, type-checked as modules of one program with the repository's own options.
 *
 * A block may leave out imports that its reader has in mind anyway: those that `guide/prelude.d.ts` has are added behind
 * its last line, where they hold as well and leave line numbers as they are. A line that must not compile has
 * `@ts-expect-error` above it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** A block, and where its file has it. */
export interface Snippet {
  readonly file: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly code: string;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Where blocks are as modules: beside `gen/`, which they import by that path. */
const FOLDER = fileURLToPath(new URL('guide/', import.meta.url));
const PRELUDE = join(FOLDER, 'prelude.d.ts');

const BLOCK = /^(?<indent> *)```(?:ts|typescript)\b.*\n(?<code>[^]*?)^\k<indent>```$/gm;

/** @returns All blocks of a Markdown text whose language is `ts` or `typescript`, whatever stands behind it. */
export function findSnippets(file: string, markdown: string): Snippet[] {
  return Array.from(markdown.matchAll(BLOCK), ({ index, groups }) => ({
    file,
    line: countLines(markdown.slice(0, index)) + 1,
    code: groups?.['code'] ?? '',
  }));
}

function countLines(text: string): number {
  return text.split('\n').length;
}

/** @returns What the compiler says, as `file:line: message`, in the order of the snippets. */
export function typeCheck(snippets: readonly Snippet[]): string[] {
  const known = preludeNames();
  const modules = new Map(
    snippets.map((snippet, index) => [
      join(FOLDER, `snippet-${index}.ts`),
      { snippet, text: toModule(snippet, known) },
    ]),
  );
  const options = compilerOptions();
  const host = withModules(
    ts.createCompilerHost(options),
    new Map(Array.from(modules, ([path, { text }]) => [path, text])),
  );
  const program = ts.createProgram([...modules.keys()], options, host);
  return [...modules].flatMap(([path, { snippet }]) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      (diagnostic) => describeProblem(snippet, diagnostic),
    );
  });
}

/** The repository's; but what a block declares is its reader's to use, and declarations of packages are not its business. */
function compilerOptions(): ts.CompilerOptions {
  const configFile = join(ROOT, 'tsconfig.json');
  const { config } = ts.readConfigFile(configFile, (path) => ts.sys.readFile(path)) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT, {}, configFile);
  return {
    ...options,
    noEmit: true,
    incremental: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    skipLibCheck: true,
    // Readers of the guides have it, this repository does not.
    paths: { 'class-validator': [join(FOLDER, 'class-validator.d.ts')] },
  };
}

/** The host, with files that are not on disk. */
function withModules(host: ts.CompilerHost, texts: ReadonlyMap<string, string>): ts.CompilerHost {
  const readFile = host.readFile.bind(host);
  const fileExists = host.fileExists.bind(host);
  // In place: the host reads source files by these two.
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  return host;
}

function describeProblem(
  { file, line }: Snippet,
  { file: source, start = 0, messageText }: ts.Diagnostic,
): string {
  const offset = source === undefined ? 0 : source.getLineAndCharacterOfPosition(start).line;
  return `${file}:${line + offset}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}

/** Names that {@link PRELUDE} exports, and how to import them: types with `type`. */
type Names = ReadonlyMap<string, string>;

function preludeNames(): Names {
  const { statements } = parse(PRELUDE, readFileSync(PRELUDE, 'utf8'));
  return new Map(statements.flatMap(exportedNames));
}

function exportedNames(statement: ts.Statement): [name: string, specifier: string][] {
  if (ts.isImportDeclaration(statement)) {
    return [];
  }
  if (ts.isExportDeclaration(statement)) {
    const { exportClause: clause } = statement;
    const elements = clause !== undefined && ts.isNamedExports(clause) ? [...clause.elements] : [];
    return elements.map(({ name, isTypeOnly }) => [name.text, specifierOf(name.text, isTypeOnly)]);
  }
  const isType = ts.isInterfaceDeclaration(statement);
  return declaredNames(statement).map((name) => [name, specifierOf(name, isType)]);
}

function specifierOf(name: string, isType: boolean): string {
  return isType ? `type ${name}` : name;
}

function toModule({ file, code }: Snippet, known: Names): string {
  const source = parse(file, code);
  const own = new Set(source.statements.flatMap(declaredNames));
  const missing = [...usedNames(source)]
    .filter((name) => !own.has(name))
    .flatMap((name) => known.get(name) ?? []);
  return `${code}\nimport { ${missing.join(', ')} } from './prelude.js';\n`;
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
}

/** What a statement adds to the names of its module. */
function declaredNames(statement: ts.Statement): string[] {
  if (ts.isImportDeclaration(statement)) {
    const bindings = statement.importClause?.namedBindings;
    const named = bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : [bindings];
    return [statement.importClause, ...named].flatMap((binding) => binding?.name?.text ?? []);
  }
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => [...usedNames(name)]);
  }
  return hasName(statement) ? [statement.name.text] : [];
}

function hasName(statement: ts.Statement): statement is ts.Statement & { readonly name: ts.Identifier } {
  const { name } = statement as { readonly name?: ts.Node };
  return name !== undefined && ts.isIdentifier(name);
}

/** All identifiers, properties too: an import that is not needed does no harm. */
function usedNames(node: ts.Node): Set<string> {
  const names = new Set<string>();
  const visit = (child: ts.Node): void => {
    if (ts.isIdentifier(child)) {
      names.add(child.text);
    }
    ts.forEachChild(child, visit);
  };
  visit(node);
  return names;
}
