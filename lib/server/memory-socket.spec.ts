import { once } from 'node:events';
import { text as readText } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { connectInMemory, factsOf, type MemoryConnection, type MemorySocket } from './memory-socket.js';

type End = keyof MemoryConnection;

const ENDS: [End, End][] = [
  ['client', 'server'],
  ['server', 'client'],
];

/** How the ends are named, from the one that a test is about. */
function connectedEnds(near: End, far: End): { near: MemorySocket; far: MemorySocket } {
  const connection = connectInMemory({});
  return { near: connection[near], far: connection[far] };
}

describe.each(ENDS)('what the %s writes to the %s', (nearName, farName) => {
  it('arrives in order, text and bytes', async () => {
    const { near, far } = connectedEnds(nearName, farName);
    near.write('a');
    near.write(Buffer.from('b'));
    near.write('');
    near.end('ü');
    expect(await readText(far)).toBe('abü');
    expect([near.bytesWritten, far.bytesRead]).toEqual([4, 4]);
  });

  it('arrives in a turn of its own', async () => {
    const { near, far } = connectedEnds(nearName, farName);
    const heard: string[] = [];
    far.on('data', (chunk) => heard.push(String(chunk)));
    await setImmediate();
    near.write('a');
    expect(heard).toEqual([]);
    await setImmediate();
    expect(heard).toEqual(['a']);
  });

  it('waits when nobody reads it, and goes on when somebody does', async () => {
    const { near, far } = connectedEnds(nearName, farName);
    const written: number[] = [];
    for (const number of [1, 2, 3, 4]) {
      near.write(Buffer.alloc(65_536), () => written.push(number));
    }
    await setImmediate();
    expect([written, far.readableLength]).toEqual([[], 65_536]);
    far.resume();
    await once(near, 'drain');
    expect(written).toEqual([1, 2, 3, 4]);
  });

  it('arrives although it is destroyed right after', async () => {
    const { near, far } = connectedEnds(nearName, farName);
    near.write('last words');
    near.destroy();
    expect(await readText(far)).toBe('last words');
  });

  it('is written off when nobody is there any more', async () => {
    const { near, far } = connectedEnds(nearName, farName);
    far.destroy();
    await new Promise((resolve) => near.write(Buffer.alloc(1_000_000), resolve));
    expect(far.readableLength).toBe(0);
  });

  it('is written off when it waits for a reader who goes', async () => {
    const { near, far } = connectedEnds(nearName, farName);
    const written = new Promise((resolve) => near.write(Buffer.alloc(100_000), resolve));
    await setImmediate();
    far.destroy();
    expect(await written).toBeFalsy();
  });
});

it.each(ENDS)('an error of the %s is an end for the %s', async (nearName, farName) => {
  const { near, far } = connectedEnds(nearName, farName);
  near.on('error', () => {});
  near.destroy(new Error('test'));
  far.resume();
  await once(far, 'end');
  expect(far.errored).toBeNull();
});

it('leaves the answer to a server whose client has ended, and ends a client whose server has', async () => {
  const { server, client } = connectInMemory({});
  client.end();
  server.resume();
  await once(server, 'end');
  server.end('answer');
  expect(await readText(client)).toBe('answer');
  const other = connectInMemory({});
  other.server.end();
  other.client.resume();
  await once(other.client, 'close');
  expect(other.client.writableFinished).toBe(true);
});

it('destroySoon closes when all is written', async () => {
  const { server, client } = connectInMemory({});
  const closed = Promise.all([once(server, 'close'), once(client, 'close')]);
  server.write(Buffer.alloc(100_000));
  server.destroySoon();
  await setImmediate();
  expect(server.destroyed).toBe(false);
  client.resume();
  await closed;
  expect(client.bytesRead).toBe(100_000);
});

it('destroySoon closes at once what has ended', async () => {
  const { server } = connectInMemory({});
  server.end();
  await once(server, 'finish');
  server.destroySoon();
  expect(server.destroyed).toBe(true);
});

describe('setTimeout', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] }));
  afterEach(() => void jest.useRealTimers());

  it.each<[string, (ends: MemoryConnection) => void]>([
    ['what is written', ({ server }) => void server.write('a')],
    ['what arrives', ({ client }) => void client.write('a')],
  ])('counts from %s', async (_, use) => {
    const ends = connectInMemory({});
    let timeouts = 0;
    ends.server.setTimeout(100, () => timeouts++);
    jest.advanceTimersByTime(60);
    use(ends);
    await setImmediate();
    jest.advanceTimersByTime(60);
    expect(timeouts).toBe(0);
    jest.advanceTimersByTime(40);
    expect(timeouts).toBe(1);
  });

  it.each<[string, (socket: MemorySocket, listener: () => void) => void]>([
    ['0', (socket, listener) => void socket.setTimeout(0, listener)],
    ['the end of the socket', (socket) => void socket.destroy()],
  ])('is over with %s', (_, stop) => {
    const { server } = connectInMemory({});
    const listener = jest.fn();
    server.setTimeout(100, listener);
    expect(server.timeout).toBe(100);
    stop(server, listener);
    jest.advanceTimersByTime(1_000);
    expect(listener).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });
});

it("a server's socket tells what is known of the real one, by functions bound to that", () => {
  const real = {
    remoteAddress: '10.0.0.1',
    encrypted: true,
    name: 'real',
    getProtocol(): string {
      return this.name;
    },
  };
  const { server, client } = connectInMemory(factsOf(real));
  expect(server).toMatchObject({ remoteAddress: '10.0.0.1', encrypted: true });
  expect((Reflect.get(server, 'getProtocol') as () => string)()).toBe('real');
  expect([Reflect.has(server, 'authorized'), Reflect.has(server, 'name')]).toEqual([false, false]);
  expect(Reflect.has(client, 'remoteAddress')).toBe(false);
});
