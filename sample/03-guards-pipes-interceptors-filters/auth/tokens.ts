/**
 * Tokens as JWTs are, without the library: who it is, and a signature that only this server can make.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';

@Injectable()
export class Tokens {
  // A real one is configured, and outlives the process.
  readonly #secret = randomBytes(32);

  /** @returns `user.signature` */
  sign(user: string): string {
    return `${user}.${this.#signatureOf(user).toString('base64url')}`;
  }

  /** @returns The user, or `undefined` when this server did not sign it. */
  userOf(token: string): string | undefined {
    const [user = '', signature = ''] = token.split('.');
    const given = Buffer.from(signature, 'base64url');
    const expected = this.#signatureOf(user);
    return given.length === expected.length && timingSafeEqual(given, expected) ? user : undefined;
  }

  #signatureOf(user: string): Buffer {
    return createHmac('sha256', this.#secret).update(user).digest();
  }
}
