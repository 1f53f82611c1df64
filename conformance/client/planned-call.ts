/**
 * One call as the runner describes it, and what became of it, in the terms of the library.
 *
 * Knows nothing of promises and Observables: `promises.ts` and `observables.ts` are two ways to carry it out.
 */
import { EventEmitter, once } from 'node:events';
import {
  create,
  type DescMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { type CallOptions, type ConnectError, type ErrorDetail, RpcHeaders } from 'nestjs-connect/client';
import { toSuiteCode } from '../codes.js';
import {
  type ClientCompatRequest,
  type ClientResponseResultSchema,
} from '../gen/connectrpc/conformance/v1/client_compat_pb.js';
import { StreamType } from '../gen/connectrpc/conformance/v1/config_pb.js';
import {
  type ConformancePayload,
  ConformancePayloadSchema,
  type ErrorSchema,
} from '../gen/connectrpc/conformance/v1/service_pb.js';
import { addHeaders, toHeaderList } from '../metadata.js';

/** Every response message of the suite has this shape. */
export interface Reply extends Message {
  readonly payload?: ConformancePayload | undefined;
}

export class PlannedCall {
  readonly options: CallOptions;
  /** Wait so long before each message of a stream of requests. */
  readonly requestDelayMs: number;
  readonly #request: ClientCompatRequest;
  readonly #isFullDuplex: boolean;
  readonly #canceler = new AbortController();
  readonly #replies = new EventEmitter();
  readonly #payloads: ConformancePayload[] = [];
  #sent = 0;
  #headers = new RpcHeaders();
  #trailers = new RpcHeaders();

  constructor(request: ClientCompatRequest) {
    const { requestHeaders, timeoutMs, requestDelayMs, streamType } = request;
    this.#request = request;
    this.#isFullDuplex = streamType === StreamType.FULL_DUPLEX_BIDI_STREAM;
    this.requestDelayMs = requestDelayMs;
    this.options = {
      headers: addHeaders(requestHeaders, new RpcHeaders()),
      signal: this.#canceler.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      onHeaders: (headers) => {
        this.#headers = headers;
      },
      onTrailers: (trailers) => {
        this.#trailers = trailers;
      },
    };
  }

  get method(): string {
    return this.#request.method ?? '';
  }

  /**
   * The request of a method that takes no stream; it is sent, and nothing follows it.
   *
   * @throws Error When there is another number of requests, or one of another type.
   */
  onlyRequest<Desc extends DescMessage>(schema: Desc): MessageShape<Desc> {
    const [request, ...others] = this.requests(schema);
    if (request === undefined || others.length > 0) {
      throw new Error(
        `${this.method} takes one request message, not ${this.#request.requestMessages.length}`,
      );
    }
    this.sending();
    this.closing();
    return request;
  }

  /** @throws Error When one of them is of another type. */
  requests<Desc extends DescMessage>(schema: Desc): MessageShape<Desc>[] {
    return this.#request.requestMessages.map((any) => {
      const request = anyUnpack(any, schema);
      if (request === undefined) {
        throw new Error(`${this.method} takes messages of ${schema.typeName}, not ${any.typeUrl}`);
      }
      return request;
    });
  }

  /** One request is on its way. */
  sending(): void {
    this.#sent++;
  }

  /** In full duplex, the next request waits for the reply to the last one. */
  async turn(): Promise<void> {
    while (this.#isFullDuplex && this.#payloads.length < this.#sent) {
      await once(this.#replies, 'reply');
    }
  }

  /** All requests are on their way, and their stream is about to be closed, if it is not canceled now. */
  closing(): void {
    const { cancel } = this.#request;
    if (cancel === undefined) {
      return;
    }
    const { case: timing, value } = cancel.cancelTiming;
    if (timing === 'beforeCloseSend') {
      this.#cancel();
    } else if (timing !== 'afterNumResponses') {
      // "If none are present, the client should cancel immediately after [...] the send side is closed."
      setTimeout(() => this.#cancel(), value ?? 0);
    }
  }

  received({ payload }: Reply): void {
    this.#payloads.push(payload ?? create(ConformancePayloadSchema));
    this.#replies.emit('reply');
    const { case: timing, value } = this.#request.cancel?.cancelTiming ?? {};
    if (timing === 'afterNumResponses' && value === this.#payloads.length) {
      this.#cancel();
    }
  }

  /** @param error What the call failed with. */
  result(error: ConnectError | undefined): MessageInitShape<typeof ClientResponseResultSchema> {
    return {
      responseHeaders: toHeaderList(this.#headers),
      payloads: this.#payloads,
      responseTrailers: toHeaderList(this.#trailers),
      numUnsentRequests: this.#request.requestMessages.length - this.#sent,
      ...(error === undefined ? {} : { error: toWireError(error) }),
    };
  }

  #cancel(): void {
    this.#canceler.abort();
  }
}

function toWireError({ code, rawMessage, details }: ConnectError): MessageInitShape<typeof ErrorSchema> {
  return { code: toSuiteCode(code), message: rawMessage, details: details.map(toAny) };
}

function toAny(detail: ErrorDetail): { typeUrl: string; value: Uint8Array } {
  if ('desc' in detail) {
    throw new TypeError(`a detail of ${detail.desc.typeName} was made here, and not by the server`);
  }
  return { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value };
}
