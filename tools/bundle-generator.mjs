/**
 * Makes one executable file of `generator/` and everything that it imports: dist/generator/protoc-gen-nestjs-connect.mjs,
 * or what its argument says.
 *
 * Installed, the package then needs neither protoplugin nor the TypeScript in it, which it never runs: all targets are
 * written by our own emitter.
 */
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [output = `${ROOT}dist/generator/protoc-gen-nestjs-connect.mjs`] = process.argv.slice(2);
/** Of which the licenses are, word for word, in the bundle: esbuild takes their comments for others. */
const NOTICES = ['protoplugin/dist/esm/run-node.js', 'protobuf/dist/esm/wire/varint.js'];
const UNUSED = /^(typescript|@typescript\/vfs)$/;

// What it replaces may be a link.
rmSync(output, { force: true });
await build({
  entryPoints: [`${ROOT}generator/main.ts`],
  outfile: output,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  banner: { js: ['#!/usr/bin/env node', ...NOTICES.map(leadingComment)].join('\n\n') },
  plugins: [{ name: 'leave out the compiler', setup: leaveOutCompiler }],
});
chmodSync(output, 0o755);

/** @returns The lines with `//` at the top of a file of Buf's. */
function leadingComment(name) {
  const [comment] = /^(\/\/.*\n)+/.exec(readFileSync(`${ROOT}node_modules/@bufbuild/${name}`, 'utf8'));
  return comment.trimEnd();
}

/** Both are imported by a part of protoplugin that makes JavaScript of TypeScript. */
function leaveOutCompiler({ onResolve, onLoad }) {
  onResolve({ filter: UNUSED }, ({ path }) => ({ path, namespace: 'unused' }));
  onLoad({ filter: UNUSED, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
}
