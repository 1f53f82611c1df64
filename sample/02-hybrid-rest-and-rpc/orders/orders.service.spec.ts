/**
 * The orders without a server around them.
 */
import { beforeEach, describe, expect, it } from '@jest/globals';
import { NotFoundException } from '@nestjs/common';
import { OrdersService } from './orders.service.js';

let orders: OrdersService;

beforeEach(() => {
  orders = new OrdersService();
});

describe('OrdersService', () => {
  it('lists the oldest order first, shipped ones too', () => {
    orders.ship('1002');
    expect(orders.list().map(({ id, status }) => `${id} ${status}`)).toEqual([
      '1001 shipped',
      '1002 shipped',
      '1003 placed',
    ]);
  });

  it('remembers that an order was shipped', () => {
    expect(orders.get('1002').status).toBe('placed');
    expect(orders.ship('1002')).toEqual({ ...orders.get('1002'), status: 'shipped' });
  });

  it.each(['get', 'ship'] as const)('says of what order %s() did not find', (method) => {
    expect(() => orders[method]('9')).toThrow(new NotFoundException('there is no order "9"'));
  });
});
