// @modelcontextprotocol/server-postgres on a database of its own.
//
// 1. The server promises a read-only transaction and can be talked out of it (`COMMIT; insert …`), so what it may do
//    is decided by the database: its role may SELECT from two tables and nothing else.
import { startBehindMcpProxy, withCleanup, type Upstream } from './node-server.js';
import { startPostgres, type Postgres } from './postgres-engine.js';

const ROLE = 'mcp_reader';

const SAMPLE_DATA = `
  create table customers (id int primary key, name text not null, email text not null);
  create table orders (
    id int primary key, customer_id int not null references customers, total_cents int not null, status text not null
  );
  insert into customers values (1, 'Ada Lovelace', 'ada@example.com'), (2, 'Grace Hopper', 'grace@example.com');
  insert into orders values (1, 1, 4900, 'paid'), (2, 1, 49900, 'refunded'), (3, 2, 4900, 'open');`;

const SELECT_ONLY_ROLE = `
  revoke create on schema public from public;
  revoke temporary on database postgres from public;
  create role ${ROLE} login connection limit 10;
  grant select on customers, orders to ${ROLE};
  alter role ${ROLE} set statement_timeout = '10s';`;

export interface PostgresMcp extends Upstream {
  readonly database: Pick<Postgres, 'engine' | 'query'>;
}

/** Starts the database, its SELECT-only role and the server behind mcp-proxy; its one tool is `query`. */
export async function startPostgresMcp(options: { engine?: 'pglite' } = {}): Promise<PostgresMcp> {
  const database = await startPostgres(options);
  await database.query(SAMPLE_DATA + SELECT_ONLY_ROLE);
  const script = '@modelcontextprotocol/server-postgres/dist/index.js';
  const upstream = await startBehindMcpProxy({ script, args: [database.urlFor(ROLE)] });
  return { ...withCleanup(upstream, database.stop), database };
}
