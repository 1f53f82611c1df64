/**
 * What the stand-alone and the mounted server share: Nest's handlers become routes.
 *
 * Only the abstract API of Nest's `Server` is used, which Nest 11 and 12 have alike.
 */
import { Logger } from '@nestjs/common';
import { type BaseRpcContext, type MessageHandler, Server, type TransportId } from '@nestjs/microservices';
import { type DescMethod } from '@bufbuild/protobuf';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { createMethodSpec, type MethodSpec, procedureOf } from '../rpc/method-spec.js';
import { type Peer, type RouteHandler } from '../rpc/server-call.js';
import { Dispatcher } from '../server/dispatcher.js';
import { HttpEngine } from '../server/engine.js';
import { type VirtualConnection } from '../server/virtual-connection.js';
import { ConnectConfigError } from './connect-config.error.js';
import {
  type ConnectModuleOptions,
  normalizePrefix,
  resolveConnectOptions,
  type ResolvedOptions,
  resolveStreamOptions,
} from './connect-server-options.js';
import { CONNECT_TRANSPORT } from './connect-transport-id.js';
import { ExceptionMapper } from './exception-mapper.js';
import { installExceptionPassthrough } from './exception-passthrough.js';
import { findDirectCall } from './direct-call.js';
import { adaptHandler, type HandlerSettings } from './handler-adapter.js';
import { type ProcessingEndHook, ProcessingHooks, type ProcessingStartHook } from './processing-hooks.js';
import { type RpcExtras, rpcExtrasOf, type ServiceDeclaration } from './rpc-metadata.accessor.js';
import { servedApplicationOf, watchMicroservices } from './served-application.js';

/** What `status` emits. */
export type ConnectServerStatus = 'listening' | 'draining' | 'closed' | 'error';

type DirectCallFinder = NonNullable<HandlerSettings['findDirectCall']>;

/** What `on` takes. */
export interface ConnectServerEvents extends Record<string, (...args: never[]) => void> {
  /** The server accepts connections. */
  listening: () => void;
  /** The server stops: no new calls, running ones may finish. */
  draining: () => void;
  /** Everything has ended. */
  closed: () => void;
  /** Listening failed. */
  error: (error: Error) => void;
}

export abstract class ConnectTransport extends Server<ConnectServerEvents, ConnectServerStatus> {
  override readonly transportId = CONNECT_TRANSPORT;
  protected override readonly logger = new Logger('ConnectServer');
  protected readonly engine: HttpEngine;

  readonly #options: ResolvedOptions;
  readonly #dispatcher: Dispatcher;
  /** @internal In front of every path; empty for none. */
  readonly prefix: string;
  readonly #exceptions = new ExceptionMapper(new Logger('ConnectExceptions'));
  readonly #hooks: ProcessingHooks;
  readonly #listeners: { readonly event: string; readonly callback: (...args: never[]) => void }[] = [];
  /** Who handles a path, for messages about duplicates. */
  readonly #members = new Map<string, string>();
  readonly #services = new Set<ServiceDeclaration>();
  #closing: Promise<void> | undefined;

  constructor(options: ConnectModuleOptions) {
    super();
    installExceptionPassthrough();
    watchMicroservices();
    this.#options = resolveConnectOptions(options);
    this.#hooks = new ProcessingHooks({
      transportId: CONNECT_TRANSPORT,
      around: options.around,
      toError: this.#exceptions.toError,
    });
    this.prefix = normalizePrefix(options.prefix);
    this.#dispatcher = new Dispatcher(this.#options.protocols, {
      http1Bidi: this.#options.engine.http1Bidi,
      prefix: this.prefix,
    });
    this.engine = new HttpEngine(this.#options.engine, this.#dispatcher, this.logger);
  }

  /** Called by Nest for every handler that it found; those of `@ConnectService` classes become routes. */
  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    const declared = rpcExtrasOf(extras);
    if (declared === undefined) {
      return; // A pattern without a transport belongs to every transport of a hybrid app; it is none of ours.
    }
    super.addHandler(pattern, callback, isEventHandler, extras);
    this.#addRoute(declared, callback);
  }

  /** @internal For calls from this process, past all sockets. @param peer Who calls, as handlers see it. */
  connect(peer: Peer): VirtualConnection {
    return this.engine.connect(peer);
  }

  override on<
    EventKey extends keyof ConnectServerEvents = keyof ConnectServerEvents,
    EventCallback extends ConnectServerEvents[EventKey] = ConnectServerEvents[EventKey],
  >(event: EventKey, callback: EventCallback): void {
    this.#listeners.push({ event: String(event), callback });
  }

  /**
   * Stops: no new connections or calls; running calls may finish within `drainTimeoutMs`. Nest calls it before or after
   * its own hooks, and more than once.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  override setOnProcessingStartHook(hook: ProcessingStartHook): void {
    this.#hooks.start = hook;
  }

  override setOnProcessingEndHook(hook: (transportId: TransportId, context: BaseRpcContext) => void): void {
    this.#hooks.end = hook satisfies ProcessingEndHook;
  }

  protected setStatus(status: ConnectServerStatus, ...args: unknown[]): void {
    this._status$.next(status);
    for (const { event, callback } of this.#listeners) {
      if (event === status) {
        this.#tell(event, callback as (...values: unknown[]) => void, args);
      }
    }
  }

  /** Methods that nobody handles answer `unimplemented`; called when all handlers are known. */
  protected completeServices(): void {
    for (const { desc } of this.#services) {
      for (const method of desc.methods) {
        if (!this.#members.has(procedureOf(method))) {
          this.#members.set(procedureOf(method), 'nobody: it answers unimplemented');
          this.#serve(createMethodSpec(method), unimplemented(method));
        }
      }
    }
    this.#logRoutes();
  }

  /** A listener that throws must not keep the server from starting or stopping. */
  #tell(event: string, callback: (...values: unknown[]) => void, args: readonly unknown[]): void {
    try {
      callback(...args);
    } catch (error) {
      this.logger.error(
        `a listener of "${event}" threw: ${String(error)}`,
        error instanceof Error ? error.stack : undefined,
      );
    }
  }

  async #close(): Promise<void> {
    this.setStatus('draining');
    await this.engine.drain();
    this.setStatus('closed');
    this._status$.complete();
  }

  #addRoute(declared: RpcExtras, handler: MessageHandler): void {
    const { method, options, service, memberName } = declared;
    const spec = createMethodSpec(method);
    const member = `${service.className}.${memberName}`;
    const other = this.#members.get(spec.path);
    if (other !== undefined) {
      throw new ConnectConfigError(
        member === other
          ? `${member} was registered twice for ${spec.path}. List its class in one module, and give each microservice a ` +
              'ConnectServer of its own.'
          : `${member} and ${other} both handle ${spec.path}. List only one of the classes under "controllers", or ` +
              `remove @Rpc() from one of the methods and declare its class with { partial: true }.`,
      );
    }
    this.#members.set(spec.path, member);
    this.#services.add(service);
    const { streams } = this.#options;
    this.#serve(
      spec,
      adaptHandler(spec, handler, {
        ...resolveStreamOptions(options, streams, `@Rpc() of ${member}: `),
        exceptions: this.#exceptions,
        hooks: this.#hooks,
        findDirectCall: this.#directCallFinder(declared),
        warn: (message) => this.logger.warn(message),
      }),
    );
  }

  /** As Nest logs the routes of controllers. */
  #logRoutes(): void {
    // Two partial classes may share a service.
    for (const desc of new Set([...this.#services].map((service) => service.desc))) {
      for (const method of desc.methods) {
        const path = this.prefix + procedureOf(method);
        const member = this.#members.get(procedureOf(method)) ?? '';
        this.logger.log(`Mapped {${path}, ${method.methodKind.replace('_', ' ')}} to ${member}`);
      }
    }
  }

  #directCallFinder({ memberName, plainHandler: handler }: RpcExtras): DirectCallFinder | undefined {
    return this.#options.directCalls && handler !== undefined
      ? (instance) =>
          findDirectCall(instance, { memberName, handler }, servedApplicationOf(this)) as MessageHandler
      : undefined;
  }

  #serve(spec: MethodSpec, handler: RouteHandler): void {
    this.#dispatcher.add({
      spec,
      handler,
      options: this.#options.wire,
      report: (error) => {
        this.logger.error(`${spec.path}: ${String(error)}`, error instanceof Error ? error.stack : undefined);
      },
    });
  }
}

/** A route for a method that its service leaves out. */
function unimplemented(method: DescMethod): RouteHandler {
  const fail = (call: { fail(error: ConnectError): void }): void =>
    call.fail(new ConnectError(`${procedureOf(method)} is not implemented`, { code: Code.Unimplemented }));
  return {
    kind: method.methodKind,
    invoke: (_request: unknown, call: { fail(error: ConnectError): void }) => fail(call),
  };
}
