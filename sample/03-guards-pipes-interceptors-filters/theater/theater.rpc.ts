/**
 * TheaterService, with everything around it that Nest has for a controller.
 */
import { UseFilters, UseGuards, UseInterceptors } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { ConnectService, Rpc } from 'nestjs-connect';
import { map } from 'rxjs';
import { CurrentUser } from '../auth/current-user.js';
import { TokenGuard } from '../auth/token.guard.js';
import { CallLog } from '../calls/call-log.js';
import { LoggingInterceptor } from '../calls/logging.interceptor.js';
import {
  type ReserveSeatRequest,
  TheaterService,
  type WatchRowRequest,
} from '../gen/theater/v1/theater_pb.js';
import { FieldsPipe } from './fields.pipe.js';
import { TheaterErrorFilter } from './theater-error.filter.js';
import { Theater } from './theater.js';

const seatToReserve = new FieldsPipe<ReserveSeatRequest>([
  { field: 'seat', pattern: /^[A-Z][1-9]$/, expected: 'a letter and a digit, such as "B2"' },
  { field: 'guest', pattern: /\S/, expected: 'the name for the ticket' },
]);

const rowToWatch = new FieldsPipe<WatchRowRequest>([
  { field: 'row', pattern: /^[A-Z]$/, expected: 'a letter, such as "B"' },
]);

@UseGuards(TokenGuard)
@UseInterceptors(LoggingInterceptor)
@UseFilters(TheaterErrorFilter)
@ConnectService(TheaterService)
export class TheaterRpc {
  constructor(
    private readonly theater: Theater,
    private readonly log: CallLog,
  ) {}

  /** Unary. */
  @Rpc()
  reserveSeat(@Payload(seatToReserve) { seat, guest }: ReserveSeatRequest, @CurrentUser() buyer: string) {
    const reservation = this.theater.reserve({ seat, guest, buyer });
    this.log.note(`${buyer} has reserved ${seat} for ${guest}`);
    return reservation;
  }

  /** Server streaming. */
  @Rpc()
  watchRow(@Payload(rowToWatch) { row }: WatchRowRequest, @CurrentUser() user: string) {
    const reservations = this.theater.watch(row);
    this.log.note(`${user} watches row ${row}`);
    return reservations.pipe(map(({ seat, buyer }) => ({ seat, isYours: buyer === user })));
  }
}
