/**
 * All HTTP/1.1 connections of an engine, whichever http.Server reads them: its own, or that of an application.
 */
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { Http1Connection, type Http1ConnectionInit } from './http1-connection.js';
import { Http1Exchange } from './http1-exchange.js';

const CONNECTION = Symbol('connection');

/** The socket carries its connection: a request has nothing else in common with those before it. */
interface Carrier {
  readonly destroyed: boolean;
  [CONNECTION]?: Http1Connection;
}

export class Http1Connections {
  readonly #connections = new Set<Http1Connection>();
  #isDraining = false;

  constructor(private readonly init: Omit<Http1ConnectionInit, 'socket'>) {}

  /** The connection of a socket, made when it is first asked for. */
  of(socket: Socket): Http1Connection {
    const carrier: Carrier = socket;
    return (carrier[CONNECTION] ??= this.#add(socket));
  }

  /** @returns The exchange; `undefined` for a request behind a response that closes the connection. */
  exchangeOf(request: IncomingMessage, response: ServerResponse): Http1Exchange | undefined {
    const connection = this.of(request.socket);
    if (connection.refusesRequests) {
      request.resume();
      return undefined;
    }
    return new Http1Exchange(connection, request, response);
  }

  /** Looks at the clock for every connection. */
  check(now: number): void {
    this.#connections.forEach((connection) => connection.check(now));
  }

  /** Closes connections after their last response, idle ones at once; those that come later as well. */
  drain(): void {
    this.#isDraining = true;
    this.#connections.forEach((connection) => connection.drain());
  }

  #add(socket: Socket): Http1Connection {
    const connection = new Http1Connection({ socket, ...this.init });
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    if (this.#isDraining) {
      connection.drain();
    }
    return connection;
  }
}
