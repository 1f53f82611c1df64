/**
 * Durable providers: one instance for a tenant, however many calls.
 */
import { Inject, Injectable, Scope } from '@nestjs/common';
import {
  type ContextId,
  ContextIdFactory,
  type ContextIdStrategy,
  type HostComponentInfo,
  REQUEST,
} from '@nestjs/core';
import { type RequestContext } from '@nestjs/microservices';
import { type ConnectContext } from 'nestjs-connect';
import { type Column } from '../column.js';
import { asyncEcho, Speaker } from '../echo.js';

interface TenantPayload {
  readonly tenant: string;
}

/** As Nest's documentation has it; calls without a tenant are as without a strategy. */
class TenantStrategy implements ContextIdStrategy<RequestContext<unknown, ConnectContext>> {
  readonly #trees = new Map<string, ContextId>();

  attach(contextId: ContextId, request: RequestContext<unknown, ConnectContext>) {
    const tenant = request.getContext().requestHeaders.get('x-tenant');
    if (tenant === undefined) {
      return undefined;
    }
    const tree = this.#trees.get(tenant) ?? ContextIdFactory.create();
    this.#trees.set(tenant, tree);
    return {
      resolve: ({ isTreeDurable }: HostComponentInfo) => (isTreeDurable ? tree : contextId),
      payload: { tenant } satisfies TenantPayload,
    };
  }
}

let made = 0;

@Injectable({ scope: Scope.REQUEST, durable: true })
class Tenant {
  readonly #number = ++made;

  constructor(@Inject(REQUEST) private readonly payload: TenantPayload) {}

  get name(): string {
    return `${this.payload.tenant}#${this.#number}`;
  }
}

/** Says the name of the tenant for every word. */
@Injectable()
class Durable extends Speaker {
  constructor(private readonly tenant: Tenant) {
    super();
  }

  override speak(): string {
    return this.tenant.name;
  }
}

export const durable: Column = {
  name: 'durable',
  module: { controllers: [asyncEcho({ speaker: Durable })], providers: [Tenant] },
  // For the whole process, as every app does it; each spec file has a Nest of its own.
  useGlobals: () => ContextIdFactory.apply(new TenantStrategy()),
  cells: {
    async 'has one instance for the calls of a tenant, and another for another'({ ask }) {
      const names: string[] = [];
      for (const tenant of ['red', 'blue', 'red']) {
        const { text } = await ask('one', { headers: { 'x-tenant': tenant } });
        names.push(text);
      }
      const [red = '', blue = '', redAgain] = names;
      return {
        seen: {
          tenants: names.map((name) => name.split('#')[0]),
          isSame: redAgain === red,
          isOther: blue.split('#')[1] !== red.split('#')[1],
        },
        expected: { tenants: ['red', 'blue', 'red'], isSame: true, isOther: true },
      };
    },
  },
};
