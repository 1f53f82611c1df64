/**
 * What stands around the handlers, seen by callers and in the log: each piece on a unary call and on a stream.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CallOptions, type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BadRequestSchema, ConnectServer, ErrorInfoSchema } from 'nestjs-connect';
import { type AddressInfo } from 'node:net';
import { eventually } from '../../test/support/eventually.js';
import { Tokens } from './auth/tokens.js';
import { withRequestId } from './calls/request-id.js';
import { TheaterService } from './gen/theater/v1/theater_pb.js';
import { TheaterModule } from './theater.module.js';

let app: INestMicroservice;
let theater: Client<typeof TheaterService>;
let log: string[];

beforeEach(async () => {
  log = [];
  const note = (line: unknown, context: unknown): unknown => log.push(`${String(context)}: ${String(line)}`);
  app = await NestFactory.createMicroservice(TheaterModule, {
    strategy: new ConnectServer({ host: '127.0.0.1', port: 0, around: withRequestId }),
    logger: { log: note, warn: note, error: note },
  });
  const { port }: AddressInfo = await app.listen();
  theater = createClient(TheaterService, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
});

afterEach(() => app.close());

function as(user: string, id = 'r-1'): CallOptions & { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${app.get(Tokens).sign(user)}`, 'x-request-id': id } };
}

async function reserve(seat: string, options: CallOptions = as('ada')) {
  return theater.reserveSeat({ seat, guest: 'Grace' }, options);
}

/** Watches until the server ends it. */
async function watch(row: string, options: CallOptions = as('ada')): Promise<string[]> {
  const seen: string[] = [];
  for await (const { seat, isYours } of theater.watchRow({ row }, options)) {
    seen.push(isYours ? `${seat}, yours` : seat);
  }
  return seen;
}

function linesOf(id: string): string[] {
  return log.filter((line) => line.includes(`[${id}]`));
}

const CALLS: Readonly<Record<string, (seat: string, options?: CallOptions) => Promise<unknown>>> = {
  'a unary call': reserve,
  'a stream': (seat, options) => watch(seat.slice(0, 1), options),
};

describe.each(Object.entries(CALLS))('around %s', (_kind, call) => {
  it.each([
    ['no token', {}],
    ['a token that the server has not signed', { authorization: `Bearer ${new Tokens().sign('ada')}` }],
    ['another scheme', { authorization: 'Basic YWRhOmFkYQ==' }],
  ])('the guard refuses %s', async (_what, headers) => {
    await expect(call('B2', { headers })).rejects.toMatchObject({ code: Code.Unauthenticated });
  });

  it('the filter maps an error of the theater to a code, with its reason as a detail', async () => {
    const error = ConnectError.from(await call('Z1', as('ada')).catch((thrown: unknown) => thrown));
    expect(error.code).toBe(Code.NotFound);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: expect.stringMatching(/^NO_SUCH_(SEAT|ROW)$/), domain: 'theater.example.com' },
    ]);
  });

  it('the pipe names the wrong field', async () => {
    const error = ConnectError.from(await call('?', as('ada')).catch((thrown: unknown) => thrown));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([
      { field: expect.stringMatching(/^(seat|row)$/) },
    ]);
  });

  it('the interceptor logs how it has ended, under the id that `around` gave it', async () => {
    await call('?', as('ada', 'r-7')).catch(() => {});
    expect(linesOf('r-7')).toEqual([
      expect.stringMatching(/^Calls: \[r-7\] \w+ by grpc: 0 sent, ConnectError: \[invalid_argument\]/),
    ]);
  });
});

it('gives the handler of a unary call its user, and the caller its id', async () => {
  let id: string | null = null;
  const onHeader = (headers: Headers): void => void (id = headers.get('x-request-id'));
  expect(await reserve('B2', { ...as('ada'), onHeader })).toMatchObject({
    seat: 'B2',
    guest: 'Grace',
    buyer: 'ada',
  });
  expect(id).toBe('r-1');
  expect(linesOf('r-1')).toEqual([
    'ReserveSeat: [r-1] ada has reserved B2 for Grace',
    'Calls: [r-1] ReserveSeat by grpc: 1 sent, ok',
  ]);
});

it('gives the handler of a stream its user', async () => {
  await Promise.all([reserve('B1', as('eve')), reserve('B2'), reserve('B3')]);
  expect((await watch('B', as('ada', 'r-2'))).toSorted()).toEqual(['B1', 'B2, yours', 'B3, yours']);
  expect(linesOf('r-2')).toEqual([
    'WatchRow: [r-2] ada watches row B',
    'Calls: [r-2] WatchRow by grpc: 3 sent, ok',
  ]);
});

it('logs that a caller has left its stream', async () => {
  await reserve('C1');
  const leave = new AbortController();
  const stream = theater.watchRow({ row: 'C' }, { ...as('ada', 'r-3'), signal: leave.signal });
  const messages = stream[Symbol.asyncIterator]();
  await messages.next();
  leave.abort();
  await expect(messages.next()).rejects.toMatchObject({ code: Code.Canceled });
  await eventually(() => linesOf('r-3').length === 2);
  expect(linesOf('r-3')[1]).toMatch(/^Calls: \[r-3\] WatchRow by grpc: 1 sent, ConnectError: \[canceled\]/);
});

it.each(['', 'two\twords', 'x'.repeat(65)])('makes an id of its own instead of %j', async (id) => {
  let given: string | null = null;
  const onHeader = (headers: Headers): void => void (given = headers.get('x-request-id'));
  await reserve('A1', { ...as('ada', id), onHeader });
  expect(given).toMatch(/^[\da-f]{8}-/);
  expect(linesOf(String(given))).toHaveLength(2);
});
