/**
 * The servers that Fastify makes beside its own.
 *
 * Without a host, as in Nest's `app.listen(3000)`, it listens on all addresses of `localhost`, usually `127.0.0.1` and
 * `::1`, with one server for each. Clients that are told `localhost` take either.
 */
import { type MountableServer } from '../server/mount.js';

/** @param app What the HTTP adapter wraps; one that is not Fastify has no further servers. */
export function onFurtherServers(app: unknown, mount: (server: MountableServer) => void): void {
  // Not public: `addresses()` tells of the servers, and nothing gives them out.
  const key = Object.getOwnPropertySymbols(Object(app)).find(
    ({ description }) => description === 'fastify.serverBindings',
  );
  const servers = key === undefined ? undefined : (app as Record<symbol, unknown>)[key];
  if (Array.isArray(servers)) {
    // Called when the server has just begun to listen, and before its first connection.
    servers.push = (...added: MountableServer[]) => {
      added.forEach(mount);
      return Array.prototype.push.apply(servers, added);
    };
  }
}
