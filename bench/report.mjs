/**
 * The page: what was measured with which command on which machine, the goals, and every table.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { spawnSync } from 'node:child_process';
import { LOAD_PROGRAM } from './load.mjs';
import { BENCH, ROOT } from './paths.mjs';

const GIB = 1024 ** 3;
const PACKAGES = [
  '@connectrpc/connect',
  '@connectrpc/connect-node',
  '@bufbuild/protobuf',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  '@nestjs/core',
  '@nestjs/microservices',
  '@nestjs/platform-express',
  '@nestjs/platform-fastify',
  'express',
  'fastify',
  'rxjs',
];

/** @returns The load of the machine before anything was started. */
export function loadNow() {
  return loadavg()
    .map((load) => load.toFixed(2))
    .join(' ');
}

/** @returns The whole page in Markdown. */
export function renderPage({ results, judged, plan, command, warnings, loadBefore, seconds }) {
  return [
    '# Benchmarks',
    introduction(plan),
    warnings.map((warning) => `**Note:** ${warning}`).join('\n\n'),
    facts({ command, loadBefore, seconds, plan }),
    '## Goals',
    `CPU per call or message (of the server; of the client in the tables of clients), memory per stream for idle streams: the median of the ratios within a round [quartiles]. A missed floor blocks closing.`,
    renderTable({
      columns: ['table', 'what', 'goal', 'floor', 'measured', 'verdict'],
      rows: judged.map(({ cells }) => cells),
    }),
    ...results.flatMap(({ id, title, note, table }) => [
      `## ${title}`,
      `\`${id}\`. ${note ?? ''}`.trim(),
      renderTable(table),
    ]),
    '',
  ]
    .filter((part, index, all) => part !== '' || index === all.length - 1)
    .join('\n\n')
    .replace(/\n+$/, '\n');
}

function introduction({ rounds }) {
  return (
    `Written by \`npm run bench -- --out FILE\`; how it measures and how to read it is in ` +
    `[bench/README.md](../bench/README.md). **Compression is off**: no request accepts it, and every answer was checked to have none. ` +
    `${rounds} interleaved rounds; a ratio is taken within a round, and its median is shown with its quartiles. ` +
    `CPU is the user and system time of all threads: of servers from \`/proc/PID/stat\`, of clients from \`process.cpuUsage()\`. ` +
    `Where the time goes, and what made it less, is in [performance.md](performance.md).`
  );
}

function facts({ command, loadBefore, seconds, plan }) {
  return renderTable({
    columns: ['', ''],
    rows: [
      ['date', new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC'],
      ['command', `\`${command}\`, ${Math.round(seconds)} s`],
      ['commit', commit()],
      ['machine', machine()],
      ['load average', `${loadBefore} before, ${loadNow()} after`],
      ['Node', process.version],
      [
        'rounds',
        `${plan.rounds} of ${plan.cpuSeconds} s of CPU per point, after ${plan.warmUpCpuSeconds} s of warm-up`,
      ],
      ['load from', LOAD_PROGRAM],
      ['versions', PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', ')],
      ['Go', goVersions()],
    ],
  });
}

function machine() {
  const [{ model }] = cpus();
  return `${availableParallelism()} × ${model}, ${(totalmem() / GIB).toFixed(0)} GiB, Linux ${release()}`;
}

function commit() {
  const revision = git('rev-parse', '--short', 'HEAD');
  return git('status', '--porcelain', '--', 'lib') === '' ? revision : `${revision}, with changes in lib`;
}

function git(...args) {
  return spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
}

function versionOf(name) {
  return JSON.parse(readFileSync(`${ROOT}node_modules/${name}/package.json`, 'utf8')).version;
}

function goVersions() {
  const { error, stdout } = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' });
  if (error !== undefined) {
    return 'not there';
  }
  const modules = readFileSync(`${BENCH}go/go.mod`, 'utf8').matchAll(/^\t(?<path>\S+) v(?<version>\S+)$/gm);
  const versions = [...modules].map(({ groups }) => `${groups.path} ${groups.version}`);
  return `${stdout.trim()}, GOMAXPROCS=1, ${versions.join(', ')}`;
}

/** Columns padded, as prettier has them. */
function renderTable({ columns, rows }) {
  const cells = [columns, columns.map(() => '---'), ...rows].map((row) => row.map(escapeCell));
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row, index) => renderRow(row, widths, index === 1 ? '-' : ' ')).join('\n');
}

function renderRow(row, widths, filler) {
  return `| ${row.map((cell, column) => cell.padEnd(widths[column], filler)).join(' | ')} |`;
}

function escapeCell(cell) {
  return cell.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}
