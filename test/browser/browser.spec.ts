/**
 * Pages of another origin in real Chromium: what `@connectrpc/connect-web` and the official `grpc-web` client make of
 * our answers once the browser has let them through.
 */
import { firstValueFrom } from 'rxjs';
import { type CorsOptions } from 'nestjs-connect';
import { type Browser, type Page } from 'playwright-core';
import { type CallOutcome, type CallRequest, type ClientName } from './page/outcome.js';
import { describeInChromium, launchChromium } from './support/chromium.js';
import { type PageServer, servePage } from './support/page-server.js';
import { type RunningServer, type Start, startAlone, startMounted, startWithTls } from './support/servers.js';

const CONNECT_WEB: readonly ClientName[] = [
  'Connect, JSON',
  'Connect, binary',
  'Connect, GET',
  'gRPC-Web, JSON',
  'gRPC-Web, binary',
];
const ALL: readonly ClientName[] = [...CONNECT_WEB, 'grpc-web npm, binary', 'grpc-web npm, text'];
/** The official client reads streams as text alone. */
const STREAMING = ALL.filter((client) => client !== 'grpc-web npm, binary');

const FORMS: readonly [string, Start, httpVersion: string][] = [
  ['ConnectServer', startAlone, 'HTTP/1.1'],
  ['ConnectServer with TLS', startWithTls, 'HTTP/2.0'],
  ['ConnectModule', startMounted, 'HTTP/1.1'],
];

const FAILURE = {
  code: 9,
  message: 'no couch: \u{1F6CB} is broken',
  details: ['the detail'],
};

describeInChromium('a page of another origin', () => {
  let browser: Browser;
  let pageServer: PageServer;
  /** A fresh one has asked for no permission yet. */
  let page: Page;
  let server: RunningServer;

  beforeAll(async () => {
    pageServer = await servePage();
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await pageServer?.close();
  });

  async function openPage(): Promise<void> {
    page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(pageServer.origin);
  }

  function call(
    client: ClientName,
    method: CallRequest['method'],
    text: string,
    more: Partial<CallRequest> = {},
  ): Promise<CallOutcome> {
    const request: CallRequest = { client, method, text, baseUrl: server.url, ...more };
    return page.evaluate(
      (asked) => (globalThis as unknown as { call(what: CallRequest): Promise<CallOutcome> }).call(asked),
      request,
    );
  }

  describe.each(FORMS)('%s', (_name, start, httpVersion) => {
    beforeAll(async () => {
      server = await start({
        cors: {
          origins: [pageServer.origin],
          credentials: true,
          allowedHeaders: ['x-ask'],
          exposedHeaders: ['x-head', 'x-tail'],
        },
      });
      await openPage();
    });

    afterAll(async () => {
      await page?.close();
      await server?.close();
    });

    it('is asked over the version of HTTP that it is for', async () => {
      const [response] = await Promise.all([
        page.waitForResponse((candidate) => candidate.url().startsWith(server.url)),
        call('Connect, JSON', 'say', 'hi'),
      ]);
      expect(await response.httpVersion()).toBe(httpVersion);
    });

    it.each(ALL)('%s: a unary call with headers, trailers and a deadline', async (client) => {
      const more = { headers: { 'x-ask': 'me' }, timeoutMs: 20_000 };
      expect(await call(client, 'say', 'hi', more)).toEqual({
        sentences: ['Say: hi'],
        headers: expect.objectContaining({ 'x-head': 'me, in front' }),
        trailers: expect.objectContaining({ 'x-tail': 'me, behind' }),
        error: undefined,
      });
    });

    it.each(STREAMING)('%s: a server stream', async (client) => {
      expect(await call(client, 'introduce', 'Ada')).toMatchObject({
        sentences: ['first', 'second', 'third'],
        error: undefined,
      });
    });

    it.each(ALL)('%s: an error with details and metadata', async (client) => {
      expect(await call(client, 'say', 'fail')).toMatchObject({ sentences: [], error: FAILURE });
    });

    it.each(STREAMING)('%s: an error behind messages', async (client) => {
      const { sentences, error } = await call(client, 'introduce', 'fail');
      expect([sentences, error]).toMatchObject([['first', 'second'], FAILURE]);
      expect(error?.metadata).toMatchObject({ 'x-tail': 'couch' });
    });

    it.each(ALL)('%s: an abort of a unary call reaches the handler', async (client) => {
      const canceled = firstValueFrom(server.cancellations);
      expect(await call(client, 'say', 'never', { abortAfter: 0 })).toMatchObject({ error: { code: 1 } });
      expect(await canceled).toBe('say');
    });

    it.each(STREAMING)('%s: an abort of a stream reaches the handler', async (client) => {
      const canceled = firstValueFrom(server.cancellations);
      const { sentences, error } = await call(client, 'introduce', 'never', { abortAfter: 2 });
      expect([sentences, error?.code]).toEqual([['first', 'second'], 1]);
      expect(await canceled).toBe('introduce');
    });
  });

  describe('what is sent', () => {
    beforeEach(openPage);

    afterEach(async () => {
      await page?.close();
      await server?.close();
    });

    it('Connect GET needs no preflight, and is a GET', async () => {
      const { counts, cors } = countingCors();
      server = await startAlone({ cors });
      const sent = page.waitForRequest((request) => request.url().startsWith(server.url));
      expect(await call('Connect, GET', 'say', 'hi')).toMatchObject({ sentences: ['Say: hi'] });
      expect((await sent).method()).toBe('GET');
      expect(counts.origins).toBe(1);
    });

    it.each([
      [7_200, 3],
      [0, 4],
    ])('preflights kept for %d s: two calls are %d requests', async (maxAgeSeconds, requests) => {
      const { counts, cors } = countingCors();
      server = await startAlone({ cors: { ...cors, maxAgeSeconds } });
      expect(await call('Connect, JSON', 'say', 'one')).toMatchObject({ sentences: ['Say: one'] });
      expect(await call('Connect, JSON', 'say', 'two')).toMatchObject({ sentences: ['Say: two'] });
      expect(counts.origins).toBe(requests);
    });
  });

  describe('what is not allowed', () => {
    beforeEach(openPage);

    afterEach(async () => {
      await page?.close();
      await server?.close();
    });

    it.each<[string, false | CorsOptions]>([
      ['without the option', false],
      ['from an origin that is not in the list', { origins: ['https://elsewhere.example'] }],
    ])('no call gets through %s', async (_what, cors) => {
      server = await startAlone({ cors });
      const { sentences, error } = await call('Connect, JSON', 'say', 'hi');
      expect([sentences, error?.message]).toEqual([[], 'Failed to fetch']);
    });

    it('no header that is not allowed', async () => {
      server = await startAlone({ cors: true });
      const { error } = await call('Connect, JSON', 'say', 'hi', { headers: { 'x-ask': 'me' } });
      expect(error?.message).toBe('Failed to fetch');
    });

    it('no header is seen that is not exposed', async () => {
      server = await startAlone({ cors: { origins: '*', allowedHeaders: ['x-ask'] } });
      expect(await call('Connect, JSON', 'say', 'hi', { headers: { 'x-ask': 'me' } })).toEqual({
        sentences: ['Say: hi'],
        headers: {},
        trailers: {},
        error: undefined,
      });
    });
  });
});

/** Counts the requests of a page, preflights among them: each asks for its origin once. */
function countingCors(): { readonly counts: { origins: number }; readonly cors: CorsOptions } {
  const counts = { origins: 0 };
  const origins = (): boolean => {
    counts.origins++;
    return true;
  };
  return { counts, cors: { origins } };
}
