/**
 * What the suite's requests ask for, in the terms of the library: payloads, errors, headers and trailers.
 *
 * Knows nothing of Observables and generators: the RPC classes are two ways to send the same replies.
 */
import { type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import { type ConnectContext, ConnectError } from 'nestjs-connect';
import { toLibraryCode } from '../codes.js';
import {
  ConformancePayload_RequestInfoSchema,
  type ConformancePayloadSchema,
  type Error as RequestedError,
  type Header,
  type StreamResponseDefinition,
  type UnaryResponseDefinition,
} from '../gen/connectrpc/conformance/v1/service_pb.js';
import { addHeaders, toHeaderList } from '../metadata.js';

export type RequestInfo = MessageInitShape<typeof ConformancePayload_RequestInfoSchema>;
export type Payload = MessageInitShape<typeof ConformancePayloadSchema>;

/** One message as a reply, and how long to wait before it is sent. */
export interface DelayedReply {
  readonly payload: Payload;
  readonly delayMs: number;
}

/** Every response message of the suite has this shape. */
export interface Response {
  readonly payload: Payload;
}

@Injectable()
export class Replies {
  /** Keeps a request for the echo. */
  record<Desc extends DescMessage>(schema: Desc, request: MessageShape<Desc>): Any {
    return anyPack(schema, request);
  }

  /**
   * The answer to a call with one response.
   *
   * @throws ConnectError The error that the definition asks for.
   */
  single(
    definition: UnaryResponseDefinition | undefined,
    requests: readonly Any[],
    context: ConnectContext,
  ): DelayedReply {
    const requestInfo = requestInfoOf(context, requests);
    if (definition === undefined) {
      return { payload: { requestInfo }, delayMs: 0 };
    }
    addMetadata(definition, context);
    const { response, responseDelayMs: delayMs } = definition;
    if (response.case === 'error') {
      throw toConnectError(response.value, requestInfo);
    }
    return response.case === 'responseData'
      ? { payload: { requestInfo, data: response.value }, delayMs }
      : { payload: { requestInfo }, delayMs };
  }

  /** The answers to a call with many responses. */
  stream(context: ConnectContext): StreamReplies {
    return new StreamReplies(context);
  }
}

/** The replies of one call, as the requests come in. */
export class StreamReplies {
  #definition: StreamResponseDefinition | undefined;
  #sent = 0;
  /** Requests that no response has echoed yet. */
  #requests: Any[] = [];
  #hasStarted = false;

  constructor(private readonly context: ConnectContext) {}

  /** The first request says what to reply; the definitions of others do not count. */
  receive(request: Any, definition: StreamResponseDefinition | undefined): void {
    this.#requests.push(request);
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      this.#definition = definition;
      if (definition !== undefined) {
        addMetadata(definition, this.context);
      }
    }
  }

  /** The client may read the headers before the first delay has passed. */
  sendHeaders(): void {
    if (this.#hasNext()) {
      this.context.flushHeaders();
    }
  }

  /** The answer to one request of a full-duplex stream; `undefined` when there are no more. */
  nextInTurn(): DelayedReply | undefined {
    if (!this.#hasNext()) {
      return undefined;
    }
    const requests = this.#requests;
    const requestInfo = this.#sent === 0 ? requestInfoOf(this.context, requests) : { requests };
    this.#requests = [];
    return this.#reply({ requestInfo });
  }

  /** What is left to be sent when all requests are there. */
  *remaining(): Generator<DelayedReply, void, undefined> {
    while (this.#hasNext()) {
      yield this.#reply(this.#sent === 0 ? { requestInfo: requestInfoOf(this.context, this.#requests) } : {});
    }
  }

  /** The error that the call ends with. Without a response before it, it carries the request info. */
  error(): ConnectError | undefined {
    const error = this.#definition?.error;
    if (error === undefined) {
      return undefined;
    }
    return toConnectError(error, this.#sent === 0 ? requestInfoOf(this.context, this.#requests) : undefined);
  }

  #hasNext(): boolean {
    return this.#sent < (this.#definition?.responseData.length ?? 0);
  }

  #reply(payload: Payload): DelayedReply {
    const { responseData = [], responseDelayMs = 0 } = this.#definition ?? {};
    const data = responseData[this.#sent++] ?? new Uint8Array();
    return { payload: { ...payload, data }, delayMs: responseDelayMs };
  }
}

function requestInfoOf(context: ConnectContext, requests: readonly Any[]): RequestInfo {
  const timeoutMs = context.requestTimeoutMs;
  return {
    requestHeaders: toHeaderList(context.requestHeaders),
    requests: [...requests],
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.trunc(timeoutMs)) }),
    // A handler sees that it was a GET; the query is the protocol's business.
    ...(context.httpMethod === 'GET' ? { connectGetInfo: {} } : {}),
  };
}

function addMetadata(
  definition: { readonly responseHeaders: Header[]; readonly responseTrailers: Header[] },
  context: ConnectContext,
): void {
  addHeaders(definition.responseHeaders, context.responseHeaders);
  addHeaders(definition.responseTrailers, context.responseTrailers);
}

function toConnectError(error: RequestedError, requestInfo: RequestInfo | undefined): ConnectError {
  return new ConnectError(error.message ?? '', {
    code: toLibraryCode(error.code),
    details: [
      ...error.details.map(({ typeUrl, value }) => ({
        type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1),
        value,
      })),
      ...(requestInfo === undefined
        ? []
        : [{ desc: ConformancePayload_RequestInfoSchema, value: requestInfo }]),
    ],
  });
}
