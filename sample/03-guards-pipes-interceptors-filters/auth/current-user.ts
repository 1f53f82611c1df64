/**
 * A parameter decorator: `@CurrentUser() user: string` is who the guard has let in.
 */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type ConnectContext, createContextKey } from 'nestjs-connect';

/** Left in the call by the guard. */
export const currentUser = createContextKey('nobody', 'current user');

export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext) =>
  context.switchToRpc().getContext<ConnectContext>().values.get(currentUser),
);
