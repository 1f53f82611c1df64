import { describe, expect, it } from '@jest/globals';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  type ConverseRequest,
  ElizaService,
  type ReflectRequest,
  type SayRequest,
} from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { file_connectrpc_eliza_v1_eliza } from '../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type RpcStream } from '../../stream/message-stream.js';
import { ConnectConfigError } from '../connect-config.error.js';
import { type ConnectContext } from '../connect.context.js';
import { ConnectService } from './connect-service.decorator.js';
import { Rpc } from './rpc.decorator.js';

/** The decorator's types refuse most of the classes below; what is tested is what JavaScript users would see. */
function declare(target: unknown, options: { partial: boolean } = { partial: true }): () => void {
  const untyped = ConnectService as unknown as (desc: unknown, options: unknown) => (target: unknown) => void;
  return () => untyped(ElizaService, options)(target);
}

describe('@ConnectService at start-up', () => {
  it('refuses a method without a handler, and says how to add or leave it out', () => {
    class Half {
      @Rpc()
      say({ sentence }: SayRequest) {
        return { sentence };
      }
    }
    expect(declare(Half, { partial: false })).toThrow(
      new ConnectConfigError(
        'Half has no handler for "introduce", "reflect", "converse" of connectrpc.eliza.v1.ElizaService. ' +
          'Add @Rpc() introduce(), @Rpc() reflect(), @Rpc() converse(); or let them answer "unimplemented": ' +
          '@ConnectService(ElizaService, { partial: true }).',
      ),
    );
  });

  it('accepts it with { partial: true }', () => {
    class Half {
      @Rpc()
      say({ sentence }: SayRequest) {
        return { sentence };
      }
    }
    expect(declare(Half)).not.toThrow();
  });

  it('refuses a handler that Nest would call as a lifecycle hook, and says how to name it', () => {
    class Hooked {
      @Rpc(ElizaService.method.say)
      onModuleInit({ sentence }: SayRequest) {
        return { sentence };
      }
    }
    expect(declare(Hooked)).toThrow(
      new ConnectConfigError(
        'Hooked.onModuleInit is decorated with @Rpc(), and Nest would call it as a lifecycle hook, too. Give it another name, ' +
          'and name the method: @Rpc(ElizaService.method.say).',
      ),
    );
  });

  it('refuses a handler without a method, and names those that exist', () => {
    class Extra {
      @Rpc()
      sing() {
        return {};
      }
    }
    expect(declare(Extra)).toThrow(
      new ConnectConfigError(
        'Extra.sing is decorated with @Rpc(), but connectrpc.eliza.v1.ElizaService has no method "sing". ' +
          'Rename the handler to one of: say, introduce, reflect, converse; or name the method: ' +
          '@Rpc(ElizaService.method.say).',
      ),
    );
  });

  it('refuses two handlers for one method', () => {
    class Twice {
      @Rpc()
      say() {
        return {};
      }
      @Rpc(ElizaService.method.say)
      answer(_request: SayRequest) {
        return {};
      }
    }
    expect(declare(Twice)).toThrow(/Twice\.answer and Twice\.say both handle .*\.Say\. Remove @Rpc\(\)/);
  });

  it('refuses a method of another service', () => {
    const other = { ...ElizaService.method.say, parent: { ...ElizaService, typeName: 'other.v1.Service' } };
    class Foreign {
      @Rpc(other as typeof ElizaService.method.say)
      say(_request: SayRequest) {
        return {};
      }
    }
    expect(declare(Foreign)).toThrow(
      /Foreign\.say .* for other\.v1\.Service\.Say, but its class is the service/,
    );
  });

  it.each(['unary', 'client_streaming'] as const)('refuses a generator for a %s method', (kind) => {
    class Unary {
      @Rpc()
      *say() {
        yield {};
      }
    }
    class ClientStreaming {
      @Rpc()
      async *reflect(_requests: RpcStream<ReflectRequest>) {
        yield {};
      }
    }
    expect(declare(kind === 'unary' ? Unary : ClientStreaming)).toThrow(
      /is a generator, but .* answers with one message/,
    );
  });

  it('refuses a handler with decorated parameters that has one without, which Nest would not fill', () => {
    class Between {
      @Rpc()
      say(_request: SayRequest, _user: string, @Ctx() _context: ConnectContext) {
        return {};
      }
    }
    class Behind {
      @Rpc()
      say(@Payload() _request: SayRequest, _context: ConnectContext, _user: string) {
        return {};
      }
    }
    expect(declare(Between)).toThrow(
      new ConnectConfigError(
        'Between.say has decorated parameters, but parameter 2 of 3 has no decorator, and would be undefined. ' +
          'Decorate it: @Ctx() for the context, or one of your own.',
      ),
    );
    expect(declare(Behind)).toThrow('Behind.say has decorated parameters, but parameter 3 of 3');
  });

  it('accepts decorators on all parameters, on none, and none on the request and the context behind the others', () => {
    class All {
      @Rpc()
      say(@Payload() _request: SayRequest, @Ctx() _context: ConnectContext) {
        return {};
      }
    }
    class None {
      @Rpc()
      say(_request: SayRequest, _context: ConnectContext) {
        return {};
      }
    }
    class Some {
      @Rpc()
      say(_request: SayRequest, @Payload() _again: SayRequest, _context: ConnectContext) {
        return {};
      }
    }
    expect(declare(All)).not.toThrow();
    expect(declare(None)).not.toThrow();
    expect(declare(Some)).not.toThrow();
  });

  it('accepts handlers of a base class, for two services that share it', () => {
    abstract class Base {
      @Rpc()
      say({ sentence }: SayRequest) {
        return { sentence };
      }
    }
    class First extends Base {}
    class Second extends Base {}
    declare(First)();
    declare(Second)();
    expect(Object.hasOwn(First.prototype, 'say')).toBe(true);
    expect(Object.hasOwn(Second.prototype, 'say')).toBe(true);
  });

  it('refuses a handler that is overridden without @Rpc(), or one would miss it in a partial class', () => {
    class Base {
      @Rpc()
      say({ sentence }: SayRequest) {
        return { sentence };
      }

      @Rpc()
      notOfThisService() {
        return {};
      }
    }
    class Middle extends Base {
      override notOfThisService() {
        return {};
      }
    }
    class Loud extends Middle {
      override say({ sentence }: SayRequest) {
        return { sentence: sentence.toUpperCase() };
      }
    }
    expect(declare(Middle)).not.toThrow();
    expect(declare(Loud)).toThrow(
      'Loud.say overrides a method with @Rpc(), and has none itself: calls would not reach it. Decorate it, too.',
    );
  });

  it('leaves a handler callable as it was written, without a context', async () => {
    class Direct {
      @Rpc()
      async *converse(_requests: RpcStream<ConverseRequest>) {
        yield { sentence: 'direct' };
      }
    }
    declare(Direct)();
    const sentences: string[] = [];
    for await (const { sentence } of new Direct().converse({} as RpcStream<ConverseRequest>)) {
      sentences.push(sentence);
    }
    expect(sentences).toEqual(['direct']);
  });

  it('covers every kind of call with one descriptor', () => {
    const [service] = file_connectrpc_eliza_v1_eliza.services;
    expect(service?.methods.map(({ methodKind }) => methodKind).toSorted()).toEqual([
      'bidi_streaming',
      'client_streaming',
      'server_streaming',
      'unary',
    ]);
  });
});
