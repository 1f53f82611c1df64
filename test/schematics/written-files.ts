/**
 * What every file that a schematic has written must be: free of syntax errors, and laid out as prettier does in Nest's starters.
 */
import { format } from 'prettier';
import ts from 'typescript';

/** Nest's starters' .prettierrc. */
const STARTER_STYLE = { singleQuote: true, trailingComma: 'all' } as const;

/** @returns Texts of the errors. */
export function syntaxErrorsOf(source: string): string[] {
  const { diagnostics = [] } = ts.transpileModule(source, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2022, experimentalDecorators: true },
  });
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

/** @returns The file as prettier would write it. */
export function prettified(source: string): Promise<string> {
  return format(source, { ...STARTER_STYLE, parser: 'typescript' });
}
