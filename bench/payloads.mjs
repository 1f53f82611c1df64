/**
 * The messages that unary calls carry, in both directions, as init objects of `UnaryRequest`.
 */
import { Status } from './gen/bench/v1/bench_pb.js';

const ITEMS = 100;
const STATUSES = [Status.DRAFT, Status.PUBLISHED, Status.ARCHIVED];

/** By name; the title is what tables say. */
export const PAYLOADS = {
  small: { title: '22 bytes', message: { text: 'a'.repeat(20) } },
  '1k': { title: '1 KiB', message: { text: text(1024) } },
  list: { title: 'list of 100 items, 12 KB', message: { items: Array.from({ length: ITEMS }, item) } },
  '100k': { title: '100 KiB', message: { text: text(100 * 1024) } },
};

function text(length) {
  return 'The quick brown fox jumps over the lazy dog. '.repeat(Math.ceil(length / 45)).slice(0, length);
}

/** About 120 bytes of what messages are made of; nothing has its default value. */
function item(_, index) {
  return {
    id: `item-${String(index).padStart(6, '0')}`,
    name: `Product number ${index} in the list`,
    quantity: index * 7 + 1,
    price: index * 1.25 + 0.99,
    updatedAtMs: BigInt(1_750_000_000_000 + index * 86_400_000),
    status: STATUSES[index % STATUSES.length],
    isAvailable: true,
    labels: { color: 'green', size: `${index % 40}` },
    origin: { country: 'Portugal', city: 'Lisboa', zone: index + 1 },
  };
}
