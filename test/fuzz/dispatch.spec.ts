/**
 * Any request, through the real dispatcher and protocols, without a socket: many runs in little time.
 */
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type MemoryExchange } from '../support/memory-exchange.js';
import { METHOD_KINDS } from '../support/test-service.js';
import { createTestRoute, echo, open } from '../support/serve.js';
import { requestsTo } from './arbitraries.js';
import { fuzz } from './settings.js';
import { type Answer, faultOf } from './verdict.js';

describe('any request in memory', () => {
  const { parameters, timeoutMs } = fuzz(400, 0.06);

  it.each(METHOD_KINDS)(
    'to a %s method is answered, and never by a fault of the server',
    async (kind) => {
      const { path } = createTestRoute(
        echo(kind, () => undefined),
        kind === 'unary' ? { method: 'Look' } : {},
      ).spec;
      const requests = requestsTo({ paths: [path], json: (text) => JSON.stringify(text) });
      await fc.assert(
        fc.asyncProperty(
          requests,
          fc.constantFrom('1.1' as const, '2' as const),
          async (request, httpVersion) => {
            const route = createTestRoute(echo(kind), kind === 'unary' ? { method: 'Look' } : {});
            const [target = '', query = ''] = request.target.split(/\?(.*)/s);
            const headers = request.headers.flat();
            const exchange = open(route, {
              method: request.method,
              path: target,
              query,
              headers,
              httpVersion,
            });
            request.chunks.forEach((chunk) => exchange.data(chunk));
            if (request.isWhole) {
              exchange.finish();
            } else {
              exchange.abort();
            }
            await exchange.closed;
            expect(route.reports).toEqual([]);
            expect(request.isWhole && exchange.status === undefined).toBe(false);
            expect(exchange.status === undefined ? undefined : faultOf(answerOf(exchange))).toBeUndefined();
          },
        ),
        parameters,
      );
    },
    timeoutMs,
  );
});

function answerOf({ status = 0, headers, trailers = [], body }: MemoryExchange): Answer {
  const list = [...headers, ...trailers];
  const pairs = list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] ?? ''] as const] : []));
  return { status, headers: Object.fromEntries(pairs), body };
}
