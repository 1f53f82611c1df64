import { describe, expect, it, jest } from '@jest/globals';
import { map, of } from 'rxjs';
import { MemorySingleCall, MemorySource, MemoryStreamCall, turn } from '../../test/support/memory-flow.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { createMethodSpec } from '../rpc/method-spec.js';
import { type RpcStream } from '../stream/message-stream.js';
import { ElizaService } from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type ConnectContext } from './connect.context.js';
import { CONNECT_TRANSPORT } from './connect-transport-id.js';
import { ExceptionMapper } from './exception-mapper.js';
import { adaptHandler, type HandlerSettings } from './handler-adapter.js';
import { ProcessingHooks } from './processing-hooks.js';

const warn = jest.fn();

function settings(): HandlerSettings {
  warn.mockReset();
  return {
    overflow: 'buffer',
    bufferBytes: 1_000,
    requestBufferWarnBytes: 25,
    exceptions: new ExceptionMapper({ error: () => undefined }),
    hooks: new ProcessingHooks({
      transportId: CONNECT_TRANSPORT,
      around: undefined,
      toError: () => new ConnectError('around'),
    }),
    warn,
  };
}

type Handler = (data: never, context: ConnectContext) => unknown;

function adapt(name: keyof typeof ElizaService.method, handler: Handler) {
  return adaptHandler(createMethodSpec(ElizaService.method[name]), handler as never, settings());
}

describe('adaptHandler', () => {
  it.each(['say', 'introduce', 'reflect', 'converse'] as const)(
    'makes a route handler of the kind of %s',
    (name) => {
      expect(adapt(name, () => ({})).kind).toBe(ElizaService.method[name].methodKind);
    },
  );

  it('answers a failure by its mapping when the pipeline throws instead of rejecting', async () => {
    const handler = adapt('say', () => {
      throw new Error('secret');
    });
    const call = new MemorySingleCall();
    handler.invoke({} as never, call as never);
    await turn();
    expect(call.errors).toEqual([
      expect.objectContaining({ code: Code.Internal, rawMessage: 'internal error' }),
    ]);
  });

  it('warns once for a method of a plain subscription that queues without a bound', async () => {
    const handler = adapt('converse', (requests: RpcStream<unknown>) => requests.pipe(map(() => ({}))));
    for (let i = 0; i < 2; i++) {
      const source = new MemorySource([1, 2, 3, 4], { bytesPerMessage: 10 });
      handler.invoke(source, new MemoryStreamCall({ kind: 'bidi_streaming' }) as never);
      await turn();
    }
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith(
      expect.stringMatching(
        /^\/connectrpc\.eliza\.v1\.ElizaService\/Converse: more than 25 bytes .* use requests\.mapEach/,
      ),
    );
  });

  it('warns of a second value where one is the answer', () => {
    const handler = adapt('say', () => of({}, {}));
    handler.invoke({} as never, new MemorySingleCall() as never);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('emitted more than one value'));
  });

  it('gives drained() at once to methods with one answer', async () => {
    let drained: Promise<void> | undefined;
    const handler = adapt('say', (_data, context) => {
      drained = context.drained();
      return {};
    });
    handler.invoke({} as never, new MemorySingleCall() as never);
    await expect(drained).resolves.toBeUndefined();
  });
});
