/**
 * A guard: lets calls with a valid token pass, and remembers whose it is.
 */
import { type CanActivate, type ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';
import { type ConnectContext } from 'nestjs-connect';
import { currentUser } from './current-user.js';
import { Tokens } from './tokens.js';

@Injectable()
export class TokenGuard implements CanActivate {
  constructor(private readonly tokens: Tokens) {}

  canActivate(context: ExecutionContext): boolean {
    const call = context.switchToRpc().getContext<ConnectContext>();
    const [, token = ''] = /^Bearer (.+)$/.exec(call.requestHeaders.get('authorization') ?? '') ?? [];
    const user = this.tokens.userOf(token);
    if (user === undefined) {
      // Nest's exceptions arrive with the code that fits them: here unauthenticated.
      throw new UnauthorizedException('send a token: "authorization: Bearer …"');
    }
    call.values.set(currentUser, user);
    return true;
  }
}
