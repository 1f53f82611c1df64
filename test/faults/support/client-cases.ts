/**
 * What a call of a client may be: protocol, HTTP version and kind; and how it ended, as its caller sees it.
 */
import { type ConnectClient, ConnectError } from 'nestjs-connect/client';
import { codeToName } from '../../../lib/rpc/code.js';
import { type ElizaService } from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';

export type Protocol = 'connect' | 'grpc' | 'grpc-web';
export type HttpVersion = '1.1' | '2';
export type Kind = 'unary' | 'server stream';

export interface Carrier {
  readonly protocol: Protocol;
  readonly httpVersion: HttpVersion;
}

export interface ClientCase extends Carrier {
  readonly kind: Kind;
}

/** Every protocol over every HTTP version that it has. */
export const CARRIERS: readonly Carrier[] = [
  { protocol: 'connect', httpVersion: '2' },
  { protocol: 'connect', httpVersion: '1.1' },
  { protocol: 'grpc', httpVersion: '2' },
  { protocol: 'grpc-web', httpVersion: '2' },
  { protocol: 'grpc-web', httpVersion: '1.1' },
];

/** In both kinds that a request of one message has. */
export const CLIENT_CASES: readonly ClientCase[] = CARRIERS.flatMap((carrier) =>
  (['unary', 'server stream'] as const).map((kind) => ({ ...carrier, kind })),
);

/** For `it.each`. */
export const CARRIER_TITLE = '$protocol over HTTP/$httpVersion';
export const CASE_TITLE = `${CARRIER_TITLE}, $kind`;

/** How a call ended. */
export interface CallEnd {
  /** `ok`, or the name of a code. */
  readonly code: string;
  readonly messages: readonly string[];
  readonly error?: ConnectError;
}

export type Eliza = ConnectClient<typeof ElizaService>;
export type ElizaCallOptions = Parameters<Eliza['say']>[1];

/** Makes a call of the kind. Never rejects, unless the call fails with something else than a ConnectError. */
export async function endOf(eliza: Eliza, kind: Kind, options?: ElizaCallOptions): Promise<CallEnd> {
  const messages: string[] = [];
  try {
    if (kind === 'unary') {
      messages.push((await eliza.say({ sentence: 'hi' }, options)).sentence);
    } else {
      for await (const { sentence } of eliza.introduce({ name: 'hi' }, options)) {
        messages.push(sentence);
      }
    }
    return { code: 'ok', messages };
  } catch (error) {
    if (!(error instanceof ConnectError)) {
      throw error;
    }
    return { code: codeToName(error.code), messages, error };
  }
}
