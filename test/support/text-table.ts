/**
 * Figures that a test prints: a table in Markdown, its columns aligned.
 */

/** @param rows The first one is the head. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (cells: readonly string[]) =>
    `| ${columns.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |\n`;
  const [head = [], ...body] = rows;
  return [head, columns.map((width) => '-'.repeat(width)), ...body].map(line).join('');
}
