/**
 * Everything that Nest promises for a handler, in every way of starting an app, over every protocol and HTTP version: the
 * columns are in `columns/`, the rows are the four kinds of call.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { METHOD_KINDS } from '../../support/test-service.js';
import { failOnUnhandled } from '../../support/no-unhandled.js';
import { ask, type Cell } from './call.js';
import { type Column } from './column.js';
import { durable } from './columns/durable.js';
import { filter } from './columns/filter.js';
import { guard } from './columns/guard.js';
import { inherited } from './columns/inherited.js';
import { interceptor } from './columns/interceptor.js';
import { none } from './columns/none.js';
import { param } from './columns/param.js';
import { pipe } from './columns/pipe.js';
import { provider } from './columns/provider.js';
import { requestScoped } from './columns/request-scoped.js';
import { validation } from './columns/validation.js';
import { type Mode, MODES, type StartedApp } from './modes.js';
import { type Connection, WIRES } from './wires.js';

const COLUMNS: readonly Column[] = [
  none,
  guard,
  pipe,
  validation,
  interceptor,
  filter,
  param,
  requestScoped,
  durable,
  inherited,
  provider,
];

failOnUnhandled();

describe.each(MODES)('$name', (mode) => {
  describe.each(COLUMNS.filter(({ needsMounting }) => needsMounting !== true || mode.isMounted))(
    '$name',
    (column) => {
      describeColumn(mode, column);
    },
  );
});

function describeColumn(mode: Mode, { module, useGlobals = () => {}, cells }: Column): void {
  let app: StartedApp;

  beforeAll(async () => {
    app = await mode.start({ module, useGlobals });
  });

  afterAll(() => app.close());

  describe.each(WIRES)('$name', (wire) => {
    let connection: Connection;

    beforeAll(() => {
      connection = wire.connect(app.baseUrl);
    });

    afterAll(() => connection.close());

    describe.each(METHOD_KINDS)('%s', (kind) => {
      it.each(Object.entries(cells))('%s', async (_name, find) => {
        const cell: Cell = {
          kind,
          mode,
          ask: (text, question) => ask(connection.transport, kind, text, question),
        };
        const { seen, expected } = await find(cell);
        expect(seen).toEqual(expected);
      });
    });
  });
}
