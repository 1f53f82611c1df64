import { describe, expect, it, jest } from '@jest/globals';
import {
  BadRequestException,
  HttpException,
  InternalServerErrorException,
  NotFoundException,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { Code } from '../rpc/code.js';
import { ConnectError } from '../rpc/connect-error.js';
import { ExceptionMapper } from './exception-mapper.js';

function mapper() {
  const logger = { error: jest.fn() };
  return { logger, map: new ExceptionMapper(logger).toError };
}

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
    expect(map(new NotFoundException('no cat')).rawMessage).toBe('no cat');
    expect(map(new InternalServerErrorException('x')).rawMessage).toBe('internal error');
  });

  it.each([
    [new RpcException('Forbidden resource'), Code.PermissionDenied, 'Forbidden resource'],
    [new RpcException('text only'), Code.Unknown, 'text only'],
    [new RpcException({ code: 5, message: 'by number' }), Code.NotFound, 'by number'],
    [new RpcException({ code: 'not_found', message: 'by name' }), Code.NotFound, 'by name'],
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
