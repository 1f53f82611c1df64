/**
 * Everything that a foreign server speaks, and our client's channels to it.
 */
import { type Channel, type ChannelOptions, createChannel } from 'nestjs-connect/client';
import { type HttpVersion, type Peer, type RunningPeer } from './peers/peer.js';

/** One way to talk to a server. */
export interface Wire {
  readonly protocol: string;
  readonly httpVersion: HttpVersion;
}

export function wiresOf({ protocols }: Peer): (Wire & { readonly name: string })[] {
  return Object.entries(protocols).flatMap(([protocol, versions]) =>
    versions.map((httpVersion) => ({ name: `${protocol}, HTTP/${httpVersion}`, protocol, httpVersion })),
  );
}

/** @returns A channel in clear text, unless the authority of the server's certificate is given. */
export function channelTo(
  { port }: RunningPeer,
  { protocol, httpVersion }: Wire,
  options: Partial<ChannelOptions> = {},
): Channel {
  const scheme = options.tls === undefined ? 'http' : 'https';
  return createChannel({ url: `${scheme}://127.0.0.1:${port}`, protocol, httpVersion, ...options });
}
