/**
 * `npm run check:package`: the package as it would be published. publint and are-the-types-wrong judge its entry points;
 * `package-contents.mjs` the files; `package-size.json` says how large it may be.
 *
 * `npm run check:package -- --update` writes the size report. Needs a build.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { run } from './child-process.mjs';
import { CONTENT_CHECKS, readPackage } from './package-contents.mjs';
import { compareWithReport, measure, writeReport } from './package-size.mjs';
import { Tally } from './tally.mjs';
import { pack, ROOT } from './tarball.mjs';

const tally = new Tally();
const folder = mkdtempSync(join(tmpdir(), 'nestjs-connect-check-'));
try {
  const tarball = await pack(folder);
  await run('tar', ['-xzf', tarball.path, '-C', folder]);
  await checkTarball(tarball, join(folder, 'package'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = tally.close();

async function checkTarball(tarball, unpacked) {
  const content = readPackage(unpacked, tarball.unpackedBytes);
  const size = measure(tarball);
  if (process.argv.includes('--update')) {
    writeReport(size);
  }
  await expectNone('pleases publint', () => findLint(unpacked));
  await tally.check('pleases are-the-types-wrong', () => checkTypes(tarball.path));
  for (const [name, find] of CONTENT_CHECKS) {
    await expectNone(name, () => find(content));
  }
  await expectNone('has the size that tools/package-size.json says', () => compareWithReport(size));
  const { files, packedBytes, unpackedBytes } = size;
  console.log(`# ${files} files, ${packedBytes} bytes packed, ${unpackedBytes} bytes unpacked`);
}

/** @param find Returns problems, or a promise of them. */
async function expectNone(name, find) {
  await tally.check(name, async () => {
    const problems = await find();
    if (problems.length > 0) {
      throw new Error(problems.join('\n'));
    }
  });
}

async function findLint(pkgDir) {
  const { messages, pkg } = await publint({ pkgDir, pack: false, strict: true });
  return messages.map((message) => `${message.type}: ${formatMessage(message, pkg, { color: false })}`);
}

/** Its profile leaves out what only CommonJS entry points have; `test:package` tries CommonJS applications. */
function checkTypes(path) {
  return run(join(ROOT, 'node_modules/.bin/attw'), [
    path,
    '--profile',
    'esm-only',
    '--no-color',
    '--no-emoji',
  ]);
}
