/**
 * What a handler, guard, pipe, interceptor or filter threw, as the error that the caller gets.
 *
 * One rule decides what a caller may read: text that somebody wrote for callers is sent, everything else is
 * masked and logged. Nest's classes are told by what they can do, because an application may have its own copy.
 */
import { type LoggerService } from '@nestjs/common';
import { Code, codeFromName, isCode } from '../rpc/code.js';
import { ConnectError, type ErrorDetail } from '../rpc/connect-error.js';
import { badRequest } from '../rpc/error-details.js';
import { fieldViolations, validationTexts } from './validation-failure.js';

/** As Nest's `HttpException`. */
interface HttpExceptionLike extends Error {
  getStatus(): number;
  getResponse(): unknown;
}

/** As Nest's `RpcException`. */
interface RpcExceptionLike extends Error {
  getError(): unknown;
}

/** What a user's exception filter emits, and `RpcException` carries. */
interface ErrorObject {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly details?: unknown;
}

const MASKED = 'internal error';

// The text of the RpcException that Nest throws when a guard returns false; not exported.
const FORBIDDEN = 'Forbidden resource';

const CODE_BY_HTTP_STATUS: ReadonlyMap<number, Code> = new Map([
  [401, Code.Unauthenticated],
  [403, Code.PermissionDenied],
  [404, Code.NotFound],
  [405, Code.Unimplemented],
  [408, Code.DeadlineExceeded],
  [409, Code.AlreadyExists],
  [410, Code.NotFound],
  [412, Code.FailedPrecondition],
  [413, Code.ResourceExhausted],
  [416, Code.OutOfRange],
  [428, Code.FailedPrecondition],
  [429, Code.ResourceExhausted],
  [499, Code.Canceled],
  [501, Code.Unimplemented],
  [502, Code.Unavailable],
  [503, Code.Unavailable],
  [504, Code.DeadlineExceeded],
]);

// What Nest's ValidationPipe answers: by default, and with `errorHttpStatusCode` as most set it.
const VALIDATION_STATUSES: ReadonlySet<number> = new Set([400, 422]);

/** Maps what handlers throw; see `docs/errors.md`. */
export class ExceptionMapper {
  constructor(private readonly logger: Pick<LoggerService, 'error'>) {}

  /** @returns What the caller gets. Logs what it masks. Never throws. */
  readonly toError = (exception: unknown): ConnectError => {
    if (ConnectError.is(exception)) {
      return exception.fromWire ? this.#mask(exception) : exception;
    }
    if (isHttpException(exception)) {
      return this.#fromHttpException(exception);
    }
    if (isRpcException(exception)) {
      return this.#fromRpcException(exception);
    }
    if (isAbortError(exception)) {
      return new ConnectError('the call was aborted', { code: Code.Canceled, cause: exception });
    }
    if (!isError(exception) && isErrorObject(exception)) {
      return fromErrorObject(exception);
    }
    return this.#mask(exception);
  };

  #fromHttpException(exception: HttpExceptionLike): ConnectError {
    const status = exception.getStatus();
    const code = CODE_BY_HTTP_STATUS.get(status) ?? (status < 500 ? Code.InvalidArgument : Code.Internal);
    if (status >= 500) {
      this.#log(exception);
    }
    const message = status >= 500 ? MASKED : httpExceptionText(exception);
    const details = VALIDATION_STATUSES.has(status) ? validationDetails(exception) : [];
    return new ConnectError(message, { code, details, cause: exception });
  }

  #fromRpcException(exception: RpcExceptionLike): ConnectError {
    const error = exception.getError();
    if (error === FORBIDDEN) {
      return new ConnectError(FORBIDDEN, { code: Code.PermissionDenied, cause: exception });
    }
    if (ConnectError.is(error)) {
      return this.toError(error);
    }
    return typeof error === 'object' && error !== null
      ? fromErrorObject(error, exception)
      : new ConnectError(String(error), { cause: exception });
  }

  #mask(exception: unknown): ConnectError {
    this.#log(exception);
    return new ConnectError(MASKED, { code: Code.Internal, cause: exception });
  }

  #log(exception: unknown): void {
    if (isError(exception)) {
      this.logger.error(exception.message, exception.stack);
    } else {
      this.logger.error(`a handler threw ${describe(exception)}, which is not an Error`);
    }
  }
}

/** Not `instanceof` alone: under jest, Node's own errors come from another realm, and their text must not pass as data. */
function isError(value: unknown): value is Error {
  return (
    value instanceof Error ||
    (typeof value === 'object' && value !== null && 'stack' in value && typeof value.stack === 'string')
  );
}

function isHttpException(value: unknown): value is HttpExceptionLike {
  return isError(value) && 'getStatus' in value && 'getResponse' in value;
}

function isRpcException(value: unknown): value is RpcExceptionLike {
  return isError(value) && 'getError' in value && typeof value.getError === 'function';
}

function isAbortError(value: unknown): boolean {
  return isError(value) && value.name === 'AbortError';
}

function isErrorObject(value: unknown): value is ErrorObject {
  return typeof value === 'object' && value !== null && ('code' in value || 'message' in value);
}

function fromErrorObject({ code, message, details }: ErrorObject, cause?: unknown): ConnectError {
  // As grpc-js has it, whose error objects users throw: `details` is the text, and `message` says it with the code.
  const text = [message, details].find((candidate) => typeof candidate === 'string') ?? '';
  return new ConnectError(text, {
    code: toCode(code),
    details: Array.isArray(details) ? details.filter(isDetail) : [],
    cause,
  });
}

/** Numbers as gRPC has them, names as Connect does; names in upper case are gRPC's. */
function toCode(value: unknown): Code {
  if (typeof value === 'string') {
    // gRPC writes CANCELLED with two "l".
    const name = value.toLowerCase();
    return codeFromName(name === 'cancelled' ? 'canceled' : name) ?? Code.Unknown;
  }
  return isCode(value) ? value : Code.Unknown;
}

function isDetail(value: unknown): value is ErrorDetail {
  return (
    typeof value === 'object' &&
    value !== null &&
    (('desc' in value && 'value' in value) ||
      ('type' in value && 'value' in value && value.value instanceof Uint8Array))
  );
}

/** Nest's validation puts one text per field into the response; the exception's own message is only "Bad Request". */
function httpExceptionText(exception: HttpExceptionLike): string {
  const texts = validationTexts(exception.getResponse());
  return texts.length > 0 ? texts.join('; ') : exception.message;
}

/** @returns A `google.rpc.BadRequest`, when the exception tells which fields are wrong. */
function validationDetails(exception: HttpExceptionLike): ErrorDetail[] {
  const violations = fieldViolations({ response: exception.getResponse(), cause: exception.cause });
  return violations.length === 0 ? [] : [badRequest(violations)];
}

/** Without its content, which may be secret. */
function describe(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a ${typeof value}`;
}
