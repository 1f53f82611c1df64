/**
 * The shell lines of the README's quick start, as they stand there: what users copy is what `npm run test:e2e-cli` runs.
 *
 * The section has three blocks: from nothing to a server, calls with the answer under each as a comment, and what comes
 * next.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './tarball.mjs';

/** @throws Error When the section does not have that shape. */
export function readQuickStart() {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, section = ''] = readme.split(/^## Quick start$/m);
  const [text] = section.split(/^## /m);
  const blocks = Array.from(text.matchAll(/^```bash\n(?<lines>[^]*?)^```$/gm), ({ groups }) =>
    groups.lines.trim().split('\n'),
  );
  const [setUp, calls, next] = blocks;
  if (blocks.length !== 3) {
    throw new Error(
      `README.md, "Quick start": expected 3 bash blocks (set-up, calls, next), found ${blocks.length}`,
    );
  }
  return { setUp, calls: pairUp(calls), next };
}

/** Each call, and the comment under it without its "# ". */
function pairUp(lines) {
  const answers = lines.filter((line) => line.startsWith('# ')).map((line) => line.slice(2));
  const commands = lines.filter((line) => !line.startsWith('# '));
  if (commands.length !== answers.length) {
    throw new Error(
      `README.md, "Quick start": ${commands.length} calls have ${answers.length} answers; each needs one, as a comment under it`,
    );
  }
  return commands.map((command, i) => ({ command, answer: answers[i] }));
}
