/**
 * Who is at the other end of a connection: read once per connection, shared by its calls.
 */
import { type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type Peer, type PeerTls } from '../rpc/server-call.js';

/** The peer of a TCP, TLS or unix socket. */
export class SocketPeer implements Peer {
  readonly address: string;
  readonly port: number | undefined;
  readonly #socket: Socket;
  #tls: PeerTls | undefined;

  constructor(socket: Socket) {
    // Asked for at once: a socket that has closed no longer knows. It must not pass for a unix socket then.
    const isUnix = socket.remoteFamily === undefined && !socket.destroyed;
    this.address = socket.remoteAddress ?? (isUnix ? 'unix' : '');
    this.port = socket.remotePort;
    this.#socket = socket;
  }

  get tls(): PeerTls | undefined {
    // Lazy: taking a certificate apart costs more than a small call, and few handlers look.
    if (this.#tls === undefined && this.#socket instanceof TLSSocket) {
      this.#tls = readTls(this.#socket);
    }
    return this.#tls;
  }
}

function readTls(socket: TLSSocket): PeerTls {
  const certificate = socket.getPeerCertificate();
  return {
    authorized: socket.authorized,
    protocol: socket.getProtocol(),
    // Node has `false` where the client sent no name.
    serverName: typeof socket.servername === 'string' ? socket.servername : undefined,
    certificate: hasFields(certificate) ? { ...certificate } : undefined,
  };
}

/** Without a certificate Node gives an empty object, or nothing once the socket has closed. */
function hasFields(certificate: object | null | undefined): boolean {
  return certificate !== null && certificate !== undefined && Object.keys(certificate).length > 0;
}
