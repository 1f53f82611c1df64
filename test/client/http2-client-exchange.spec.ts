import { connect, type ClientHttp2Session, type ClientHttp2Stream, type ServerHttp2Stream } from 'node:http2';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Http2ClientExchange,
  type Http2ExchangeOwner,
} from '../../lib/client/connection/http2-client-exchange.js';
import { eventually } from '../support/eventually.js';
import { failOnUnhandled } from '../support/no-unhandled.js';
import { Peers } from './peers.js';
import { post, RecordingCall } from './recording-listener.js';

const owner: Http2ExchangeOwner = {
  targetName: 'http://test',
  exchangeClosed() {},
  failureOf: ({ error }) => {
    throw error ?? new Error('the stream broke');
  },
  resetStream: (exchange) => exchange.sendReset(),
};

/**
 * node:http2 tells of a head in the tick after it was read, and of bytes at once: with many streams over TLS, bytes came
 * first at times (`npm run conformance:both`). Here they are pushed by hand, before the server has answered.
 */
describe('Http2ClientExchange: bytes ahead of their head', () => {
  failOnUnhandled();
  let peers: Peers;
  let session: ClientHttp2Session;
  let stream: ClientHttp2Stream;
  let served: ServerHttp2Stream | undefined;

  beforeEach(async () => {
    peers = new Peers();
    served = undefined;
    session = connect(await peers.http2((incoming) => (served = incoming)));
  });

  afterEach(async () => {
    session.destroy();
    await peers.close();
  });

  /** A call whose first bytes are there, but not its head. */
  async function callWithEarlyBytes(): Promise<RecordingCall> {
    const call = RecordingCall.open(
      {
        open(head, listener) {
          stream = session.request({ ':method': head.method, ':path': head.target });
          return new Http2ClientExchange(owner, stream, listener);
        },
        send: () => {
          throw new Error('not needed');
        },
      },
      post('/'),
    );
    await eventually(() => served !== undefined);
    stream.push(Buffer.from('early '));
    return call;
  }

  function answer(): void {
    served?.respond({ ':status': 200 });
    served?.end('late');
  }

  it('wait for it', async () => {
    const call = await callWithEarlyBytes();
    expect(call.events).toEqual([]);
    answer();
    expect(await call.over).toMatchObject({ events: ['headers', 'data', 'end'], text: 'early late' });
  });

  it('wait for it when the caller resumes the exchange meanwhile', async () => {
    const call = await callWithEarlyBytes();
    call.exchange.pause();
    call.exchange.resume();
    await new Promise(setImmediate);
    expect(call.events).toEqual([]);
    answer();
    expect(await call.over).toMatchObject({ events: ['headers', 'data', 'end'], text: 'early late' });
  });

  it('wait for a paused caller, when it has come', async () => {
    const call = await callWithEarlyBytes();
    call.exchange.pause();
    answer();
    await eventually(() => call.events.length > 0);
    await new Promise(setImmediate);
    expect(call.events).toEqual(['headers']);
    call.exchange.resume();
    expect(await call.over).toMatchObject({ events: ['headers', 'data', 'end'], text: 'early late' });
  });

  it('are dropped with a call that is given up', async () => {
    const call = await callWithEarlyBytes();
    call.exchange.reset();
    await eventually(() => stream.closed);
    expect(call.events).toEqual([]);
  });
});
