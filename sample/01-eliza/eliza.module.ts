import { Module } from '@nestjs/common';
import { ElizaRpc } from './eliza.rpc.js';

@Module({ controllers: [ElizaRpc] })
export class ElizaModule {}
