/**
 * Orders over Connect, gRPC and gRPC-Web, for other services.
 */
import { type MessageInitShape } from '@bufbuild/protobuf';
import { ConnectService, Rpc } from 'nestjs-connect';
import { from, map } from 'rxjs';
import {
  type GetOrderRequest,
  type ListOrdersRequest,
  type OrderSchema,
  OrderService,
  OrderStatus,
} from '../gen/orders/v1/orders_pb.js';
import { type Order, OrdersService } from './orders.service.js';

@ConnectService(OrderService)
export class OrdersRpc {
  constructor(private readonly orders: OrdersService) {}

  @Rpc()
  getOrder({ id }: GetOrderRequest) {
    return { order: toMessage(this.orders.get(id)) };
  }

  @Rpc()
  listOrders({ customer }: ListOrdersRequest) {
    const orders = this.orders.list().filter((order) => customer === '' || order.customer === customer);
    return from(orders).pipe(map((order) => ({ order: toMessage(order) })));
  }
}

const STATUS = {
  placed: OrderStatus.PLACED,
  shipped: OrderStatus.SHIPPED,
} as const satisfies Record<Order['status'], OrderStatus>;

function toMessage({ id, customer, status, items }: Order): MessageInitShape<typeof OrderSchema> {
  return { id, customer, status: STATUS[status], items: [...items] };
}
