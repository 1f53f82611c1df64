/**
 * The way to a server in this process: requests go to its engine, past all sockets.
 */
import { type ClientEngine } from '../client/channel.js';
import { FailedExchange } from '../client/connection/failed-exchange.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type VirtualConnection } from '../server/virtual-connection.js';
import {
  type ClientExchange,
  type ClientExchangeListener,
  type RequestHead,
} from '../wire/client-exchange.js';
import { InProcessExchange } from './in-process-exchange.js';

export class InProcessHttpClient implements ClientEngine {
  constructor(private readonly connection: VirtualConnection) {}

  open(head: RequestHead, listener: ClientExchangeListener): ClientExchange {
    return this.connection.isOpen
      ? new InProcessExchange(this.connection, head, true, listener)
      : refuse(listener);
  }

  send(head: RequestHead, body: Uint8Array | undefined, listener: ClientExchangeListener): ClientExchange {
    if (!this.connection.isOpen) {
      return refuse(listener);
    }
    const exchange = new InProcessExchange(
      this.connection,
      withLength(head, body),
      body !== undefined,
      listener,
    );
    if (body !== undefined) {
      exchange.write(body);
    }
    exchange.end();
    return exchange;
  }

  /** There is no connection: calls end with the server. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): void {}
}

function refuse(listener: ClientExchangeListener): ClientExchange {
  return new FailedExchange(
    listener,
    new ConnectError('the server has been closed', { code: Code.Unavailable }),
  );
}

function withLength(head: RequestHead, body: Uint8Array | undefined): RequestHead {
  return body === undefined
    ? head
    : { ...head, headers: [...head.headers, 'content-length', String(body.byteLength)] };
}
