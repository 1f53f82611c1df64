/**
 * Another Node than the one that runs, from npm, in `.tools`: for what Node 20 cannot do.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** @returns The path of a Node of that version, such as `24.21.0`. */
export function installNode(version) {
  const prefix = resolve(import.meta.dirname, '../.tools', `node-${version}`);
  const node = `${prefix}/node_modules/node/bin/node`;
  if (!existsSync(node)) {
    console.log(`installing node@${version}`);
    execFileSync('npm', ['install', '--prefix', prefix, '--no-save', `node@${version}`], {
      stdio: 'inherit',
    });
  }
  return node;
}
