/**
 * Names that the blocks of the guides use without importing them: the libraries', those of the descriptor, and the
 * application's own of which a guide shows only how they are used.
 */
import { type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { type ConnectClient, type ConnectError } from 'nestjs-connect';
import { type Channel } from 'nestjs-connect/client';
import { type Observable } from 'rxjs';
import { type ElizaService } from './gen/eliza_pb.js';

export { AsyncLocalStorage } from 'node:async_hooks';
export { randomUUID } from 'node:crypto';
export { readFileSync } from 'node:fs';
export { type Readable } from 'node:stream';
export {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  type OnModuleInit,
  type RpcExceptionFilter,
  Scope,
  UnauthorizedException,
  UseFilters,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
} from '@nestjs/common';
export { NestFactory, REQUEST } from '@nestjs/core';
export {
  type ClientGrpc,
  ClientsModule,
  Ctx,
  GrpcMethod,
  GrpcStreamCall,
  GrpcStreamMethod,
  type MicroserviceOptions,
  Payload,
  type RequestContext,
  RpcException,
  Transport,
} from '@nestjs/microservices';
export {
  BadRequestSchema,
  Code,
  type ConnectClient,
  ConnectClientsModule,
  ConnectContext,
  ConnectError,
  ConnectModule,
  ConnectServer,
  ConnectService,
  createContextKey,
  getConnectClientToken,
  InjectConnectClient,
  Rpc,
  type RpcStream,
} from 'nestjs-connect';
export {
  type ClientInterceptor,
  type ClientInterceptorFunction,
  createChannel,
  createClient,
  createRxClient,
  type InterceptedCall,
  type NextCall,
} from 'nestjs-connect/client';
export { concatMap, finalize, firstValueFrom, map, Observable, of, retry, tap, throwError } from 'rxjs';
export {
  type ConverseRequest,
  ElizaService,
  type IntroduceRequest,
  type ReflectRequest,
  type SayRequest,
} from './gen/eliza_pb.js';

/** Requests and responses as users of proto-loader declare them. */
export interface Sentence {
  sentence: string;
}

/** What Eliza knows, in every shape. */
export declare class Brain {
  reply(sentence: string): string;
  reply$(sentence: string): Observable<string>;
  facts(name: string): AsyncIterable<string>;
  facts$(name: string): Observable<string>;
  summary(sentences: readonly string[]): string;
}

export declare class JwtGuard implements CanActivate {
  canActivate(context: ExecutionContext): Promise<boolean>;
}

export declare const AppModule: Type<unknown>;
export declare const ElizaModule: Type<unknown>;
export declare const ElizaRpc: Type<unknown>;
export declare const RestController: Type<unknown>;

export declare class Settings {
  readonly maxRequestBytes: number;
  readonly elizaUrl: string;
}
export declare const SettingsModule: Type<unknown>;

export declare class AsleepError extends Error {}

export declare const metrics: { count(name: string): void };

/** Caught by a caller. */
export declare const error: ConnectError;

/** A client, where it comes from, and what is done with its answers. */
export declare const eliza: ConnectClient<typeof ElizaService>;
export declare const channel: Channel;
export declare const brain: Brain;

export declare class Tokens {
  current(): Promise<string>;
}
export declare const TokensModule: Type<unknown>;

/** What calls Eliza. */
export declare class Talk {
  greet(name: string): Promise<string>;
}
export declare const TalkModule: Type<unknown>;
