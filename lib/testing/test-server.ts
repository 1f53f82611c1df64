/**
 * What a test gets: a server that runs, and typed clients for it.
 */
import { type DescService } from '@bufbuild/protobuf';
import { type CallSettings, type Channel } from '../client/channel.js';
import { type ConnectClient, type RxConnectClient } from '../client/client-types.js';
import { createClient, createRxClient } from '../client/create-client.js';

interface Closable {
  close(): Promise<void>;
}

/** A server under test. */
export class ConnectTestServer<
  App extends Closable = Closable,
  Settings extends CallSettings = CallSettings,
> {
  readonly #openChannel: (settings: Settings) => Channel;
  readonly #channels: Channel[] = [];

  /** @internal Use `serveInMemory` or `serveOnPort`. */
  constructor(
    /** The Nest app around the services: `get()`, `resolve()` … */
    readonly app: App,
    /** Where it listens, for example `"http://127.0.0.1:43210"`; `undefined` in memory. */
    readonly url: string | undefined,
    openChannel: (settings: Settings) => Channel,
  ) {
    this.#openChannel = openChannel;
  }

  /**
   * A typed client; make as many as you like.
   *
   * @param settings Protocol, codec, headers, timeout … Default: Connect, proto.
   * @throws TypeError When a setting is wrong.
   */
  client<S extends DescService>(service: S, settings?: Settings): ConnectClient<S> {
    return createClient(service, this.#channel(settings));
  }

  /** {@link client} with Observables for all four kinds of call. */
  rxClient<S extends DescService>(service: S, settings?: Settings): RxConnectClient<S> {
    return createRxClient(service, this.#channel(settings));
  }

  /** Closes the app: calls under way may finish within `drainTimeoutMs`, and lifecycle hooks run. */
  async close(): Promise<void> {
    try {
      await this.app.close();
    } finally {
      this.#channels.splice(0).forEach((channel) => channel.destroy());
    }
  }

  // No setting is required.
  #channel(settings: Settings = {} as Settings): Channel {
    const channel = this.#openChannel(settings);
    this.#channels.push(channel);
    return channel;
  }
}
