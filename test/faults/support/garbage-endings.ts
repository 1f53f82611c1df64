/**
 * Outcomes of calls as no good server writes them, where each protocol has its outcome; and what a caller is told.
 */
import { frame as envelope } from '../../support/frames.js';
import { type Protocol } from './client-cases.js';
import { type Ending, FLAG_END_STREAM, FLAG_TRAILERS } from './client-replies.js';
import { type Fields } from './scripted-server.js';

export interface Garbage {
  readonly name: string;
  readonly code: string;
  /** The whole of it. */
  readonly message: string;
  /** Without envelope. */
  readonly ending: string;
}

const CONNECT_ENDINGS: readonly Garbage[] = [
  ...['', 'garbage', '[]', 'null', '17', '"text"', '{"error":', '{"error":17}', '{"error":[]}'].map(
    (ending) => ({
      name: ending,
      code: 'internal',
      message: 'the end-stream message is not JSON of an EndStreamResponse',
      ending,
    }),
  ),
  { name: 'no code', code: 'unknown', message: 'why', ending: '{"error":{"message":"why"}}' },
  { name: 'a number for a code', code: 'unknown', message: '', ending: '{"error":{"code":5}}' },
  { name: 'a code that nobody knows', code: 'unknown', message: '', ending: '{"error":{"code":"odd"}}' },
  {
    name: 'fields of wrong types beside the code',
    code: 'not_found',
    message: '',
    ending:
      '{"error":{"code":"not_found","message":{},"details":[1,{"type":2},{"type":"a","value":"!"}]},"metadata":7}',
  },
  {
    name: 'metadata of wrong types',
    code: 'ok',
    message: '',
    ending: '{"metadata":{"a":1,"b":[2],"\\n":["c"]}}',
  },
];

const withStatus = (status: string): Garbage => ({
  name: `grpc-status ${JSON.stringify(status)}`,
  code: 'unknown',
  message: `grpc-status is "${status}": why`,
  ending: `grpc-status: ${status}\r\ngrpc-message: why\r\n`,
});

/** As header lines: over gRPC they are trailers. */
const GRPC_ENDINGS: readonly Garbage[] = [
  {
    name: 'no grpc-status',
    code: 'unknown',
    message: 'the trailers have no grpc-status: why',
    ending: 'grpc-message: why\r\n',
  },
  ...['abc', '-1', '1.5', '1e1', '0x5', '05', '00'].map(withStatus),
  {
    name: 'grpc-status 99',
    code: 'unknown',
    message: 'why',
    ending: 'grpc-status: 99\r\ngrpc-message: why\r\n',
  },
  {
    name: 'two of them: the first',
    code: 'not_found',
    message: '',
    ending: 'grpc-status: 5\r\ngrpc-status: 0\r\n',
  },
  {
    name: 'a message that is no percent-encoding',
    code: 'not_found',
    message: '100% %zz %4 \ufffd %',
    ending: 'grpc-status: 5\r\ngrpc-message: 100% %zz %4 %ff %\r\n',
  },
  ...['!!!', 'A', '////', 'CgVhYmM'].map((details) => ({
    name: `details ${details}`,
    code: 'not_found',
    message: 'why',
    ending: `grpc-status: 5\r\ngrpc-message: why\r\ngrpc-status-details-bin: ${details}\r\n`,
  })),
];

/** Nothing but the frame is there: HTTP/2 cannot carry these. */
const WEB_ENDINGS: readonly Garbage[] = [
  { name: 'an empty frame', code: 'unknown', message: 'the trailers have no grpc-status', ending: '' },
  ...[
    ['garbage', 'garbage'],
    ['no colon\r\n', 'no colon'],
    [': no name\r\n', ': no name'],
    ['a b: c\r\n', 'a b: c'],
    ['\x00\xff\x01: \x00', '\x00\xff\x01: \x00'],
    ['grpc-status: 0\r\nx', 'x'],
  ].map(([ending = '', line]) => ({
    name: JSON.stringify(ending),
    code: 'internal',
    message: `the trailers cannot be read: ${JSON.stringify(line)}`,
    ending,
  })),
];

const linesOf = (ending: string): Fields =>
  ending
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => line.split(': ') as [string, string]);

/** As each protocol writes them. */
export const ENDINGS: Readonly<Record<Protocol, (ending: string) => Ending>> = {
  connect: (ending) => ({ body: envelope(FLAG_END_STREAM, ending) }),
  grpc: (ending) => ({ trailers: linesOf(ending) }),
  'grpc-web': (ending) => ({ body: envelope(FLAG_TRAILERS, Buffer.from(ending, 'latin1')) }),
};

export const GARBAGE: Readonly<Record<Protocol, readonly Garbage[]>> = {
  connect: CONNECT_ENDINGS,
  grpc: GRPC_ENDINGS,
  'grpc-web': [...GRPC_ENDINGS, ...WEB_ENDINGS],
};
