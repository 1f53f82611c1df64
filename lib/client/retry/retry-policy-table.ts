/**
 * The retry policies of a channel: which one a method has.
 */
import { type DescMethod, type DescService } from '@bufbuild/protobuf';
import { type MethodSpec } from '../../rpc/method-spec.js';
import { type ClientEndpoint } from '../../wire/client-protocol.js';
import { ByteBudget } from '../byte-budget.js';
import { bytesOf } from '../checked-options.js';
import { resolvePolicy, type RetryOptions, type RetryPolicy, type RetrySettings } from './retry-policy.js';
import { RetryingEndpoint } from './retry-policy-call.js';
import { RetryThrottle } from './retry-throttle.js';

const KIB = 1024;

export class RetryPolicies {
  /** `undefined` for everything else. */
  readonly #byTarget = new Map<DescService | DescMethod | undefined, RetrySettings>();
  readonly #throttle: RetryThrottle | undefined;
  readonly #budget: ByteBudget;

  /** @throws TypeError When an option is wrong. */
  constructor(options: RetryOptions = { policies: [] }) {
    for (const policy of options.policies) {
      this.#add(policy);
    }
    this.#throttle = options.retryThrottling && new RetryThrottle(options.retryThrottling);
    this.#budget = new ByteBudget({
      perCall: bytesOf('retry.bufferBytes', options.bufferBytes ?? 256 * KIB),
      perChannel: bytesOf('retry.channelBufferBytes', options.channelBufferBytes ?? 16 * KIB * KIB),
    });
  }

  /** @returns The same endpoint for a method that is not retried. */
  around(endpoint: ClientEndpoint, spec: MethodSpec): ClientEndpoint {
    const { method } = spec;
    const settings =
      this.#byTarget.get(method) ?? this.#byTarget.get(method.parent) ?? this.#byTarget.get(undefined);
    return settings === undefined || settings.maxAttempts === 1
      ? endpoint
      : new RetryingEndpoint(endpoint, spec, { settings, throttle: this.#throttle, budget: this.#budget });
  }

  #add(policy: RetryPolicy): void {
    const settings = resolvePolicy(policy);
    const targets: readonly (DescService | DescMethod | undefined)[] = policy.for ?? [undefined];
    for (const target of targets) {
      if (this.#byTarget.has(target)) {
        throw new TypeError(`there are two retry policies for ${target?.toString() ?? 'everything'}`);
      }
      this.#byTarget.set(target, settings);
    }
  }
}
