/**
 * Orders over REST, for the shop's own pages.
 */
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { type Order, OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Get(':id')
  get(@Param('id') id: string): Order {
    return this.orders.get(id);
  }

  @Post(':id/shipment')
  @HttpCode(200)
  ship(@Param('id') id: string): Order {
    return this.orders.ship(id);
  }
}
