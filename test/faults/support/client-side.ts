/**
 * Clients of a spec and the peers that they meet; everything ends with it.
 */
import { type Channel, type ChannelOptions, createChannel, createClient } from 'nestjs-connect/client';
import { ElizaService } from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { Peers } from '../../client/peers.js';
import { type Carrier, type Eliza } from './client-cases.js';

export type ChannelSettings = Omit<ChannelOptions, 'url' | 'protocol' | 'httpVersion'>;

export class ClientSide {
  readonly peers = new Peers();
  readonly #channels: Channel[] = [];

  client(url: string, { protocol, httpVersion }: Carrier, settings: ChannelSettings = {}): Eliza {
    const channel = createChannel({ url, protocol, httpVersion, ...settings });
    this.#channels.push(channel);
    return createClient(ElizaService, channel);
  }

  async close(): Promise<void> {
    this.#channels.forEach((channel) => channel.destroy());
    await this.peers.close();
  }
}
