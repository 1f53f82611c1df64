import { Module } from '@nestjs/common';
import { TroubleRpc } from './trouble.rpc.js';

@Module({ controllers: [TroubleRpc] })
export class TroubleModule {}
