/**
 * The channel of one entry of `ConnectClientsModule`, and its end with the application.
 */
import { type OnApplicationShutdown } from '@nestjs/common';
import { type Channel } from '../../client/channel.js';
import { type ChannelOptions, createChannel } from '../../client/create-channel.js';
import { timerWheel, WheelTimer } from '../../rpc/timer-wheel.js';
import { ConnectConfigError } from '../connect-config.error.js';

/** How an entry of {@link ConnectClientsModule} calls: the options of `createChannel`, and of its end. */
export interface ConnectClientOptions extends ChannelOptions {
  /**
   * Time for calls that are under way when the application closes, in milliseconds; what is left then is cut off, and
   * fails with `canceled`. `Infinity` for no limit. Default: 10,000, as for the server's own calls.
   */
  readonly closeTimeoutMs?: number;
}

const DEFAULT_CLOSE_TIMEOUT_MS = 10_000;

export class ClientChannel implements OnApplicationShutdown {
  readonly channel: Channel;
  readonly #closeTimeoutMs: number;

  /**
   * Connects to nothing yet.
   *
   * @param owner What messages name.
   * @throws ConnectConfigError When an option is wrong.
   */
  constructor(owner: string, options: ConnectClientOptions) {
    try {
      const { closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS, ...channelOptions } = checkedOptions(options);
      this.#closeTimeoutMs = checkedTimeout(closeTimeoutMs);
      this.channel = createChannel(channelOptions);
    } catch (cause) {
      throw new ConnectConfigError(`${owner} has wrong options: ${(cause as Error).message}`, { cause });
    }
  }

  /** Nest's last hook: servers have drained by now, and providers may have called until here. May come twice. */
  async onApplicationShutdown(): Promise<void> {
    const timer = new WheelTimer(() => this.channel.destroy());
    timerWheel.start(timer, this.#closeTimeoutMs);
    await this.channel.close(); // Settles for a channel that is destroyed meanwhile, too.
    timer.cancel();
  }
}

/** A factory of plain JavaScript may have returned nothing. */
function checkedOptions(options: ConnectClientOptions): ConnectClientOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`expected an object with a url, but got ${String(options)}`);
  }
  return options;
}

function checkedTimeout(closeTimeoutMs: number): number {
  if (typeof closeTimeoutMs !== 'number' || !(closeTimeoutMs >= 0)) {
    throw new TypeError(
      `closeTimeoutMs is ${String(closeTimeoutMs)}: expected milliseconds from 0, or Infinity`,
    );
  }
  return closeTimeoutMs;
}
