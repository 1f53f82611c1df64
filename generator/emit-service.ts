/**
 * What is written for one service: the interface of its handlers, a base class, two client classes, and two mocks.
 *
 * Signatures are written out, where `lib` has mapped types for them: they are what people read, and what a compiler shows
 * when it complains. test/types/generated.ts holds the two against each other.
 */
import { type DescMethod, type DescService } from '@bufbuild/protobuf';
import { type GeneratedFile, type Printable, type Target } from '@bufbuild/protoplugin';
import { type ServiceNames } from './names.js';

export interface ServiceOutput {
  readonly output: GeneratedFile;
  readonly target: Target;
  /** Where the code imports its library from. */
  readonly runtime: string;
  readonly service: DescService;
  readonly names: ServiceNames;
}

export function emitService(to: ServiceOutput): void {
  if (to.target !== 'js') {
    emitHandler(to);
  }
  emitBase(to);
  emitClient(to, 'promise');
  emitClient(to, 'rx');
  if (to.target !== 'js') {
    emitMocked(to);
  }
  emitCreateMock(to, 'promise');
  emitCreateMock(to, 'rx');
}

type Style = 'promise' | 'rx';

const INDENT = '  ';

function emitHandler({ output, service, names, ...to }: ServiceOutput): void {
  output.print(output.jsDoc(service));
  output.print(output.export('interface', names.handler), ' {');
  separated(output, service.methods, (method) => {
    const { request, reply } = handlerTypes(method, { output, ...to });
    const context = imported('ConnectContext', { output, ...to });
    output.print(output.jsDoc(method, INDENT));
    output.print(
      INDENT,
      // Bare, it would be the signature of a constructor.
      method.localName === 'new' ? '"new"' : method.localName,
      '(',
      argument(method),
      ': ',
      request,
      ', context: ',
      context,
      '): ',
      reply,
      ';',
    );
  });
  output.print('}');
  output.print();
}

function emitBase(to: ServiceOutput): void {
  const { output, target, service, names } = to;
  emitDoc(to, [
    `{@link ${names.handler}} of which every method answers \`unimplemented\`, until it is overridden with \`@Rpc()\`:`,
    '',
    '```ts',
    `@ConnectService(${serviceName(to)})`,
    `class ${service.name}Rpc extends ${names.base} {}`,
    '```',
    '',
    'Behind the request an override may have any parameters.',
  ]);
  const declared = target === 'dts' ? 'declare abstract class' : target === 'js' ? 'class' : 'abstract class';
  const implemented = target === 'js' ? '' : ` implements ${names.handler}`;
  output.print(output.export(declared, names.base), implemented, ' {');
  if (target !== 'dts' && service.methods.length > 0) {
    emitMarks(to);
    output.print();
  }
  separated(output, service.methods, (method) => emitUnimplemented(method, to));
  output.print('}');
  output.print();
}

/** No `@Rpc()`: the file is also JavaScript, and may be compiled where decorators are not those of Nest. */
function emitMarks({ output, service, runtime }: ServiceOutput): void {
  const rpc = output.import('Rpc', runtime);
  output.print(INDENT, 'static {');
  for (const { localName } of service.methods) {
    const member = [
      'this.prototype, ',
      output.string(localName),
      ', { value: this.prototype.',
      localName,
      ' }',
    ];
    output.print(INDENT, INDENT, rpc, '()(', member, ');');
  }
  output.print(INDENT, '}');
}

function emitUnimplemented(method: DescMethod, to: ServiceOutput): void {
  const { output, target, runtime } = to;
  output.print(output.jsDoc(method, INDENT));
  const head = [INDENT, method.localName, ...baseSignature(method, to)];
  if (target === 'dts') {
    output.print(...head, ';');
    return;
  }
  const error = output.import('ConnectError', runtime);
  const code = output.import('Code', runtime);
  const text = output.string(`/${method.parent.typeName}/${method.name} is not implemented`);
  output.print(...head, ' {');
  output.print(INDENT, INDENT, 'throw new ', error, '(', text, ', { code: ', code, '.Unimplemented });');
  output.print(INDENT, '}');
}

/** `never[]`: whatever an override has there, it fits. */
function baseSignature(method: DescMethod, to: ServiceOutput): Printable[] {
  if (to.target === 'js') {
    return ['()'];
  }
  const { request, reply } = handlerTypes(method, to);
  return ['(_', argument(method), ': ', request, ', ..._others: never[]): ', reply];
}

function emitClient(to: ServiceOutput, style: Style): void {
  const { output, target, service, names } = to;
  const className = style === 'rx' ? names.rxClient : names.client;
  emitDoc(to, CLIENT_DOC[style](className));
  const declared = target === 'dts' ? 'declare abstract class' : target === 'js' ? 'class' : 'abstract class';
  output.print(output.export(declared, className), ' {');
  emitStatics(to, style);
  if (target !== 'js') {
    for (const method of service.methods) {
      output.print();
      output.print(output.jsDoc(method, INDENT));
      emitCall(method, to, style);
    }
  }
  output.print('}');
  output.print();
}

const CLIENT_DOC = {
  promise: (className: string) => [
    `A client with promises and single-use streams, and the token that it is injected by: list \`${className}\` among the`,
    '`services` of a `ConnectClientsModule`, and give a parameter of a constructor this type.',
  ],
  rx: (className: string) => [
    `A client with Observables, and the token that it is injected by: list \`${className}\` among the \`services\` of a`,
    '`ConnectClientsModule`, and give a parameter of a constructor this type. Each subscription is a call of its own.',
  ],
} as const satisfies Record<Style, (className: string) => readonly string[]>;

function emitStatics({ output, target, service }: ServiceOutput, style: Style): void {
  const literal = output.string(style);
  if (target === 'js') {
    output.print(INDENT, 'static service = ', output.importSchema(service), ';');
    output.print(INDENT, 'static style = ', literal, ';');
  } else if (target === 'dts') {
    output.print(INDENT, 'static readonly service: typeof ', output.importSchema(service, true), ';');
    output.print(INDENT, 'static readonly style: ', literal, ';');
  } else {
    const desc = output.importSchema(service);
    output.print(INDENT, 'static readonly service: typeof ', desc, ' = ', desc, ';');
    output.print(INDENT, 'static readonly style = ', literal, ';');
  }
}

function emitCall(method: DescMethod, to: ServiceOutput, style: Style): void {
  const { output } = to;
  const init = initOf(method.input, to);
  const request = takesStream(method) ? [imported('RequestMessages', to), '<', init, '>'] : init;
  const options = [', options?: ', imported('CallOptions', to)];
  const reply = replyOf(method, to, style);
  output.print(
    INDENT,
    'abstract ',
    method.localName,
    '(',
    argument(method),
    ': ',
    request,
    options,
    '): ',
    reply,
    ';',
  );
}

function replyOf(method: DescMethod, to: ServiceOutput, style: Style): Printable {
  const { output } = to;
  const message = output.importShape(method.output);
  if (style === 'rx') {
    return [output.import('Observable', 'rxjs', true), '<', message, '>'];
  }
  const container = answersStream(method) ? imported('RpcStream', to) : promiseType(to);
  return [container, '<', message, '>'];
}

/** A message or a service may be called `Promise`, too. */
function promiseType({ output, service }: ServiceOutput): string {
  const imports = service.file.services.flatMap((sibling) => [
    output.importSchema(sibling).name,
    ...sibling.methods.flatMap(({ input, output: reply }) =>
      [input, reply].map((desc) => output.importShape(desc).name),
    ),
  ]);
  return imports.includes('Promise') ? 'globalThis.Promise' : 'Promise';
}

function emitMocked(to: ServiceOutput): void {
  const { output, service, names } = to;
  emitDoc(to, [
    `What a mocked ${service.name} answers; methods that are left out fail with \`unimplemented\`.`,
  ]);
  output.print(output.export('interface', names.mocked), ' {');
  for (const method of service.methods) {
    const { reply } = handlerTypes(method, to);
    const message = output.importShape(method.input);
    const request = takesStream(method)
      ? [output.import('Observable', 'rxjs', true), '<', message, '>']
      : message;
    output.print(INDENT, method.localName, '?(', argument(method), ': ', request, '): ', reply, ';');
  }
  output.print('}');
  output.print();
}

function emitCreateMock(to: ServiceOutput, style: Style): void {
  const { output, target, runtime, names } = to;
  const [name, className, create] =
    style === 'rx'
      ? [names.createRxMock, names.rxClient, 'createRxMock']
      : [names.createMock, names.client, 'createMock'];
  emitDoc(to, [`{@link ${className}} without a server, for tests: \`useValue: ${name}({ … })\`.`]);
  if (target === 'dts') {
    output.print(output.export('declare function', name), '(methods?: ', names.mocked, '): ', className, ';');
    output.print();
    return;
  }
  const signature = target === 'js' ? '(methods)' : `(methods?: ${names.mocked}): ${className}`;
  const module = output.import('ConnectClientsModule', runtime);
  output.print(output.export('function', name), signature, ' {');
  // By the class, which no parameter can hide: a service may be called `methods`.
  output.print(INDENT, 'return ', module, '.', create, '(', className, '.service, methods);');
  output.print('}');
  output.print();
}

/** What a handler takes first, and what it returns. */
function handlerTypes(
  method: DescMethod,
  to: Pick<ServiceOutput, 'output' | 'runtime'>,
): { readonly request: Printable; readonly reply: Printable } {
  const message = to.output.importShape(method.input);
  const container = imported(answersStream(method) ? 'RpcMany' : 'RpcSingle', to);
  return {
    request: takesStream(method) ? [imported('RpcStream', to), '<', message, '>'] : message,
    reply: [container, '<', initOf(method.output, to), '>'],
  };
}

/** Plain objects in place of a message. */
function initOf(message: DescMethod['input'], { output }: Pick<ServiceOutput, 'output'>): Printable {
  const init = output.import('MessageInitShape', '@bufbuild/protobuf', true);
  return [init, '<typeof ', output.importSchema(message, true), '>'];
}

/** A type of the library. */
function imported(name: string, { output, runtime }: Pick<ServiceOutput, 'output' | 'runtime'>): Printable {
  return output.import(name, runtime, true);
}

/** A description of ours, with what jsDoc says of descriptors. */
function emitDoc({ output, service }: ServiceOutput, lines: readonly string[]): void {
  const deprecated = service.deprecated || service.file.deprecated ? ['@deprecated'] : [];
  output.print(
    output.jsDoc([...lines, '', `@generated from ${service.toString()}`, ...deprecated].join('\n')),
  );
}

function serviceName({ output, service }: ServiceOutput): string {
  return output.importSchema(service, true).name;
}

function argument(method: DescMethod): string {
  return takesStream(method) ? 'requests' : 'request';
}

function takesStream({ methodKind }: DescMethod): boolean {
  return methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
}

function answersStream({ methodKind }: DescMethod): boolean {
  return methodKind === 'server_streaming' || methodKind === 'bidi_streaming';
}

/** With an empty line between two. */
function separated<T>(output: GeneratedFile, items: readonly T[], emit: (item: T) => void): void {
  items.forEach((item, index) => {
    if (index > 0) {
      output.print();
    }
    emit(item);
  });
}
