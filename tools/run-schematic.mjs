/**
 * Runs schematics with the engine of `nest g`, over files in memory. For the tests: the engine does not load inside jest on
 * Node 20.
 *
 * `node tools/run-schematic.mjs COLLECTION_JSON < RUNS_JSON`, a list of `{ schematic, options, files }`, where files are texts
 * by path. Prints for each `{ files, tasks, messages }`, with all files, or `{ error, … }`.
 */
import { resolve } from 'node:path';
import { json } from 'node:stream/consumers';
import { HostTree } from '@angular-devkit/schematics';
import { SchematicTestRunner } from '@angular-devkit/schematics/testing/index.js';

const [collection = 'dist/schematics/collection.json'] = process.argv.slice(2);

const outcomes = [];
for (const run of await json(process.stdin)) {
  outcomes.push(await outcomeOf(run));
}
console.log(JSON.stringify(outcomes));

async function outcomeOf({ schematic, options, files }) {
  const runner = new SchematicTestRunner('nestjs-connect', resolve(collection));
  const messages = [];
  runner.logger.subscribe(({ message }) => messages.push(message));
  try {
    const tree = await runner.runSchematic(schematic, options, treeOf(files));
    return { files: textsOf(tree), tasks: runner.tasks, messages };
  } catch (error) {
    return { error: error.message, tasks: runner.tasks, messages };
  }
}

function treeOf(files) {
  const tree = new HostTree();
  Object.entries(files).forEach(([path, text]) => tree.create(path, text));
  return tree;
}

function textsOf(tree) {
  return Object.fromEntries(tree.files.map((path) => [path.slice(1), tree.readContent(path)]));
}
