/**
 * What the compiler accepts and refuses of clients and `ConnectClientsModule`: every `@ts-expect-error` must hit.
 *
 * Compiled as a consumer, as `handlers.ts` beside it.
 */
import { create, type DescService } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import {
  type CallOptions,
  type ConnectClient,
  type ConnectClientOptions,
  ConnectClientsModule,
  getConnectClientToken,
  InjectConnectClient,
  InjectRxConnectClient,
  RpcHeaders,
  type RpcStream,
  type RxConnectClient,
} from 'nestjs-connect';
import { createChannel, createClient, createRxClient } from 'nestjs-connect/client';
import { type Observable, of, type Subject } from 'rxjs';
import {
  type ConverseRequest,
  type ConverseResponse,
  ElizaService,
  type IntroduceResponse,
  type ReflectResponse,
  SayRequestSchema,
  type SayResponse,
} from '../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';

declare const eliza: ConnectClient<typeof ElizaService>;
declare const rx: RxConnectClient<typeof ElizaService>;
declare const requests: Subject<ConverseRequest>;

/** Fails to compile when the types differ, `any` included. */
function same<A>() {
  return <B>(..._proof: Equal<A, B> extends true ? [value: B] : [never, never]): void => {};
}
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

// --- Right: replies of each kind --------------------------------------------------------------------

same<Promise<SayResponse>>()(eliza.say({ sentence: 'hi' }));
same<RpcStream<IntroduceResponse>>()(eliza.introduce({ name: 'Ada' }));
same<Promise<ReflectResponse>>()(eliza.reflect([{ sentence: 'hi' }]));
same<RpcStream<ConverseResponse>>()(eliza.converse([{ sentence: 'hi' }]));

same<Observable<SayResponse>>()(rx.say({ sentence: 'hi' }));
same<Observable<IntroduceResponse>>()(rx.introduce({ name: 'Ada' }));
same<Observable<ReflectResponse>>()(rx.reflect([{ sentence: 'hi' }]));
same<Observable<ConverseResponse>>()(rx.converse([{ sentence: 'hi' }]));

// --- Right: requests ----------------------------------------------------------------------------------

void eliza.say({});
void eliza.say({ sentence: 'hi' });
void eliza.say(create(SayRequestSchema, { sentence: 'hi' }));

async function* generated() {
  yield { sentence: 'hi' };
}

function* words() {
  yield { sentence: 'hi' };
}

eliza.converse([]);
eliza.converse([{ sentence: 'hi' }, {}]);
eliza.converse(new Set([{ sentence: 'hi' }]));
eliza.converse(words());
eliza.converse(generated());
eliza.converse(of({ sentence: 'hi' }, {}));
eliza.converse(requests);
rx.reflect(of({ sentence: 'hi' }));
rx.reflect(generated());

// --- Right: options of a call ---------------------------------------------------------------------------

void eliza.say({}, { timeoutMs: 500, headers: { 'x-id': '1' }, signal: AbortSignal.timeout(5) });
rx.converse([], { onHeaders: (headers) => same<RpcHeaders>()(headers), headers: new RpcHeaders() });

export const options: CallOptions = { onTrailers: (trailers) => trailers.get('x-done') };

// --- Right: without Nest, and from a descriptor that was read at run time -----------------------------------

const channel = createChannel({ url: 'http://localhost:8080', protocol: 'grpc' });
same<ConnectClient<typeof ElizaService>>()(createClient(ElizaService, channel));
same<RxConnectClient<typeof ElizaService>>()(createRxClient(ElizaService, channel));

declare const read: DescService;
export const dynamic: ConnectClient<DescService> = createClient(read, channel);

// --- Right: in Nest ------------------------------------------------------------------------------------

@Injectable()
export class Talk {
  @InjectConnectClient(ElizaService, 'backup')
  readonly backup!: ConnectClient<typeof ElizaService>;

  constructor(
    @InjectConnectClient(ElizaService) readonly client: ConnectClient<typeof ElizaService>,
    @InjectRxConnectClient(ElizaService, 'backup') readonly rxClient: RxConnectClient<typeof ElizaService>,
  ) {}

  say(sentence: string): Promise<SayResponse> {
    return this.client.say({ sentence });
  }
}

// A fake for a test, checked where it is made.
export const fake: Pick<ConnectClient<typeof ElizaService>, 'say'> = {
  say: async ({ sentence = '' }) => ({ $typeName: 'connectrpc.eliza.v1.SayResponse', sentence }),
};

ConnectClientsModule.register([{ url: 'http://a', services: [ElizaService] }]);
ConnectClientsModule.register([
  { url: 'http://a', protocol: 'grpc', closeTimeoutMs: 5_000, services: [ElizaService] },
  { name: 'backup', url: 'https://b', httpVersion: '2', tls: { ca: '' }, services: [ElizaService] },
]);
ConnectClientsModule.register({ clients: [{ url: 'http://a', services: [ElizaService] }], isGlobal: true });

@Injectable()
class Config {
  readonly elizaUrl: string = 'http://a';
}

ConnectClientsModule.registerAsync([
  { services: [ElizaService], useFactory: () => ({ url: 'http://a' }) },
  {
    name: 'backup',
    services: [ElizaService],
    imports: [],
    extraProviders: [Config],
    inject: [Config],
    useFactory: async (config: Config): Promise<ConnectClientOptions> => ({ url: config.elizaUrl }),
  },
]);
ConnectClientsModule.registerAsync({ clients: [], isGlobal: true });

same<symbol>()(getConnectClientToken(ElizaService, 'backup'));

// --- Wrong: requests -----------------------------------------------------------------------------------

// @ts-expect-error a field that the message does not have
void eliza.say({ sentence: 'hi', sentense: 'typo' });
// @ts-expect-error only such a field
void eliza.say({ sentense: 'typo' });
// @ts-expect-error a field of a wrong type
void eliza.say({ sentence: 1 });
// @ts-expect-error no request
void eliza.say();
// @ts-expect-error text instead of a message
void eliza.say('hi');
// @ts-expect-error a message of another type
void eliza.say(await eliza.say({}));
// @ts-expect-error a stream instead of one message
void eliza.say([{ sentence: 'hi' }]);
// @ts-expect-error a field that the message does not have, of a server stream
eliza.introduce({ name: 'Ada', sentence: 'hi' });

// @ts-expect-error one message instead of a stream
void eliza.reflect({ sentence: 'hi' });
// @ts-expect-error text, which is iterable
void eliza.reflect('hi');
// @ts-expect-error a field that the message does not have, in an array
void eliza.reflect([{ sentence: 'hi', sentense: 'typo' }]);
// @ts-expect-error only such a field, in an array
eliza.converse([{ sentense: 'typo' }]);
// @ts-expect-error a field of a wrong type, in an array
eliza.converse([{ sentence: 1 }]);
// @ts-expect-error a field of a wrong type, in an Observable
eliza.converse(of({ sentence: 1 }));
// @ts-expect-error an Observable of something else
eliza.converse(of('hi'));
// @ts-expect-error a generator of something else
eliza.converse([{ name: 'Ada' }].values());
// @ts-expect-error a promise of a message
eliza.converse(Promise.resolve({ sentence: 'hi' }));
// @ts-expect-error a generator function that is not called
eliza.converse(generated);
// @ts-expect-error requests of another method
eliza.converse([create(SayRequestSchema)]);

// @ts-expect-error a field that the message does not have
rx.say({ sentence: 'hi', sentense: 'typo' });
// @ts-expect-error a field that the message does not have, in an array
rx.converse([{ sentence: 'hi', sentense: 'typo' }]);
// @ts-expect-error one message instead of a stream
rx.reflect({ sentence: 'hi' });

// --- Wrong: methods, options, replies ----------------------------------------------------------------------

// @ts-expect-error a method that the service does not have
eliza.shout({ sentence: 'hi' });
// @ts-expect-error an option that does not exist
void eliza.say({}, { timeout: 500 });
// @ts-expect-error an option of a wrong type
void eliza.say({}, { timeoutMs: '500' });
// @ts-expect-error a field that the response does not have
void eliza.say({}).then((response) => response.name);
// @ts-expect-error a stream is no promise
void eliza.introduce({}).then(String);
// @ts-expect-error an Observable is no promise
void rx.say({}).then(String);
// @ts-expect-error clients cannot be changed
eliza.say = rx.say;

// --- Wrong: in Nest --------------------------------------------------------------------------------------

// @ts-expect-error no url
ConnectClientsModule.register([{ services: [ElizaService] }]);
// @ts-expect-error no services
ConnectClientsModule.register([{ url: 'http://a' }]);
// @ts-expect-error the name of a service instead of the service
ConnectClientsModule.register([{ url: 'http://a', services: ['eliza.v1.ElizaService'] }]);
// @ts-expect-error an option that does not exist
ConnectClientsModule.register([{ url: 'http://a', services: [ElizaService], timeout: 5 }]);
// @ts-expect-error an option of the list, not of an entry
ConnectClientsModule.register([{ url: 'http://a', services: [ElizaService], isGlobal: true }]);
// @ts-expect-error the entries belong under "clients"
ConnectClientsModule.register({ url: 'http://a', services: [ElizaService] });
// @ts-expect-error no factory
ConnectClientsModule.registerAsync([{ services: [ElizaService] }]);
// @ts-expect-error options without a url
ConnectClientsModule.registerAsync([{ services: [ElizaService], useFactory: () => ({ timeoutMs: 1 }) }]);
// @ts-expect-error services that only the factory knows: they are needed before it
ConnectClientsModule.registerAsync([{ useFactory: () => ({ url: 'http://a', services: [ElizaService] }) }]);
// @ts-expect-error the name of a service instead of the service
InjectConnectClient('eliza.v1.ElizaService');
