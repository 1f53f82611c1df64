import { describe, expect, it } from '@jest/globals';
import { RpcHeaders } from './headers.js';

describe('RpcHeaders', () => {
  it('finds names in any case, and lists them in lower case', () => {
    const headers = new RpcHeaders({ 'X-Request-ID': 'a' });
    expect(headers.get('x-REQUEST-id')).toBe('a');
    expect(headers.has('X-request-Id')).toBe(true);
    expect(headers.toList()).toEqual(['x-request-id', 'a']);
    expect(headers.delete('X-REQUEST-ID').has('x-request-id')).toBe(false);
  });

  it('answers undefined, no values and false for a name it does not have', () => {
    const headers = new RpcHeaders();
    expect(headers.get('a')).toBeUndefined();
    expect(headers.getAll('a')).toEqual([]);
    expect(headers.getBinary('a-bin')).toBeUndefined();
    expect(headers.getAllBinary('a-bin')).toEqual([]);
    expect(headers.has('a')).toBe(false);
    expect(headers.size).toBe(0);
  });

  it.each<[string, ConstructorParameters<typeof RpcHeaders>[0]]>([
    ['an object', { a: ['1', '2'], b: '3', none: undefined }],
    [
      'pairs',
      [
        ['a', '1'],
        ['a', '2'],
        ['b', '3'],
      ],
    ],
    [
      'a Map of single values and another bag',
      new RpcHeaders([
        ['A', '1'],
        ['a', '2'],
        ['b', '3'],
      ]),
    ],
  ])('can be made of %s', (_, init) => {
    expect([...new RpcHeaders(init)]).toEqual([
      ['a', '1'],
      ['a', '2'],
      ['b', '3'],
    ]);
  });

  it('is a copy of the bag it was made of', () => {
    const original = new RpcHeaders({ a: '1' });
    new RpcHeaders(original).append('a', '2');
    expect(original.getAll('a')).toEqual(['1']);
  });

  it('keeps several values of a name in order: get() joins them, getAll() does not', () => {
    const headers = new RpcHeaders().append('a', '1').append('b', 'x').append('a', '2, 3');
    expect(headers.get('a')).toBe('1, 2, 3');
    expect(headers.getAll('a')).toEqual(['1', '2, 3']);
    expect(headers.size).toBe(3);
    expect([...headers]).toEqual([
      ['a', '1'],
      ['b', 'x'],
      ['a', '2, 3'],
    ]);
  });

  it('replaces all values by set()', () => {
    const headers = new RpcHeaders({ a: ['1', '2'], b: 'x' }).set('A', '3');
    expect([...headers]).toEqual([
      ['b', 'x'],
      ['a', '3'],
    ]);
  });

  it('adds all of another bag', () => {
    const headers = new RpcHeaders({ a: '1' }).appendAll(new RpcHeaders({ a: '2', b: '3' }));
    expect(headers.toList()).toEqual(['a', '1', 'a', '2', 'b', '3']);
  });

  it('adds all of a bag with more values than a call has arguments', () => {
    const many = RpcHeaders.fromWire(Array.from({ length: 600_000 }, () => 'x'));
    expect(new RpcHeaders().appendAll(many).size).toBe(300_000);
  });

  describe('from the wire', () => {
    it('lowers names and leaves pseudo-headers out', () => {
      const headers = RpcHeaders.fromWire([':path', '/a', 'X-A', '1', ':method', 'POST', 'x-a', '2']);
      expect(headers.toList()).toEqual(['x-a', '1', 'x-a', '2']);
    });

    it('does not check values: what came, came', () => {
      expect(RpcHeaders.fromWire(['a', 'b\u0000c', 'é', '']).toList()).toEqual(['a', 'b\u0000c', 'é', '']);
    });

    it('ignores a name without a value', () => {
      expect(RpcHeaders.fromWire(['a', '1', 'b']).toList()).toEqual(['a', '1']);
    });
  });

  describe('binary values (gRPC over HTTP/2, "Custom-Metadata")', () => {
    it('are base64 without padding on the wire and bytes here', () => {
      const headers = new RpcHeaders({ 'a-bin': Uint8Array.of(0) }).appendBinary(
        'a-bin',
        Uint8Array.of(1, 2),
      );
      expect(headers.getAll('a-bin')).toEqual(['AA', 'AQI']);
      expect(headers.getBinary('a-bin')).toEqual(Buffer.from([0]));
      expect(headers.getAllBinary('a-bin')).toEqual([Buffer.from([0]), Buffer.from([1, 2])]);
      expect(headers.setBinary('A-Bin', Uint8Array.of()).getAllBinary('a-bin')).toEqual([Buffer.from([])]);
    });

    it.each([
      ['AA,AQI', [[0], [1, 2]]],
      ['AA==, AQI=', [[0], [1, 2]]],
      ['AA ,\tAQI', [[0], [1, 2]]],
      ['AA,!!!,AQI', [[0], [1, 2]]],
      ['!!!', []],
    ])('that a proxy joined as %j are read one by one, garbage left out', (value, expected) => {
      const headers = RpcHeaders.fromWire(['a-bin', value]);
      expect(headers.getAllBinary('a-bin')).toEqual(expected.map((bytes) => Buffer.from(bytes)));
    });

    it('are refused under a name that does not end in -bin', () => {
      expect(() => new RpcHeaders().set('a', Uint8Array.of(1))).toThrow('its name must end in "-bin"');
      expect(() => new RpcHeaders().setBinary('a', Uint8Array.of(1))).toThrow(TypeError);
    });
  });

  it.each(['', 'a b', 'a:b', ':path', 'a\n', 'ä', 'a,b', 'a"', 'a(b)', 'a\u0000'])(
    'refuses the name %j',
    (name) => {
      expect(() => new RpcHeaders().set(name, '1')).toThrow(TypeError);
      expect(() => new RpcHeaders().append(name, '1')).toThrow('is not a header name');
    },
  );

  it.each(["!#$%&'*+-.^_`|~09az"])('takes the name %j', (name) => {
    expect(new RpcHeaders().set(name, '1').get(name)).toBe('1');
  });

  it.each(['a\nb', 'a\r\nb: c', '\u0000', 'a\u007f', '\u001b', 'Ā', '€', '😀'])(
    'refuses the value %j',
    (value) => {
      expect(() => new RpcHeaders().set('a', value)).toThrow(
        'send bytes or Unicode text under a name that ends in "-bin"',
      );
    },
  );

  it.each(['', 'a b', 'a\tb', '~!"', 'grün', '\u0080\u00ff'])(
    'takes the value %j, obs-text included',
    (value) => {
      expect(new RpcHeaders().set('a', value).get('a')).toBe(value);
    },
  );

  it('gives back obs-text as it came, so that a handler may echo it', () => {
    const came = RpcHeaders.fromWire(['x-name', 'J\u00fcrgen']);
    expect(new RpcHeaders().append('x-name', came.get('x-name') ?? '').toList()).toEqual([
      'x-name',
      'J\u00fcrgen',
    ]);
  });

  it.each([
    [' \tb ', 'b'],
    [' ', ''],
    ['\t b c \t', 'b c'],
    // "voilà" in UTF-8, each byte a character: the last one is U+00A0.
    ['voil\u00c3\u00a0', 'voil\u00c3\u00a0'],
  ])('trims blanks around %j, as HTTP would, and nothing else', (value, expected) => {
    expect(new RpcHeaders({ a: value }).get('a')).toBe(expected);
  });

  it('leaves the old value in place when the new one is refused', () => {
    const headers = new RpcHeaders({ a: '1' });
    expect(() => headers.set('a', 'b\nc')).toThrow(TypeError);
    expect(headers.get('a')).toBe('1');
  });
});
