/**
 * A person in a terminal talks to Eliza: real readline, real server, a terminal of two streams.
 */
import { PassThrough } from 'node:stream';
import { type Channel, type ConnectClient, createChannel, createClient } from 'nestjs-connect/client';
import { type RunningServer, startService } from '../../../test/support/eliza-echo.js';
import { eventually } from '../../../test/support/eventually.js';
import { ElizaRpc } from '../eliza.rpc.js';
import { ElizaService } from '../gen/connectrpc/eliza/v1/eliza_pb.js';
import { TALKS } from './talk.js';
import { Visitor } from './visitor.js';

const CTRL_D = '\u0004';

/** A person at a terminal, who reads what is on the screen and types. */
class Person {
  readonly #keyboard = Object.assign(new PassThrough(), { isTTY: true });
  readonly #screen = new PassThrough();
  readonly visitor = new Visitor({ input: this.#keyboard, output: this.#screen });
  #seen = '';

  constructor() {
    this.#screen.on('data', (chunk: Buffer) => (this.#seen += chunk.toString()));
  }

  async sees(text: string): Promise<void> {
    await eventually(() => this.#seen.includes(text));
  }

  /** The program has let go of the keyboard: nothing keeps it running. */
  get isFree(): boolean {
    return this.#keyboard.isPaused();
  }

  types(keys: string): void {
    this.#keyboard.write(keys);
  }
}

let server: RunningServer;
let channel: Channel;
let eliza: ConnectClient<typeof ElizaService>;

beforeAll(async () => {
  server = await startService(ElizaRpc);
  channel = createChannel({ url: `http://127.0.0.1:${server.port}` });
  eliza = createClient(ElizaService, channel);
});

afterAll(async () => {
  await channel.close();
  await server.close();
});

it('answers each line before the next is typed, until the goodbye', async () => {
  const person = new Person();
  const talking = TALKS.bidi(eliza, person.visitor, []);
  await person.sees('Say goodbye, or press Ctrl+D');
  person.types('I am sad\r');
  await person.sees('Eliza: How long have you been sad?');
  person.types('my cat ran away\r');
  await person.sees('Eliza: Your cat ran away?');
  person.types('bye\r');
  await person.sees('Eliza: Goodbye.');
  await talking;
  person.visitor.leave();
  expect(person.isFree).toBe(true);
});

it('ends with Ctrl+D', async () => {
  const person = new Person();
  const talking = TALKS.bidi(eliza, person.visitor, []);
  person.types(`I am sad\r`);
  await person.sees('Eliza: How long have you been sad?');
  person.types(CTRL_D);
  await talking;
  expect(person.isFree).toBe(true);
});

it('listens to all lines, and sums them up after Ctrl+D', async () => {
  const person = new Person();
  const talking = TALKS['client-streaming'](eliza, person.visitor, []);
  person.types(`I am sad\rmy boss shouts\r${CTRL_D}`);
  await talking;
  await person.sees('Eliza: You told me 2 things.');
  expect(person.isFree).toBe(true);
});
