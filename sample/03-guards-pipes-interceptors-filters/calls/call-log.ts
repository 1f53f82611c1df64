/**
 * A request-scoped provider: one for every call, which knows the id and the method of its call.
 */
import { Inject, Injectable, Logger, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { type RequestContext } from '@nestjs/microservices';
import { type ConnectContext } from 'nestjs-connect';
import { requestId } from './request-id.js';

@Injectable({ scope: Scope.REQUEST })
export class CallLog {
  readonly #logger: Logger;
  readonly #id = requestId();

  /** What Nest has under REQUEST for a call: its message, and its context. */
  constructor(@Inject(REQUEST) request: RequestContext<unknown, ConnectContext>) {
    this.#logger = new Logger(request.getContext().method.name);
  }

  note(text: string): void {
    this.#logger.log(`[${this.#id}] ${text}`);
  }
}
