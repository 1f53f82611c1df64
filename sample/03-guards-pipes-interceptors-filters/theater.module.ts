import { Module } from '@nestjs/common';
import { Tokens } from './auth/tokens.js';
import { CallLog } from './calls/call-log.js';
import { Theater } from './theater/theater.js';
import { TheaterRpc } from './theater/theater.rpc.js';

@Module({ controllers: [TheaterRpc], providers: [CallLog, Theater, Tokens] })
export class TheaterModule {}
