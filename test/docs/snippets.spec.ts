/**
 * Every TypeScript block of the README and the guides compiles: nobody copies what does not.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { findSnippets, type Snippet, typeCheck } from './support/snippets.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const GUIDES = [
  'README.md',
  ...readdirSync(`${ROOT}docs`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .toSorted(),
];

function readSnippets(file: string): Snippet[] {
  return findSnippets(file, readFileSync(ROOT + file, 'utf8'));
}

/** Each as a file of its own; `@@` marks the line that is wrong. */
const PLANTED: readonly [name: string, lines: readonly string[], message: string][] = [
  ['an unknown name', ['const port = 3000;', 'listenOn(port); // @@'], "Cannot find name 'listenOn'."],
  [
    'an option that does not exist',
    ['new ConnectServer({', '  ports: [8080], // @@', '});'],
    "'ports' does not exist in type 'ConnectServerOptions'",
  ],
  [
    'a service without its handlers',
    ['@ConnectService(ElizaService) // @@', 'class Eliza {}'],
    'Unable to resolve signature of class decorator',
  ],
  [
    'a type that is imported without "type"',
    ["import { SayRequest } from './gen/eliza_pb.js'; // @@", 'export type { SayRequest };'],
    'must be imported using a type-only import',
  ],
  [
    'an import of what is not there',
    ["import './gen/other_pb.js'; // @@"],
    'Cannot find module or type declarations',
  ],
  [
    'an expected error that does not come',
    ['// @ts-expect-error: none @@', 'new ConnectServer();'],
    "Unused '@ts-expect-error'",
  ],
  ['a syntax error', ['const = 1; // @@'], 'Variable declaration expected'],
];

const RIGHT = [
  "import { ConnectServer as Server } from 'nestjs-connect';",
  'const app = await NestFactory.createMicroservice(AppModule, { strategy: new Server() });',
  '// @ts-expect-error: no such option',
  'new Server({ ports: [8080] });',
];

function inFence(lines: readonly string[], language = 'ts'): string {
  return ['A guide.', '', `\`\`\`${language}`, ...lines, '```', ''].join('\n');
}

describe('TypeScript blocks', () => {
  const snippets = GUIDES.map((file) => [file, readSnippets(file)] as const).filter(
    ([, found]) => found.length > 0,
  );
  const planted = PLANTED.map(([name, lines]) => findSnippets(name, inFence(lines)));
  let problems: string[];

  // One program for all: most of its time goes into what they import.
  beforeAll(() => {
    problems = typeCheck([
      ...snippets.flatMap(([, found]) => found),
      ...planted.flat(),
      ...findSnippets('right', inFence(RIGHT)),
    ]);
  }, 120_000);

  function problemsOf(file: string): string[] {
    return problems.filter((problem) => problem.startsWith(`${file}:`));
  }

  it('are found in the README and the guides', () => {
    expect(snippets.map(([file]) => file)).toEqual(
      expect.arrayContaining(['README.md', 'docs/errors.md', 'docs/nest.md']),
    );
  });

  it.each(snippets.map(([file]) => file))('of %s compile', (file) => {
    expect(problemsOf(file)).toEqual([]);
  });

  it.each(PLANTED)('with %s do not compile, and the line is named', (name, lines, message) => {
    const line = lines.findIndex((text) => text.includes('@@')) + 4;
    expect(problemsOf(name)[0]).toMatch(new RegExp(`^${name}:${line}: `));
    expect(problemsOf(name).join('\n')).toContain(message);
  });

  it('compile with the imports that they leave out', () => {
    expect(problemsOf('right')).toEqual([]);
  });
});

describe('findSnippets', () => {
  it.each([
    ['ts', 1],
    ['typescript', 1],
    ['ts title="main.ts"', 1],
    ['tsx', 0],
    ['json', 0],
    ['', 0],
  ])('of a block of "%s" finds %d', (language, count) => {
    expect(findSnippets('guide.md', inFence(['a;'], language))).toHaveLength(count);
  });

  it('finds each block with its line, also inside a list', () => {
    const markdown = ['```ts', 'a;', '', 'b;', '```', '- item', '', '  ```ts', '  c;', '  ```', ''].join(
      '\n',
    );
    expect(findSnippets('guide.md', markdown)).toEqual([
      { file: 'guide.md', line: 2, code: 'a;\n\nb;\n' },
      { file: 'guide.md', line: 9, code: '  c;\n' },
    ]);
  });
});
