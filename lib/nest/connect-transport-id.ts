/**
 * What binds `@Rpc` handlers to this transport and keeps them off every other one of a hybrid app.
 */

/** The transport's id, as Nest's `Transport.GRPC` is for gRPC. One per process, however often the package is loaded. */
export const CONNECT_TRANSPORT: unique symbol = Symbol.for('nestjs-connect');
