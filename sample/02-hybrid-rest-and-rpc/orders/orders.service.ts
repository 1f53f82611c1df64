/**
 * The orders themselves, for REST and RPC alike: no Connect, and of HTTP only the name of an exception.
 */
import { Injectable, NotFoundException } from '@nestjs/common';

export interface Order {
  readonly id: string;
  readonly customer: string;
  readonly status: 'placed' | 'shipped';
  readonly items: readonly { readonly product: string; readonly quantity: number }[];
}

const FIRST_ORDERS: readonly Order[] = [
  {
    id: '1001',
    customer: 'ada',
    status: 'shipped',
    items: [
      { product: 'chain', quantity: 1 },
      { product: 'bell', quantity: 2 },
    ],
  },
  { id: '1002', customer: 'grace', status: 'placed', items: [{ product: 'saddle', quantity: 1 }] },
  { id: '1003', customer: 'ada', status: 'placed', items: [{ product: 'pump', quantity: 1 }] },
];

@Injectable()
export class OrdersService {
  readonly #orders = new Map(FIRST_ORDERS.map((order) => [order.id, order]));

  /** @throws NotFoundException REST answers 404 for it, RPC `not_found`. */
  get(id: string): Order {
    const order = this.#orders.get(id);
    if (order === undefined) {
      throw new NotFoundException(`there is no order "${id}"`);
    }
    return order;
  }

  /** @returns The oldest first. */
  list(): Order[] {
    return [...this.#orders.values()];
  }

  /** @throws NotFoundException */
  ship(id: string): Order {
    const shipped: Order = { ...this.get(id), status: 'shipped' };
    this.#orders.set(id, shipped);
    return shipped;
  }
}
