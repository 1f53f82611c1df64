/**
 * A package registry on the loopback interface that has our tarball, and everything else from the registry that npm is set
 * to: `npm install nestjs-connect` runs as it will for users, before anything is published.
 */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { run } from './child-process.mjs';

const LOOPBACK = '127.0.0.1';
/** Of the throw-away user who publishes. */
const USER = { name: 'publisher', password: 'throw-away' };

/**
 * @param folder For what the registry stores, and the caches of the npms that use it: an older tarball of the same version must not
 * be found.
 * @returns `env` makes npm use it; `close()`.
 */
export async function serveTarball(tarball, folder) {
  const server = await listen(join(folder, 'registry'));
  const url = `http://${LOOPBACK}:${server.address().port}/`;
  const env = {
    ...withoutNpmSettings(process.env),
    npm_config_registry: url,
    npm_config_cache: join(folder, 'npm-cache'),
    // Settings of whoever runs this must not decide what the applications get.
    npm_config_userconfig: join(folder, 'npmrc'),
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
  const token = await addUser(url);
  await run('npm', ['publish', tarball], {
    cwd: folder,
    env: { ...env, [`npm_config_//${new URL(url).host}/:_authToken`]: token },
  });
  return {
    env,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function listen(folder) {
  // A CommonJS package; loaded late, because it takes a second.
  const { runServer } = createRequire(import.meta.url)('verdaccio');
  const server = await runServer({
    configPath: join(folder, 'config.yaml'),
    self_path: folder,
    storage: join(folder, 'storage'),
    auth: { htpasswd: { file: join(folder, 'htpasswd') } },
    uplinks: { upstream: { url: await upstreamUrl(), maxage: '1h', cache: false } },
    packages: {
      'nestjs-connect': { access: '$all', publish: USER.name },
      '**': { access: '$all', proxy: 'upstream' },
    },
    web: { enable: false },
    log: { type: 'stdout', format: 'pretty', level: 'error' },
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  return server;
}

/** What npm is set to: machines without a way to the public registry have one of their own. */
async function upstreamUrl() {
  return (await run('npm', ['config', 'get', 'registry'])).trim();
}

/** `npm run` hands its settings on by the environment, the registry among them. */
function withoutNpmSettings(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^npm_/i.test(name)));
}

/** @returns The token that npm publishes with. */
async function addUser(url) {
  const response = await fetch(`${url}-/user/org.couchdb.user:${USER.name}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(USER),
  });
  const { token, error } = await response.json();
  if (token === undefined) {
    throw new Error(`the registry on loopback adds no user: ${error ?? response.status}`);
  }
  return token;
}
