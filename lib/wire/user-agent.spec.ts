import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { userAgent, VERSION } from './user-agent.js';

describe('VERSION', () => {
  it("is the package's", () => {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    expect((JSON.parse(text) as { version: string }).version).toBe(VERSION);
  });
});

describe('userAgent', () => {
  it('is a product and its version (RFC 9110, section 10.1.5)', () => {
    expect(userAgent()).toBe(`nestjs-connect/${VERSION}`);
  });

  it('takes what a protocol wants in front (gRPC over HTTP/2, "User Agents")', () => {
    expect(userAgent('grpc-node-')).toBe(`grpc-node-nestjs-connect/${VERSION}`);
  });
});
