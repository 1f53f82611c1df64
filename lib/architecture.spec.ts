/**
 * Section 2 of docs/architecture.md as a test: who may import whom, no cycles, no comparison of names.
 *
 * Read from the syntax tree, so that imports in comments and strings are none. Every check also runs on a
 * small planted violation: a check that finds nothing must prove that it can.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

/** Paths relative to `lib/`, and their text. */
type Sources = ReadonlyMap<string, string>;

interface Room {
  /** Our rooms; `protocol` means all in it. */
  readonly ours: readonly string[];
  /** Packages and Node's modules, with what lies below them; `@nestjs/*` means the whole scope. */
  readonly outside: readonly string[];
}

const node = (...names: string[]): string[] => names.map((name) => `node:${name}`);

const BELOW_NEST = ['rpc', 'codec', 'compression', 'wire', 'protocol', 'stream', 'server', 'client'];
const NEST_PACKAGES = [
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/microservices',
  'reflect-metadata',
  'rxjs',
  '@bufbuild/protobuf',
  'node:async_hooks',
];

// The table, line by line. `lib/gen` is open to every room.
const ROOMS: Readonly<Record<string, Room>> = {
  rpc: { ours: [], outside: ['@bufbuild/protobuf'] },
  codec: { ours: ['rpc'], outside: ['@bufbuild/protobuf'] },
  compression: { ours: ['rpc'], outside: ['node:zlib'] },
  wire: { ours: ['rpc', 'codec', 'compression'], outside: [] },
  // Only lists the three.
  protocol: { ours: ['wire', 'protocol'], outside: [] },
  'protocol/connect': { ours: ['rpc', 'codec', 'compression', 'wire'], outside: ['@bufbuild/protobuf'] },
  'protocol/grpc': { ours: ['rpc', 'codec', 'compression', 'wire'], outside: ['@bufbuild/protobuf'] },
  'protocol/grpc-web': {
    ours: ['rpc', 'codec', 'compression', 'wire', 'protocol/grpc'],
    outside: [],
  },
  stream: { ours: ['rpc'], outside: ['rxjs'] },
  server: {
    ours: ['rpc', 'codec', 'compression', 'wire'],
    outside: node('net', 'http', 'http2', 'tls', 'stream', 'fs'),
  },
  client: {
    ours: ['rpc', 'codec', 'compression', 'wire', 'protocol', 'stream'],
    outside: ['@bufbuild/protobuf', 'rxjs', ...node('http', 'http2', 'net', 'tls', 'dns', 'async_hooks')],
  },
  nest: { ours: BELOW_NEST, outside: NEST_PACKAGES },
  builtin: { ours: ['rpc', 'nest', 'client'], outside: ['@bufbuild/protobuf', 'rxjs', '@nestjs/*'] },
  testing: {
    ours: [...BELOW_NEST, 'nest'],
    outside: ['@bufbuild/protobuf', '@nestjs/common', 'node:async_hooks'],
  },
  gen: { ours: [], outside: ['@bufbuild/protobuf'] },
  index: { ours: [...BELOW_NEST, 'nest', 'builtin'], outside: [] },
};

// What shared code asks of objects instead, and the rooms in which the names are at home.
const NAMES: readonly { readonly names: readonly string[]; readonly rooms: readonly string[] }[] = [
  { names: ['connect', 'grpc', 'grpc-web'], rooms: ['protocol'] },
  { names: ['proto', 'json'], rooms: ['protocol', 'codec'] },
  { names: ['gzip', 'br', 'deflate', 'zstd', 'identity'], rooms: ['protocol', 'compression'] },
];

const LIB = fileURLToPath(new URL('.', import.meta.url));

function readSources(): Sources {
  const paths = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts'));
  return new Map(paths.map((path) => [path, readFileSync(LIB + path, 'utf8')]));
}

function roomOf(path: string): string {
  const [first = '', second = '', third] = path.split('/');
  if (first === 'protocol' && third !== undefined) {
    return `protocol/${second}`;
  }
  return first.replace(/\.ts$/, '');
}

function isWithin(room: string, rooms: readonly string[]): boolean {
  return rooms.some((allowed) => room === allowed || room.startsWith(`${allowed}/`));
}

/** Static and dynamic imports, `export … from`, and `import('…')` in types. */
function importsOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

/** The path of the source a relative import means. */
function resolveImport(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
}

function importViolations(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) => {
    const name = roomOf(path);
    const room = ROOMS[name];
    if (room === undefined) {
      return [`${path}: the room "${name}" is not in the table`];
    }
    return importsOf(text)
      .filter((specifier) => !mayImport(name, room, path, specifier))
      .map((specifier) => `${path}: ${name} may not import "${specifier}"`);
  });
}

function mayImport(name: string, room: Room, path: string, specifier: string): boolean {
  if (specifier.startsWith('.')) {
    const target = roomOf(resolveImport(path, specifier));
    return target === name || target === 'gen' || isWithin(target, room.ours);
  }
  return room.outside.some((allowed) => isAllowed(allowed, specifier));
}

function isAllowed(allowed: string, specifier: string): boolean {
  return allowed.endsWith('/*')
    ? specifier.startsWith(allowed.slice(0, -1))
    : specifier === allowed || specifier.startsWith(`${allowed}/`);
}

/** What rooms may import from outside, and do not. */
function unusedAllowances(sources: Sources): string[] {
  return Object.entries(ROOMS).flatMap(([name, { outside }]) => {
    const files = [...sources].filter(([path]) => roomOf(path) === name);
    const imported = files.flatMap(([, text]) => importsOf(text));
    return outside
      .filter((allowed) => files.length > 0 && !imported.some((specifier) => isAllowed(allowed, specifier)))
      .map((allowed) => `${name} imports nothing of "${allowed}"`);
  });
}

function importCycles(sources: Sources): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
    } else if (!done.has(path)) {
      const targets = importsOf(sources.get(path) ?? '').filter((specifier) => specifier.startsWith('.'));
      targets.forEach((specifier) => visit(resolveImport(path, specifier), [...trail, path]));
      done.add(path);
    }
  };
  [...sources.keys()].forEach((path) => visit(path, []));
  return cycles;
}

const COMPARISONS = new Set([
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
]);

function nameComparisons(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) => {
    const room = roomOf(path);
    const forbidden = new Set(
      NAMES.filter(({ rooms }) => !isWithin(room, rooms)).flatMap(({ names }) => names),
    );
    return comparedLiterals(path, text)
      .filter(({ value }) => forbidden.has(value))
      .map(({ value, line }) => `${path}:${line} compares with '${value}'`);
  });
}

function comparedLiterals(path: string, text: string): { value: string; line: number }[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const found: { value: string; line: number }[] = [];
  const visit = (child: ts.Node): void => {
    const operands =
      ts.isBinaryExpression(child) && COMPARISONS.has(child.operatorToken.kind)
        ? [child.left, child.right]
        : ts.isCaseClause(child)
          ? [child.expression]
          : [];
    for (const operand of operands.filter((expression) => ts.isStringLiteralLike(expression))) {
      found.push({
        value: operand.text,
        line: file.getLineAndCharacterOfPosition(operand.getStart(file)).line + 1,
      });
    }
    ts.forEachChild(child, visit);
  };
  visit(file);
  return found;
}

/** Everything in the public entry that is not `export { … } from '…'`. */
function entryViolations(text: string): string[] {
  const file = ts.createSourceFile('index.ts', text, ts.ScriptTarget.Latest);
  return file.statements
    .filter(
      (statement) =>
        !ts.isExportDeclaration(statement) ||
        statement.exportClause === undefined ||
        !ts.isNamedExports(statement.exportClause),
    )
    .map((statement) => `not a list of named exports: ${statement.getText(file)}`);
}

describe('the architecture', () => {
  const sources = readSources();

  it('has sources to look at', () => {
    expect(sources.size).toBeGreaterThan(20);
    expect([...sources.values()].flatMap(importsOf).length).toBeGreaterThan(50);
  });

  it('keeps to the table of imports', () => {
    expect(importViolations(sources)).toEqual([]);
  });

  it('has a table of what is imported, and of nothing else', () => {
    expect(unusedAllowances(sources)).toEqual([]);
  });

  it('has no import cycles', () => {
    expect(importCycles(sources)).toEqual([]);
  });

  it('compares no names of protocols, codecs or compressions', () => {
    expect(nameComparisons(sources)).toEqual([]);
  });

  it.each(['index.ts', 'client/index.ts', 'testing/index.ts'])(
    'has only named exports in the public entry %s',
    (entry) => {
      expect(entryViolations(readFileSync(LIB + entry, 'utf8'))).toEqual([]);
    },
  );
});

function planted(path: string, text: string): Sources {
  return new Map([[path, text]]);
}

describe('the checks of the architecture find planted violations', () => {
  it.each([
    ['rpc/a.ts', "import { x } from '../codec/codec.js';"],
    ['rpc/a.ts', "import type { X } from 'rxjs';"],
    ['rpc/a.ts', "import '../codec/codec.js';"],
    ['rpc/a.ts', "export { x } from '../codec/codec.js';"],
    ['rpc/a.ts', "export * from '../codec/codec.js';"],
    ['rpc/a.ts', "const x = await import('node:fs');"],
    ['rpc/a.ts', "let x: import('../codec/codec.js').Codec;"],
    ['codec/a.ts', "import { x } from '../compression/compression.js';"],
    ['wire/a.ts', "import { type DescMessage } from '@bufbuild/protobuf';"],
    ['protocol/index.ts', "import { x } from '../server/server.js';"],
    ['protocol/connect/a.ts', "import { x } from '../grpc/status.js';"],
    ['protocol/grpc/a.ts', "import { x } from '../grpc-web/variant.js';"],
    ['protocol/grpc-web/a.ts', "import { x } from '../index.js';"],
    ['stream/a.ts', "import { x } from '../wire/exchange.js';"],
    ['server/a.ts', "import { x } from '../stream/outbound.js';"],
    ['server/a.ts', "import { x } from 'node:child_process';"],
    ['client/a.ts', "import { x } from '../server/server.js';"],
    ['nest/a.ts', "import { x } from '@nestjs/platform-express';"],
    ['nest/a.ts', "import { x } from '../testing/harness.js';"],
    ['builtin/a.ts', "import { x } from '../wire/exchange.js';"],
    ['testing/a.ts', "import { x } from '../builtin/health.js';"],
    ['gen/a.ts', "import { x } from '../rpc/code.js';"],
    ['index.ts', "export { x } from './testing/harness.js';"],
    ['index.ts', "export { x } from '../test/support/memory-flow.js';"],
    ['utils/a.ts', ''],
    ['helpers.ts', ''],
  ])('in %s: %s', (path, text) => {
    expect(importViolations(planted(path, text))).toHaveLength(1);
  });

  it.each([
    ['rpc/a.ts', "// import { x } from 'rxjs';"],
    ['rpc/a.ts', "import { x } from '@bufbuild/protobuf/wkt';"],
    ['wire/a.ts', "import { x } from '../gen/google/rpc/status_pb.js';"],
    ['protocol/index.ts', "import { x } from './grpc/index.js';"],
    ['protocol/grpc-web/a.ts', "import { x } from '../grpc/status.js';"],
    ['client/a.ts', "import { x } from '../protocol/connect/index.js';"],
    ['builtin/a.ts', "const x = await import('@nestjs/terminus');"],
    ['index.ts', "export { x } from './rpc/code.js';"],
  ])('and allow in %s: %s', (path, text) => {
    expect(importViolations(planted(path, text))).toEqual([]);
  });

  it('what nobody imports', () => {
    expect(unusedAllowances(planted('compression/a.ts', ''))).toEqual([
      'compression imports nothing of "node:zlib"',
    ]);
  });

  it('a cycle of two, of three, and of one', () => {
    const cyclic = new Map([
      ['rpc/a.ts', "import './b.js';"],
      ['rpc/b.ts', "import type { A } from './a.js';"],
      ['rpc/c.ts', "import './d.js';"],
      ['rpc/d.ts', "export { e } from './e.js';"],
      ['rpc/e.ts', "import './c.js'; import './a.js';"],
      ['rpc/self.ts', "import './self.js';"],
    ]);
    expect(importCycles(cyclic)).toEqual([
      'rpc/a.ts → rpc/b.ts → rpc/a.ts',
      'rpc/c.ts → rpc/d.ts → rpc/e.ts → rpc/c.ts',
      'rpc/self.ts → rpc/self.ts',
    ]);
  });

  it.each([
    ['server/a.ts', "if (protocol.name === 'grpc-web') {}"],
    ['server/a.ts', "if ('connect' !== name) {}"],
    ['server/a.ts', "if (name == 'gzip' || true) {}"],
    ['wire/a.ts', 'const x = name != `identity`;'],
    ['nest/a.ts', "switch (codec) { case 'json': break; }"],
    ['compression/a.ts', "if (name === 'proto') {}"],
    ['codec/a.ts', "if (name === 'br') {}"],
  ])('in %s: %s', (path, text) => {
    expect(nameComparisons(planted(path, text))).toHaveLength(1);
  });

  it.each([
    ['protocol/grpc/a.ts', "if (name === 'gzip' || name === 'grpc') {}"],
    ['codec/a.ts', "if (name === 'json') {}"],
    ['compression/a.ts', "if (name === 'identity') {}"],
    ['server/a.ts', "const x = 'grpc'; // name === 'grpc'"],
  ])('and allow in %s: %s', (path, text) => {
    expect(nameComparisons(planted(path, text))).toEqual([]);
  });

  it.each([
    "export * from './rpc/code.js';",
    "export * as rpc from './rpc/code.js';",
    'export default 1;',
    'export const x = 1;',
    "import './side-effect.js';",
  ])('in the public entry: %s', (text) => {
    expect(entryViolations(`export { Code } from './rpc/code.js';\n${text}`)).toHaveLength(1);
  });
});
