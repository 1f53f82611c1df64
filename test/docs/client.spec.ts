/**
 * docs/client.md against the code: every option of a channel, of a call and of a retry policy is in a table, with the
 * default that its docstring states.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

interface Options {
  readonly file: string;
  readonly name: string;
  /** In front of the names in the table. */
  readonly prefix?: string;
}

const SECTIONS: readonly (readonly [section: string, interfaces: readonly Options[]])[] = [
  [
    'Options of a channel',
    [
      { file: 'lib/client/channel.ts', name: 'CallSettings' },
      { file: 'lib/client/create-channel.ts', name: 'ConnectionSettings' },
      { file: 'lib/client/create-channel.ts', name: 'ChannelOptions' },
      { file: 'lib/client/connection/connection-options.ts', name: 'ConnectionOptions' },
      { file: 'lib/client/connection/connection-options.ts', name: 'KeepaliveOptions', prefix: 'keepalive.' },
      { file: 'lib/client/transparent-retry/transparent-retry.ts', name: 'TransparentRetryOptions' },
      { file: 'lib/client/balancing/balanced-client.ts', name: 'BalancingSettings' },
      { file: 'lib/nest/clients/client-channel.ts', name: 'ConnectClientOptions' },
    ],
  ],
  ['Options of a call', [{ file: 'lib/client/client-types.ts', name: 'CallOptions' }]],
  [
    'Retries',
    [
      { file: 'lib/client/retry/retry-policy.ts', name: 'RetryPolicy' },
      { file: 'lib/client/retry/retry-policy.ts', name: 'RetryOptions', prefix: 'retry.' },
      {
        file: 'lib/client/retry/retry-throttle.ts',
        name: 'RetryThrottling',
        prefix: 'retry.retryThrottling.',
      },
    ],
  ],
];

/** They have options of their own, which are rows. */
const GROUPS = new Set(['keepalive', 'retry.policies', 'retry.retryThrottling']);

const UNITS = new Map([
  ['KiB', 1_024],
  ['MiB', 1_048_576],
]);

function readText(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** Names and defaults of the tables of a section, as they stand there. */
function documented(section: string): ReadonlyMap<string, string> {
  const [, text = ''] = readText('docs/client.md').split(new RegExp(`^##+ ${section}$`, 'm'));
  const [tables = ''] = text.split(/^##/m);
  const rows = tables.matchAll(/^\| `(?<name>[^`]+)` \| (?<value>[^|]+) \|/gm);
  return new Map(Array.from(rows, ({ groups }) => [groups?.['name'] ?? '', groups?.['value'] ?? '']));
}

/** Names of an interface's properties, and the numbers that their docstrings state as defaults. */
function declared({ file, name, prefix = '' }: Options): [name: string, value: string | undefined][] {
  const [, text = ''] = readText(file).split(new RegExp(`export interface ${name}\\b`));
  const [body = ''] = text.split('\n}');
  const properties = body.matchAll(/\/\*\*(?<comment>(?:(?!\*\/)[^])*)\*\/\n +readonly (?<name>\w+)\??:/g);
  return Array.from(properties, ({ groups }) => [
    prefix + (groups?.['name'] ?? ''),
    defaultIn(groups?.['comment'] ?? ''),
  ]);
}

/** @returns `undefined` when it is no number. */
function defaultIn(comment: string): string | undefined {
  const match = /Default:[\s*]+(?<number>[\d,.]*\d)(?: (?<unit>KiB|MiB))?/.exec(comment);
  if (match?.groups === undefined) {
    return undefined;
  }
  const { number = '', unit = '' } = match.groups;
  return (Number(number.replaceAll(',', '')) * (UNITS.get(unit) ?? 1)).toLocaleString('en-US');
}

describe.each(SECTIONS)('docs/client.md, "%s"', (section, interfaces) => {
  const options = interfaces.flatMap(declared).filter(([name]) => !GROUPS.has(name));
  const table = documented(section);

  it('has every option, and no other', () => {
    expect(interfaces.map((each) => declared(each).length > 0)).not.toContain(false);
    expect([...table.keys()].toSorted()).toEqual([...new Set(options.map(([name]) => name))].toSorted());
  });

  it('states the defaults of the docstrings', () => {
    const numbers = options.filter(([, value]) => value !== undefined);
    expect(numbers.map(([name]) => [name, table.get(name)])).toEqual(numbers);
  });
});
