import { type Flags, parseFlags, UsageError } from './flags.js';

const DEFAULTS: Flags = {
  kind: 'bidi',
  sentences: [],
  channel: { url: 'http://localhost:8080', protocol: 'connect', httpVersion: '2' },
};

describe('parseFlags', () => {
  it('is a conversation over Connect and HTTP/2 with the local server without any', () => {
    expect(parseFlags([])).toEqual(DEFAULTS);
  });

  it.each(['unary', 'server-streaming', 'client-streaming', 'bidi'])('takes the kind --%s', (kind) => {
    expect(parseFlags([`--${kind}`])).toEqual({ ...DEFAULTS, kind });
  });

  it.each([
    [['--protocol', 'connect'], { protocol: 'connect' }],
    [['--protocol', 'grpc'], { protocol: 'grpc' }],
    [['--protocol=grpc-web'], { protocol: 'grpc-web' }],
    [['--http', '1'], { httpVersion: '1.1' }],
    [['--http', '2'], { httpVersion: '2' }],
    [['--url', 'https://eliza.test'], { url: 'https://eliza.test' }],
  ])('takes the option %j', (args, channel) => {
    expect(parseFlags(args)).toEqual({ ...DEFAULTS, channel: { ...DEFAULTS.channel, ...channel } });
  });

  it('takes everything else as sentences', () => {
    expect(parseFlags(['I am sad', '--unary', 'my boss shouts'])?.sentences).toEqual([
      'I am sad',
      'my boss shouts',
    ]);
  });

  it('tells that only help is wanted', () => {
    expect(parseFlags(['--help'])).toBeUndefined();
  });

  it.each([
    [['--unary', '--bidi'], 'choose one of --unary and --bidi'],
    [['--protocol', 'soap'], '--protocol is "soap": expected one of connect, grpc, grpc-web'],
    [['--http', '3'], '--http is "3": expected one of 1, 2'],
    [['--loud'], "Unknown option '--loud'"],
    [['--url'], "'--url <value>' argument missing"],
  ])('refuses %j', (args, message) => {
    const parse = () => parseFlags(args);
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
  });
});
