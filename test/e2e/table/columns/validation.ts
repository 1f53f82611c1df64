/**
 * Nest's own `ValidationPipe({ transform: true })`, global, with request streams that are declared as Observables: made an
 * instance of that class, a stream would be dead and the call would never end.
 */
import { ValidationPipe, type ValidationPipeOptions } from '@nestjs/common';
import { ConnectContext, ConnectService, Rpc } from 'nestjs-connect';
import { from, map, Observable, toArray } from 'rxjs';
import {
  type ConverseRequest,
  ElizaService,
  type ReflectRequest,
} from '../../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
import { type Answer, answered, type Cell, reach } from '../call.js';
import { type Column } from '../column.js';

class SayDto {
  sentence = '';
}

class IntroduceDto {
  name = '';
}

@ConnectService(ElizaService)
class Validated {
  @Rpc()
  say(request: SayDto, context: ConnectContext) {
    reach(context);
    return { sentence: `${request.sentence} ${String(request instanceof SayDto)}` };
  }

  @Rpc()
  introduce(request: IntroduceDto, context: ConnectContext) {
    reach(context);
    const words = [...request.name.split(' '), String(request instanceof IntroduceDto)];
    return from(words).pipe(map((sentence) => ({ sentence })));
  }

  @Rpc()
  reflect(requests: Observable<ReflectRequest>, context: ConnectContext) {
    reach(context);
    return requests.pipe(
      toArray(),
      map((all) => ({ sentence: all.map(({ sentence }) => sentence).join(' ') })),
    );
  }

  @Rpc()
  converse(requests: Observable<ConverseRequest>, context: ConnectContext) {
    reach(context);
    return requests.pipe(map(({ sentence }) => ({ sentence })));
  }
}

/** class-validator and class-transformer are not installed: these do what the pipe asks of them. */
const PACKAGES = {
  validatorPackage: {
    validate: (value: Partial<SayDto & IntroduceDto>) => {
      const property = value.name === undefined ? 'sentence' : 'name';
      const isValid = !value[property]?.includes('wrong');
      const constraints = { isRight: `${property} must be right` };
      return Promise.resolve(isValid ? [] : [{ property, constraints, children: [] }]);
    },
  },
  transformerPackage: {
    // The real one does not copy functions either, and an Observable is little else.
    plainToInstance: (type: new () => object, value: object) =>
      Object.assign(
        new type(),
        Object.fromEntries(Object.entries(value).filter(([, each]) => typeof each !== 'function')),
      ),
    classToPlain: (value: object) => ({ ...value }),
  } as unknown as NonNullable<ValidationPipeOptions['transformerPackage']>,
};

/** What a stream carries is not the pipe's business. */
function validates({ kind, mode }: Cell): boolean {
  return mode.hasGlobals && (kind === 'unary' || kind === 'server_streaming');
}

function wrongness(cell: Cell): Answer {
  if (!validates(cell)) {
    const takesMessage = cell.kind === 'unary' || cell.kind === 'server_streaming';
    return answered(takesMessage ? 'one wrong false' : 'one wrong');
  }
  const field = cell.kind === 'unary' ? 'sentence' : 'name';
  return {
    text: '',
    error: `InvalidArgument: ${field} must be right`,
    fields: [field],
    hasReachedHandler: false,
  };
}

export const validation: Column = {
  name: 'pipe: ValidationPipe({ transform: true })',
  module: { controllers: [Validated] },
  useGlobals: (app) => app.useGlobalPipes(new ValidationPipe({ transform: true, ...PACKAGES })),
  cells: {
    async 'makes instances of messages, and leaves streams alone'(cell) {
      const takesMessage = cell.kind === 'unary' || cell.kind === 'server_streaming';
      const expected = answered(takesMessage ? `one two ${String(cell.mode.hasGlobals)}` : 'one two');
      return { seen: await cell.ask('one two'), expected };
    },
    async 'says which fields are wrong'(cell) {
      return { seen: await cell.ask('one wrong'), expected: wrongness(cell) };
    },
  },
};
