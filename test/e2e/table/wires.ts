/**
 * Every protocol over every HTTP version that carries it, spoken by `@connectrpc/connect-node`.
 */
import { Agent } from 'node:http';
import { type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';

export interface Connection {
  readonly transport: Transport;
  close(): void;
}

export interface Wire {
  readonly name: string;
  connect(baseUrl: string): Connection;
}

type Http1Create = (options: {
  baseUrl: string;
  httpVersion: '1.1';
  nodeOptions: { agent: Agent };
}) => Transport;
type Http2Create = (options: {
  baseUrl: string;
  httpVersion: '2';
  sessionManager: Http2SessionManager;
}) => Transport;

/** gRPC needs the trailers of HTTP/2. */
export const WIRES: readonly Wire[] = [
  overHttp1('Connect', createConnectTransport),
  overHttp2('Connect', createConnectTransport),
  overHttp1('gRPC-Web', createGrpcWebTransport),
  overHttp2('gRPC-Web', createGrpcWebTransport),
  overHttp2('gRPC', createGrpcTransport),
];

function overHttp1(protocol: string, create: Http1Create): Wire {
  return {
    name: `${protocol} over HTTP/1.1`,
    connect(baseUrl) {
      const agent = new Agent({ keepAlive: true });
      const transport = create({ baseUrl, httpVersion: '1.1', nodeOptions: { agent } });
      return { transport, close: () => agent.destroy() };
    },
  };
}

function overHttp2(protocol: string, create: Http2Create): Wire {
  return {
    name: `${protocol} over HTTP/2`,
    connect(baseUrl) {
      const sessionManager = new Http2SessionManager(baseUrl);
      const transport = create({ baseUrl, httpVersion: '2', sessionManager });
      return { transport, close: () => sessionManager.abort() };
    },
  };
}
