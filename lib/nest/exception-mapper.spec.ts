import { describe, expect, it, jest } from '@jest/globals';
import {
  BadRequestException,
  HttpException,
  HttpStatus,
  InternalServerErrorException,
  NotFoundException,
  UnprocessableEntityException,
  ValidationPipe,
  type ValidationPipeOptions,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { BadRequestSchema } from '../gen/google/rpc/error_details_pb.js';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { ExceptionMapper } from './exception-mapper.js';

function mapper() {
  const logger = { error: jest.fn() };
  return { logger, map: new ExceptionMapper(logger).toError };
}

function violationsOf(error: ConnectError) {
  return error
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations)
    .map(({ field, description }) => ({ field, description }));
}

class Dto {
  readonly name?: string;
}

/** Nest's own pipe; class-validator and class-transformer are not installed, so theirs are objects of that shape. */
function validationPipe(options: ValidationPipeOptions): ValidationPipe {
  const errors = [
    { property: 'name', constraints: { isString: 'name must be a string', custom: 'Who?' }, children: [] },
    {
      property: 'items',
      children: [
        {
          property: '2',
          children: [{ property: 'id', constraints: { isInt: 'id must be an integer number' } }],
        },
      ],
    },
  ];
  return new ValidationPipe({
    ...options,
    validatorPackage: { validate: async () => errors },
    transformerPackage: {
      classToPlain: (value: unknown) => value,
      plainToClass: (_type: unknown, value: unknown) => value,
      plainToInstance: () => new Dto(),
    } as NonNullable<ValidationPipeOptions['transformerPackage']>,
  });
}

const VIOLATIONS = [
  { field: 'name', description: 'name must be a string' },
  { field: '', description: 'Who?' },
  { field: 'items[2].id', description: 'items.2.id must be an integer number' },
];

const EXACT_VIOLATIONS = [
  { field: 'name', description: 'name must be a string; Who?' },
  { field: 'items[2].id', description: 'id must be an integer number' },
];

describe('ExceptionMapper (docs/errors.md)', () => {
  it('keeps a ConnectError made here', () => {
    const { map, logger } = mapper();
    const error = new ConnectError('no', { code: Code.Aborted });
    expect(map(error)).toBe(error);
    expect(logger.error).not.toHaveBeenCalled();
  });

  it('masks a ConnectError from an upstream service, and keeps one that is relayed', () => {
    const { map, logger } = mapper();
    const upstream = ConnectError.wire({ message: 'secret', code: Code.NotFound, metadata: { 'x-a': 'b' } });
    const masked = map(upstream);
    expect(masked).toMatchObject({ code: Code.Internal, rawMessage: 'internal error', cause: upstream });
    expect(masked.metadata.size).toBe(0);
    expect(logger.error).toHaveBeenCalledTimes(1);
    expect(map(ConnectError.relay(upstream))).toMatchObject({ code: Code.NotFound, rawMessage: 'secret' });
  });

  it.each([
    [400, Code.InvalidArgument],
    [401, Code.Unauthenticated],
    [403, Code.PermissionDenied],
    [404, Code.NotFound],
    [405, Code.Unimplemented],
    [408, Code.DeadlineExceeded],
    [409, Code.AlreadyExists],
    [410, Code.NotFound],
    [412, Code.FailedPrecondition],
    [413, Code.ResourceExhausted],
    [415, Code.InvalidArgument],
    [416, Code.OutOfRange],
    [418, Code.InvalidArgument],
    [422, Code.InvalidArgument],
    [428, Code.FailedPrecondition],
    [429, Code.ResourceExhausted],
    [499, Code.Canceled],
  ])('maps HTTP %d and keeps its text', (status, code) => {
    const { map } = mapper();
    expect(map(new HttpException('said to callers', status))).toMatchObject({
      code,
      rawMessage: 'said to callers',
    });
  });

  it.each([
    [500, Code.Internal],
    [501, Code.Unimplemented],
    [502, Code.Unavailable],
    [503, Code.Unavailable],
    [504, Code.DeadlineExceeded],
    [599, Code.Internal],
  ])('maps HTTP %d, masks its text and logs it', (status, code) => {
    const { map, logger } = mapper();
    expect(map(new HttpException('the database password is 1234', status))).toMatchObject({
      code,
      rawMessage: 'internal error',
    });
    expect(logger.error).toHaveBeenCalledTimes(1);
  });

  it('joins the texts of a failed validation', () => {
    const { map } = mapper();
    expect(map(new BadRequestException(['a is wrong', 'b is missing'])).rawMessage).toBe(
      'a is wrong; b is missing',
    );
    expect(
      map(new BadRequestException({ message: { a: ['wrong', 'long'], b: ['missing'] } })).rawMessage,
    ).toBe('wrong; long; missing');
    expect(map(new BadRequestException({ message: [] })).rawMessage).toBe('Bad Request Exception');
    expect(map(new NotFoundException('no cat')).rawMessage).toBe('no cat');
    expect(map(new InternalServerErrorException('x')).rawMessage).toBe('internal error');
  });

  it.each([
    [new BadRequestException(['a is wrong', 'b.0 is missing'])],
    [new UnprocessableEntityException(['a is wrong', 'b.0 is missing'])],
    [
      new BadRequestException('a is wrong; b.0 is missing', {
        cause: [
          { property: 'a', constraints: { rule: 'a is wrong' } },
          { property: 'b', children: [{ property: '0', constraints: { rule: 'b.0 is missing' } }] },
        ],
      }),
    ],
  ])('adds a google.rpc.BadRequest to a failed validation: %p', (exception) => {
    const { map, logger } = mapper();
    const error = map(exception);
    expect(error).toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: 'a is wrong; b.0 is missing',
      cause: exception,
    });
    expect(violationsOf(error)).toEqual([
      { field: 'a', description: 'a is wrong' },
      { field: 'b[0]', description: 'b.0 is missing' },
    ]);
    expect(logger.error).not.toHaveBeenCalled();
  });

  it.each([
    [new BadRequestException('a is wrong')],
    [new BadRequestException()],
    [new BadRequestException({ message: [] })],
    [new HttpException({ message: ['a is wrong'] }, 409)],
    [new HttpException({ message: ['a is wrong'] }, 500)],
    [
      new ConnectError('a is wrong', {
        code: Code.InvalidArgument,
        cause: new BadRequestException(['a is']),
      }),
    ],
  ])('adds no detail to %p', (thrown) => {
    expect(mapper().map(thrown).details).toEqual([]);
  });

  it.each<[string, ValidationPipeOptions, object[]]>([
    ['by default', {}, VIOLATIONS],
    ['with 422', { errorHttpStatusCode: HttpStatus.UNPROCESSABLE_ENTITY }, VIOLATIONS],
    ['with a factory', { exceptionFactory: (errors) => new BadRequestException(errors) }, EXACT_VIOLATIONS],
    ['grouped by field', { errorFormat: 'grouped' }, EXACT_VIOLATIONS],
    ['without texts', { disableErrorMessages: true }, []],
  ])("reads what Nest's ValidationPipe throws %s", async (_how, options, violations) => {
    const thrown: unknown = await validationPipe(options)
      .transform({}, { type: 'body', metatype: Dto })
      .catch((error: unknown) => error);
    const error = mapper().map(thrown);
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(BadRequestSchema).length).toBe(violations.length === 0 ? 0 : 1);
    expect(violationsOf(error)).toEqual(violations);
  });

  it.each([
    [new RpcException('Forbidden resource'), Code.PermissionDenied, 'Forbidden resource'],
    [new RpcException('text only'), Code.Unknown, 'text only'],
    [new RpcException({ code: 5, message: 'by number' }), Code.NotFound, 'by number'],
    [new RpcException({ code: 'not_found', message: 'by name' }), Code.NotFound, 'by name'],
    [new RpcException({ code: 5, details: 'as grpc-js has it' }), Code.NotFound, 'as grpc-js has it'],
    [new RpcException({ code: 5, message: 'first', details: 'second' }), Code.NotFound, 'first'],
    [new RpcException({ code: 5, message: 5, details: [] }), Code.NotFound, ''],
    [
      new RpcException({ code: 'CANCELLED', message: 'as gRPC writes it' }),
      Code.Canceled,
      'as gRPC writes it',
    ],
    [{ code: 7, message: 'from a filter' }, Code.PermissionDenied, 'from a filter'],
    [{ code: 99, message: 'no such code' }, Code.Unknown, 'no such code'],
    [{ status: 'error', message: 'no code' }, Code.Unknown, 'no code'],
  ])('keeps code and text of %p', (thrown, code, rawMessage) => {
    const { map } = mapper();
    expect(map(thrown)).toMatchObject({ code, rawMessage });
  });

  it('takes details from an error object, and leaves out what is none', () => {
    const { map } = mapper();
    const details = [{ type: 'a.B', value: new Uint8Array([1]) }, { type: 'a.C' }, null];
    expect(map({ code: 3, message: '', details }).details).toEqual([details[0]]);
  });

  it('maps an AbortError to canceled', () => {
    const { map } = mapper();
    expect(map(new DOMException('gone', 'AbortError')).code).toBe(Code.Canceled);
  });

  it.each([
    [new Error('secret')],
    [new TypeError('secret')],
    ['secret'],
    [undefined],
    [null],
    [42],
    [Symbol('secret')],
  ])('masks and logs %p', (thrown) => {
    const { map, logger } = mapper();
    expect(map(thrown)).toMatchObject({ code: Code.Internal, rawMessage: 'internal error' });
    expect(logger.error).toHaveBeenCalledTimes(1);
  });

  it('does not log the content of what is not an Error', () => {
    const { map, logger } = mapper();
    map('secret');
    expect(JSON.stringify(logger.error.mock.calls)).not.toContain('secret');
  });
});
