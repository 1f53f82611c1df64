/**
 * Runs a script under Node 24, for what Node 20 cannot do: `node tools/node-24.mjs [OPTION…] SCRIPT [ARGUMENT…]`.
 */
import { spawnSync } from 'node:child_process';
import { installNode } from './install-node.mjs';
import { NODE_24 } from './programs.mjs';

process.exitCode = spawnSync(installNode(NODE_24), process.argv.slice(2), { stdio: 'inherit' }).status ?? 1;
