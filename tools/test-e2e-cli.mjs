/**
 * `npm run test:e2e-cli`: from an empty folder to answers, by the lines of the README's quick start as they stand there. The
 * packed package comes from a registry on loopback; the application is an ES module one, and then a CommonJS one.
 *
 * Needs a build, bash, curl, a package registry, and Go for grpcurl when that is not installed yet.
 */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { goInstall } from './go-install.mjs';
import { installNode } from './install-node.mjs';
import { serveTarball } from './local-registry.mjs';
import { GRPCURL, NODE_24 } from './programs.mjs';
import { readQuickStart } from './quick-start.mjs';
import { Tally } from './tally.mjs';
import { pack, ROOT } from './tarball.mjs';
import { isListening, Terminal } from './terminal.mjs';

/** Nest's default, and the port of the README's calls. */
const DOCUMENTED_PORT = 3000;

/** Such lines go on until the server is stopped. */
const STARTS_SERVER = /npm run start:\w+/;

/** The other schematics, in the application that the quick start has made. */
const MORE_SCHEMATICS = [
  'nest g -c nestjs-connect connect-client eliza',
  'nest g -c nestjs-connect connect-interceptor audit',
];

const quickStart = readQuickStart();
const APPS = [
  { name: 'ES module', create: quickStart.setUp[0] },
  {
    name: 'CommonJS',
    create:
      'schematics @nestjs/schematics:application --name=shop --type=cjs --language=ts --package-manager=npm' +
      ' && cd shop && npm install',
    // Nest 12 is ES modules only, which jest cannot "require" on an older Node.
    testNode: NODE_24,
  },
];

const tally = new Tally();
const folder = mkdtempSync(join(tmpdir(), 'nestjs-connect-e2e-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const { path: tarball } = await pack(folder);
const registry = await serveTarball(tarball, folder);
const grpcurl = goInstall(GRPCURL);
const port = await choosePort();
const programs = [join(ROOT, 'node_modules/.bin'), dirname(grpcurl)];
const env = {
  ...registry.env,
  PORT: String(port),
  PATH: [...programs, process.env.PATH].join(delimiter),
};
for (const app of APPS) {
  console.log(`\n# ${app.name}, Node ${process.version}`);
  await test(app);
}
registry.close();
process.exitCode = tally.close();

/** One step after the other, up to the first that fails: those after it stand on it. */
async function test(app) {
  const appFolder = join(folder, app.name.replaceAll(/\W+/g, '-'));
  mkdirSync(appFolder);
  const terminal = new Terminal(appFolder, env);
  for (const [name, step] of stepsOf(app, terminal)) {
    if (!(await tally.check(name, step))) {
      return;
    }
  }
}

function stepsOf({ create, testNode }, terminal) {
  const [, ...setUp] = quickStart.setUp;
  const testEnv =
    testNode === undefined ? {} : { PATH: `${dirname(installNode(testNode))}${delimiter}${env.PATH}` };
  const stepOf = (line) => {
    if (STARTS_SERVER.test(line)) {
      return serverStep(terminal, line);
    }
    const isTest = line.startsWith('npm test');
    const note = isTest && testNode !== undefined ? `, on Node ${testNode}` : '';
    return [nameOf(line) + note, () => terminal.type(line, isTest ? testEnv : {})];
  };
  return [create, ...setUp, ...MORE_SCHEMATICS, ...quickStart.next].map(stepOf);
}

/** The line without its comment. */
function nameOf(line) {
  return line.replace(/ +# .*/, '');
}

/** Starts the server, makes all calls of the quick start, and stops it. */
function serverStep(terminal, line) {
  return [
    `${nameOf(line)}, and ${quickStart.calls.length} calls`,
    async () => {
      const server = await terminal.startServer(line, port);
      try {
        for (const { command, answer } of quickStart.calls) {
          assertAnswer(command, await terminal.type(onPort(command)), answer);
        }
      } finally {
        await server.stop();
      }
      if (await isListening(port)) {
        throw new Error(`port ${port} still takes connections after the server's end`);
      }
    },
  ];
}

function assertAnswer(command, printed, expected) {
  if (!isDeepStrictEqual(readAnswer(printed), readAnswer(expected))) {
    throw new Error(`${command}\nexpected ${expected}\nreceived ${printed}`);
  }
}

/** Programs format JSON as they like. */
function readAnswer(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}

/** The documented one, as long as nobody has it. */
async function choosePort() {
  if (!(await isListening(DOCUMENTED_PORT))) {
    return DOCUMENTED_PORT;
  }
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port: free } = server.address();
  await new Promise((resolve) => server.close(resolve));
  console.log(`port ${DOCUMENTED_PORT} is taken: the server and its calls use ${free} instead`);
  return free;
}

function onPort(command) {
  return command.replaceAll(`localhost:${DOCUMENTED_PORT}`, `localhost:${port}`);
}
