import { create, type DescField, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { file_google_rpc_error_details, RetryInfoSchema } from '../gen/google/rpc/error_details_pb.js';
import { ConnectError, detailTypeName, type OutgoingDetail } from './connect-error.js';
import {
  badRequest,
  debugInfo,
  errorInfo,
  help,
  localizedMessage,
  preconditionFailure,
  quotaFailure,
  requestInfo,
  resourceInfo,
  retryInfo,
} from './error-details.js';

// The public definition (googleapis, google/rpc/error_details.proto), by hand: our .proto file must say the same.
const PUBLIC: Readonly<Record<string, readonly string[]>> = {
  ErrorInfo: ['string reason = 1', 'string domain = 2', 'map<string, string> metadata = 3'],
  RetryInfo: ['google.protobuf.Duration retry_delay = 1'],
  DebugInfo: ['repeated string stack_entries = 1', 'string detail = 2'],
  QuotaFailure: ['repeated google.rpc.QuotaFailure.Violation violations = 1'],
  'QuotaFailure.Violation': [
    'string subject = 1',
    'string description = 2',
    'string api_service = 3',
    'string quota_metric = 4',
    'string quota_id = 5',
    'map<string, string> quota_dimensions = 6',
    'int64 quota_value = 7',
    'optional int64 future_quota_value = 8',
  ],
  PreconditionFailure: ['repeated google.rpc.PreconditionFailure.Violation violations = 1'],
  'PreconditionFailure.Violation': ['string type = 1', 'string subject = 2', 'string description = 3'],
  BadRequest: ['repeated google.rpc.BadRequest.FieldViolation field_violations = 1'],
  'BadRequest.FieldViolation': [
    'string field = 1',
    'string description = 2',
    'string reason = 3',
    'google.rpc.LocalizedMessage localized_message = 4',
  ],
  RequestInfo: ['string request_id = 1', 'string serving_data = 2'],
  ResourceInfo: [
    'string resource_type = 1',
    'string resource_name = 2',
    'string owner = 3',
    'string description = 4',
  ],
  Help: ['repeated google.rpc.Help.Link links = 1'],
  'Help.Link': ['string description = 1', 'string url = 2'],
  LocalizedMessage: ['string locale = 1', 'string message = 2'],
};

const TYPE_NUMBERS: Readonly<Record<number, string>> = { 3: 'int64', 9: 'string' };

function withNested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(withNested)];
}

function fieldType(field: DescField): string | undefined {
  if (field.fieldKind === 'map') {
    return `map<${TYPE_NUMBERS[field.mapKey]}, ${field.mapKind === 'scalar' ? TYPE_NUMBERS[field.scalar] : '?'}>`;
  }
  return field.message?.typeName ?? (field.scalar === undefined ? undefined : TYPE_NUMBERS[field.scalar]);
}

function declaration(field: DescField): string {
  const label = field.fieldKind === 'list' ? 'repeated ' : field.proto.proto3Optional ? 'optional ' : '';
  return `${label}${fieldType(field)} ${field.name} = ${field.number}`;
}

describe('our google/rpc/error_details.proto', () => {
  const ours = file_google_rpc_error_details.messages
    .flatMap(withNested)
    .map((message) => [message.typeName.replace('google.rpc.', ''), message] as const);

  it('has the public messages and no others', () => {
    expect(ours.map(([name]) => name).toSorted()).toEqual(Object.keys(PUBLIC).toSorted());
  });

  it.each(ours)('declares %s as the public definition does', (name, message) => {
    expect(message.fields.map(declaration)).toEqual(PUBLIC[name]);
  });
});

function encode({ desc, value }: OutgoingDetail): Uint8Array {
  return toBinary(desc, create(desc, value));
}

/** Bytes as protobuf's encoding guide has them: a tag (number and wire type), a length, the text. */
function bytes(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));
}

describe('the builders of error details', () => {
  it.each<[string, OutgoingDetail, Uint8Array]>([
    [
      'google.rpc.ErrorInfo',
      errorInfo({ reason: 'R', domain: 'd', metadata: { k: 'v' } }),
      bytes(0x0a, 1, 'R', 0x12, 1, 'd', 0x1a, 6, 0x0a, 1, 'k', 0x12, 1, 'v'),
    ],
    ['google.rpc.ErrorInfo', errorInfo({ reason: 'R', domain: 'd' }), bytes(0x0a, 1, 'R', 0x12, 1, 'd')],
    [
      'google.rpc.BadRequest',
      badRequest([
        { field: 'a.b', description: 'x' },
        { field: 'c', description: 'y', reason: 'R', localizedMessage: { locale: 'de', message: 'ü' } },
      ]),
      bytes(
        bytes(0x0a, 8, 0x0a, 3, 'a.b', 0x12, 1, 'x'),
        bytes(0x0a, 19, 0x0a, 1, 'c', 0x12, 1, 'y', 0x1a, 1, 'R', 0x22, 8, 0x0a, 2, 'de', 0x12, 2, 'ü'),
      ),
    ],
    ['google.rpc.BadRequest', badRequest([]), bytes()],
    ['google.rpc.RetryInfo', retryInfo({ delayMs: 2_000 }), bytes(0x0a, 2, 0x08, 2)],
    [
      'google.rpc.QuotaFailure',
      quotaFailure([
        {
          subject: 's',
          description: 'd',
          apiService: 'a',
          quotaMetric: 'm',
          quotaId: 'i',
          quotaDimensions: { k: 'v' },
          quotaValue: 5n,
          futureQuotaValue: 0n,
        },
      ]),
      bytes(
        bytes(0x0a, 27, 0x0a, 1, 's', 0x12, 1, 'd', 0x1a, 1, 'a', 0x22, 1, 'm', 0x2a, 1, 'i'),
        bytes(0x32, 6, 0x0a, 1, 'k', 0x12, 1, 'v', 0x38, 5, 0x40, 0),
      ),
    ],
    [
      'google.rpc.PreconditionFailure',
      preconditionFailure([{ type: 't', subject: 's', description: 'd' }]),
      bytes(0x0a, 9, 0x0a, 1, 't', 0x12, 1, 's', 0x1a, 1, 'd'),
    ],
    [
      'google.rpc.ResourceInfo',
      resourceInfo({ resourceType: 't', resourceName: 'n', owner: 'o', description: 'd' }),
      bytes(0x0a, 1, 't', 0x12, 1, 'n', 0x1a, 1, 'o', 0x22, 1, 'd'),
    ],
    ['google.rpc.Help', help([{ description: 'd', url: 'u' }]), bytes(0x0a, 6, 0x0a, 1, 'd', 0x12, 1, 'u')],
    [
      'google.rpc.LocalizedMessage',
      localizedMessage({ locale: 'l', message: 'm' }),
      bytes(0x0a, 1, 'l', 0x12, 1, 'm'),
    ],
    [
      'google.rpc.RequestInfo',
      requestInfo({ requestId: 'i', servingData: 'd' }),
      bytes(0x0a, 1, 'i', 0x12, 1, 'd'),
    ],
    [
      'google.rpc.DebugInfo',
      debugInfo({ stackEntries: ['a', 'b'], detail: 'd' }),
      bytes(0x0a, 1, 'a', 0x0a, 1, 'b', 0x12, 1, 'd'),
    ],
    ['google.rpc.DebugInfo', debugInfo({}), bytes()],
  ])('write the bytes of a %s', (typeName, detail, expected) => {
    expect(detailTypeName(detail)).toBe(typeName);
    expect(Buffer.from(encode(detail)).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
  });

  it('make details that findDetails() gives back, here and from the wire', () => {
    const detail = retryInfo({ delayMs: 1_500 });
    const error = new ConnectError('later', {
      details: [detail, { type: 'google.rpc.RetryInfo', value: encode(detail) }],
    });
    const expected = create(RetryInfoSchema, { retryDelay: { seconds: 1n, nanos: 500_000_000 } });
    expect(error.findDetails(RetryInfoSchema)).toEqual([expected, expected]);
  });
});

describe('retryInfo', () => {
  it.each([
    [0, 0n, 0],
    [1, 0n, 1_000_000],
    [999, 0n, 999_000_000],
    [1_000, 1n, 0],
    [1_500.5, 1n, 500_500_000],
    [0.000_001, 0n, 1],
    [0.1 + 0.2, 0n, 300_000],
    [999.999_999_9, 1n, 0],
    [315_576_000_000_000, 315_576_000_000n, 0],
  ])('takes %d ms as %d s and %d ns, and they encode', (delayMs, seconds, nanos) => {
    const detail = retryInfo({ delayMs });
    expect(fromBinary(RetryInfoSchema, encode(detail)).retryDelay).toMatchObject({ seconds, nanos });
  });

  it.each([-1, -0.001, Number.NaN, Infinity, -Infinity, 315_576_000_000_001])(
    'refuses %d ms with a RangeError',
    (delayMs) => {
      expect(() => retryInfo({ delayMs })).toThrow(RangeError);
      expect(() => retryInfo({ delayMs })).toThrow(`delayMs is ${delayMs}`);
    },
  );
});
