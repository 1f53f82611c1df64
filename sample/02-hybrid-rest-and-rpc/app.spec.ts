/**
 * The app on its one port, asked in every way.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { OrderService, OrderStatus } from './gen/orders/v1/orders_pb.js';

let app: INestApplication;
let baseUrl: string;

beforeAll(async () => {
  app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  baseUrl = await app.getUrl();
});

afterAll(() => app.close());

describe('REST', () => {
  it('answers an order', async () => {
    const response = await fetch(`${baseUrl}/orders/1001`);
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 200,
      body: { id: '1001', customer: 'ada', status: 'shipped' },
    });
  });

  it('answers 404 for an unknown order, with the text of the exception', async () => {
    const response = await fetch(`${baseUrl}/orders/9`);
    expect(await response.json()).toEqual({
      statusCode: 404,
      error: 'Not Found',
      message: 'there is no order "9"',
    });
  });
});

const TRANSPORTS: Readonly<Record<string, () => Transport>> = {
  'Connect over HTTP/1.1': () => createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  'Connect over HTTP/2': () => createConnectTransport({ baseUrl, httpVersion: '2' }),
  'gRPC over HTTP/2': () => createGrpcTransport({ baseUrl }),
  'gRPC-Web over HTTP/1.1': () => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
};

describe.each(Object.entries(TRANSPORTS))('%s', (_name, transport) => {
  it('answers an order', async () => {
    const { order } = await createClient(OrderService, transport()).getOrder({ id: '1001' });
    expect(order).toMatchObject({
      customer: 'ada',
      status: OrderStatus.SHIPPED,
      items: [
        { product: 'chain', quantity: 1 },
        { product: 'bell', quantity: 2 },
      ],
    });
  });

  it.each([
    ['', ['1001', '1002', '1003']],
    ['ada', ['1001', '1003']],
    ['nobody', []],
  ])('streams the orders of %j', async (customer, expected) => {
    const ids: (string | undefined)[] = [];
    for await (const { order } of createClient(OrderService, transport()).listOrders({ customer })) {
      ids.push(order?.id);
    }
    expect(ids).toEqual(expected);
  });

  it('answers not_found for an unknown order, with the text of the exception', async () => {
    await expect(createClient(OrderService, transport()).getOrder({ id: '9' })).rejects.toThrow(
      new ConnectError('there is no order "9"', Code.NotFound),
    );
  });
});

it('shows to RPC what REST has changed: both have the one OrdersService', async () => {
  await fetch(`${baseUrl}/orders/1002/shipment`, { method: 'POST' });
  const client = createClient(OrderService, createGrpcTransport({ baseUrl }));
  expect((await client.getOrder({ id: '1002' })).order).toMatchObject({ status: OrderStatus.SHIPPED });
});
