/**
 * docs/limits.md against the code: every option with a number is in its first table, with its default.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { resolveConnectOptions } from '../../lib/nest/connect-server-options.js';

/** The interfaces whose numbers users set; those of the engine are found in its defaults. */
const INTERFACES = [
  { file: 'lib/nest/connect-server-options.ts', name: 'ConnectModuleOptions', prefix: '' },
  { file: 'lib/server/cors.ts', name: 'CorsOptions', prefix: 'cors.' },
];

function readText(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** Option names and defaults of the table, as they stand there. */
function documented(): ReadonlyMap<string, string> {
  const [, table = ''] = readText('docs/limits.md').split(/^## .*$/m);
  const rows = table.matchAll(/^\| `(?<name>[^`]+)` \| (?<value>[^|]+) \|/gm);
  return new Map(Array.from(rows, ({ groups }) => [groups?.['name'] ?? '', groups?.['value'] ?? '']));
}

/** Numbers by their paths, such as `timeouts.headersMs`. */
function numbersIn(options: object, prefix = ''): [name: string, value: number][] {
  return Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value === 'number') {
      return [[prefix + name, value] as [string, number]];
    }
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isGroup ? numbersIn(value, `${prefix}${name}.`) : [];
  });
}

/** Names of an interface's properties that are numbers. */
function declaredNumbers({ file, name, prefix }: (typeof INTERFACES)[number]): string[] {
  const body = readText(file).split(`export interface ${name} `)[1]?.split('\n}')[0] ?? '';
  return Array.from(body.matchAll(/readonly (?<name>\w+)\??: number\b/g), ({ groups }) => {
    return prefix + (groups?.['name'] ?? '');
  });
}

describe('docs/limits.md', () => {
  const { engine, wire, streams } = resolveConnectOptions({});
  const defaults = [engine, wire, streams].flatMap((group) => numbersIn(group));

  it('has the default of every option with a number', () => {
    expect(defaults.length).toBeGreaterThan(15);
    const table = documented();
    const stated = defaults.map(([name]) => [name, table.get(name)]);
    expect(stated).toEqual(
      defaults.map(([name, value]) => [name, value.toLocaleString('en-US').replace('∞', 'Infinity')]),
    );
  });

  it('has no option that there is not, and misses none', () => {
    const declared = INTERFACES.flatMap(declaredNumbers);
    expect(declared).toEqual(expect.arrayContaining(['receiveLimitBytes', 'cors.maxAgeSeconds']));
    const known = new Set([...defaults.map(([name]) => name), ...declared]);
    expect([...documented().keys()].toSorted()).toEqual([...known].toSorted());
  });
});
