/**
 * Envelopes are compressed message by message: a body that is compressed as a whole could not be read as it comes.
 *
 * Spec: Connect protocol, "Streaming-Request"; gRPC, "Compression".
 */
import { isIdentity } from '../compression/negotiate.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { type Exchange } from './exchange.js';

/**
 * @param messageHeader The header that names the compression of messages.
 * @throws ConnectError `unimplemented` when the request declares a `content-encoding`.
 */
export function refuseContentEncoding(exchange: Exchange, messageHeader: string): void {
  const encoding = exchange.header('content-encoding');
  if (encoding !== undefined && !isIdentity(encoding)) {
    throw new ConnectError(`content-encoding "${encoding}" is not possible here: use ${messageHeader}`, {
      code: Code.Unimplemented,
    });
  }
}
