/**
 * Eliza's service as a server under load: `Say` fails until it was tried often enough, and tells when to try again.
 */
import { Code, ConnectError, type ConnectContext, ConnectService, Rpc } from 'nestjs-connect';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type RunningServer, startService } from './eliza-echo.js';

/** What a spec wants of `Say`, and what it saw. */
export const pushback = {
  /** Value of `grpc-retry-pushback-ms` in the errors. */
  value: '0',
  /** Where it goes. */
  place: 'error' as 'error' | 'trailers' | 'headers',
  /** `grpc-previous-rpc-attempts` of each attempt. */
  attempts: [] as (string | undefined)[],
};

const NAME = 'grpc-retry-pushback-ms';
const FAILURES = 2;

@ConnectService(ElizaService, { partial: true })
class PushbackEliza {
  @Rpc()
  say(_request: unknown, context: ConnectContext) {
    const { attempts, place, value } = pushback;
    attempts.push(context.requestHeaders.get('grpc-previous-rpc-attempts'));
    if (attempts.length > FAILURES) {
      return { sentence: 'at last' };
    }
    if (place !== 'error') {
      const bag = place === 'headers' ? context.responseHeaders : context.responseTrailers;
      bag.set(NAME, value);
    }
    const metadata = place === 'error' ? { [NAME]: value } : {};
    throw new ConnectError('busy', { code: Code.Unavailable, metadata });
  }
}

export function startPushbackEliza(): Promise<RunningServer> {
  return startService(PushbackEliza);
}
