/**
 * The npm scripts that people and machines are told to run: each exists, and each suite runs before a merge, on one machine
 * (`.ci/run`) and in the workflow.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const CONTINUOUS = ['.ci/run', '.github/workflows/ci.yml'];
const DOCUMENTS = [
  'CONTRIBUTING.md',
  'SECURITY.md',
  '.github/PULL_REQUEST_TEMPLATE.md',
  'README.md',
  ...readdirSync(new URL('../../sample', import.meta.url)).map((name) => `sample/${name}/README.md`),
];

/** Those that fail when something is wrong; "bench" and "fuzz" take as long as one likes. */
const SUITES = /^(?:test|test:.*|check:.*|generate:check|lint|typecheck|typecheck:.*|conformance:.*|h2spec)$/;

function readText(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The quick start speaks of the scripts of the application that it makes, which `npm run test:e2e-cli` runs. */
function withoutQuickStart(text: string): string {
  return text.replace(/^## Quick start$[^]*?(?=^## )/m, '');
}

/** With the loop over the forms of the conformance suite, and the matrices of the workflow, written out. */
function writtenOut(text: string): string {
  const forms = /^for form in (?<forms>.*); do$/m.exec(text)?.groups?.['forms']?.split(' ') ?? [];
  const matrix = Array.from(text.matchAll(/^ +(?:script:|-) (?<script>[\w:-]+:[\w:-]+)$/gm), ({ groups }) => {
    return groups?.['script'] ?? '';
  });
  return [
    text,
    ...forms.map((form) => `npm run conformance:${form}`),
    ...matrix.map((name) => `npm run ${name}`),
  ].join('\n');
}

function scriptsNamedIn(text: string): ReadonlySet<string> {
  const named = text.matchAll(/\bnpm (?:run (?<script>[a-z][\w:-]*\w)|(?<short>test|start))\b/g);
  return new Set(Array.from(named, ({ groups }) => groups?.['script'] ?? groups?.['short'] ?? ''));
}

// "scripts" of a package.json are strings.
const { scripts } = JSON.parse(readText('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

describe('npm scripts', () => {
  it.each([...CONTINUOUS, ...DOCUMENTS])('%s names only what package.json has', (path) => {
    const named = scriptsNamedIn(writtenOut(withoutQuickStart(readText(path))));
    expect([...named].filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });

  it.each(CONTINUOUS)('%s runs every suite', (path) => {
    const run = scriptsNamedIn(writtenOut(readText(path)));
    const suites = Object.keys(scripts).filter((script) => SUITES.test(script));
    expect(suites.length).toBeGreaterThan(15);
    expect(suites.filter((script) => !run.has(script))).toEqual([]);
  });

  it('CONTRIBUTING.md has every suite, and how to run it', () => {
    const text = readText('CONTRIBUTING.md');
    const suites = Object.keys(scripts).filter((script) => SUITES.test(script));
    const missing = suites.filter((script) => !text.includes(`\`${script.replace('conformance:', '')}\``));
    expect(missing.filter((script) => !scriptsNamedIn(text).has(script))).toEqual([]);
  });
});
