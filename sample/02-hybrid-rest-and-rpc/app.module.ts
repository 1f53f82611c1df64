import { Module } from '@nestjs/common';
import { ConnectModule } from 'nestjs-connect';
import { OrdersController } from './orders/orders.controller.js';
import { OrdersRpc } from './orders/orders.rpc.js';
import { OrdersService } from './orders/orders.service.js';

@Module({
  imports: [ConnectModule.forRoot()],
  controllers: [OrdersController, OrdersRpc],
  providers: [OrdersService],
})
export class AppModule {}
