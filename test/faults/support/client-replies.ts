/**
 * What a good server answers in each protocol, in parts that a bad one can leave out, cut and replace.
 */
import { frame as envelope } from '../../support/frames.js';
import { type ClientCase, type Kind, type Protocol } from './client-cases.js';
import { type Fields, type ScriptedCall } from './scripted-server.js';

/** SayResponse, IntroduceResponse { sentence: "x" } */
const MESSAGE = Buffer.from([0x0a, 1, 0x78]);

export const FLAG_COMPRESSED = 0b1;
export const FLAG_END_STREAM = 0b10;
export const FLAG_TRAILERS = 0x80;

/** The end of a reply, where it is more than that of its body. */
export interface Ending {
  /** Behind the messages. */
  readonly body?: Buffer;
  readonly trailers?: Fields;
}

export interface ReplyParts {
  readonly fields: Fields;
  /** One message, in its envelope where there are envelopes. */
  readonly message: Buffer;
  readonly ending: Ending;
}

export function partsOf({ protocol, kind }: Pick<ClientCase, 'protocol' | 'kind'>): ReplyParts {
  return {
    fields: [['content-type', contentTypeOf(protocol, kind)]],
    message: isBare(protocol, kind) ? MESSAGE : envelope(0, MESSAGE),
    ending: endingOf(protocol, kind),
  };
}

/** The whole body of a good reply. */
export function bodyOf({ message, ending }: ReplyParts): Buffer {
  return Buffer.concat([message, ending.body ?? Buffer.alloc(0)]);
}

/** Answers as a good server. */
export function answerWell(call: ScriptedCall, parts: ReplyParts): void {
  call.head(parts.fields).body(bodyOf(parts)).end(parts.ending.trailers);
}

/** Connect's unary calls have no envelopes. */
export function isBare(protocol: Protocol, kind: Kind): boolean {
  return protocol === 'connect' && kind === 'unary';
}

function contentTypeOf(protocol: Protocol, kind: Kind): string {
  const base = { connect: kind === 'unary' ? '' : 'connect+', grpc: 'grpc+', 'grpc-web': 'grpc-web+' };
  return `application/${base[protocol]}proto`;
}

function endingOf(protocol: Protocol, kind: Kind): Ending {
  switch (protocol) {
    case 'connect':
      return kind === 'unary' ? {} : { body: envelope(FLAG_END_STREAM, '{}') };
    case 'grpc':
      return { trailers: [['grpc-status', '0']] };
    case 'grpc-web':
      return { body: envelope(FLAG_TRAILERS, 'grpc-status: 0\r\n') };
  }
}
