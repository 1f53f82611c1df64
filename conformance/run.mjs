/**
 * Runs the official conformance suite against our server, our client, or both: `node conformance/run.mjs FORM`.
 *
 * Installs the runner, generates and compiles what the programs need, and fails when a case failed or when
 * the number of cases is not the pinned one. `node conformance/run.mjs generate` stops before the run.
 * Arguments after FORM go to the runner: `--run 'Basic/**' -v`; the count is not checked then.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { goInstall, goModuleFolder, InstallError } from '../tools/go-install.mjs';
import { installNode } from '../tools/install-node.mjs';
import { CONFORMANCE, NODE_24 } from '../tools/programs.mjs';

/**
 * Each: the config file, and how the programs are written that stand the test. The runner brings the missing side. The cases
 * with zstd need a newer Node than 20.
 */
const FORMS = {
  server: { config: 'node-20.yaml', server: 'observables' },
  'server-generators': { config: 'node-20.yaml', server: 'generators' },
  'server-mounted': { config: 'node-20.yaml', server: 'mounted' },
  'server-zstd': { config: 'node-24.yaml', server: 'observables', node: NODE_24 },
  client: { config: 'node-20.yaml', client: 'promises' },
  'client-rx': { config: 'node-20.yaml', client: 'observables' },
  'client-zstd': { config: 'node-24.yaml', client: 'promises', node: NODE_24 },
  both: { config: 'node-20.yaml', client: 'promises', server: 'observables' },
};

// The runner itself waits for ever when a stream never ends.
const TIME_LIMIT_MS = 240_000;

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));

function generate() {
  const stamp = `${HERE}gen/version.txt`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === CONFORMANCE.version) {
    return;
  }
  const protos = `${goModuleFolder(CONFORMANCE)}/proto`;
  rmSync(`${HERE}gen`, { recursive: true, force: true });
  execFileSync('node_modules/.bin/buf', ['generate', protos, '--output', 'conformance/gen'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  writeFileSync(stamp, CONFORMANCE.version);
}

function compile() {
  const tsc = 'node_modules/typescript/bin/tsc';
  execFileSync(process.execPath, [tsc, '-p', 'conformance'], { cwd: ROOT, stdio: 'inherit' });
}

/** @returns The runner's arguments that tell what to test: a mode, and one command or two. */
function programsOf({ client, server, node }) {
  const program = node === undefined ? process.execPath : installNode(node);
  const commandOf = (side, style) =>
    style === undefined ? [] : [program, `dist/conformance/${side}/main.js`, style];
  const commands = [commandOf('client', client), commandOf('server', server)];
  if (client === undefined || server === undefined) {
    return { mode: client === undefined ? 'server' : 'client', commands: commands.flat() };
  }
  return { mode: 'both', commands: [...commands[0], '----', ...commands[1]] };
}

/** Runs the suite inside the time limit. @returns The runner's exit code and what it printed. */
async function runSuite(form, extraArguments) {
  const runner = goInstall(CONFORMANCE);
  const { mode, commands } = programsOf(form);
  const child = spawn(
    runner,
    [
      `--mode=${mode}`,
      `--conf=conformance/config/${form.config}`,
      '--known-failing=@conformance/known-failing.txt',
      '--known-flaky=@conformance/known-flaky.txt',
      ...extraArguments,
      '--',
      ...commands,
    ],
    // A group of its own: the time limit ends the programs that the runner started, too.
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], detached: true },
  );
  const killGroup = () => {
    // No pid: the runner could not be started, and there is nothing to end.
    if (child.pid !== undefined) {
      process.kill(-child.pid, 'SIGKILL');
    }
  };
  const timer = setTimeout(() => {
    console.error(`the suite did not end within ${TIME_LIMIT_MS} ms`);
    killGroup();
  }, TIME_LIMIT_MS);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      killGroup();
      process.exit(1);
    });
  }
  const code = new Promise((resolve, reject) => {
    child.once('exit', resolve);
    child.once('error', reject);
  });
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    process.stdout.write(chunk);
    output += chunk;
  }
  const exitCode = await code;
  clearTimeout(timer);
  return { exitCode, output };
}

/** Reads the runner's last lines: "Total cases: 98" and "98 passed, 0 failed". */
function countsIn(output) {
  const total = /^Total cases: (?<total>\d+)$/m.exec(output)?.groups;
  const result = /^(?<passed>\d+) passed, (?<failed>\d+) failed/m.exec(output)?.groups;
  return total === undefined || result === undefined
    ? undefined
    : { total: Number(total.total), passed: Number(result.passed), failed: Number(result.failed) };
}

async function main([form, ...extraArguments]) {
  if (form !== 'generate' && !Object.hasOwn(FORMS, form ?? '')) {
    throw new InstallError(`unknown form "${form}": use one of generate, ${Object.keys(FORMS).join(', ')}`);
  }
  generate();
  if (form === 'generate') {
    return true;
  }
  compile();
  const { exitCode, output } = await runSuite(FORMS[form], extraArguments);
  const counts = countsIn(output);
  if (exitCode !== 0 || counts === undefined || counts.failed > 0) {
    console.error(`${form}: the runner ended with ${exitCode === null ? 'a signal' : `code ${exitCode}`}`);
    return false;
  }
  const expected = JSON.parse(readFileSync(`${HERE}expected-counts.json`, 'utf8'))[form];
  const isWhole = extraArguments.length === 0;
  if (isWhole && (counts.total !== expected || counts.passed !== expected)) {
    console.error(
      `${form}: expected ${expected} cases (conformance/expected-counts.json), got ${counts.passed} of ${counts.total}`,
    );
    return false;
  }
  return true;
}

try {
  process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  console.error(error instanceof InstallError ? error.message : error);
  process.exitCode = 1;
}
