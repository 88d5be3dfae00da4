import { existsSync } from 'node:fs';
import { startPostgresMcp, type PostgresMcp } from './postgres-mcp.js';
import { callDirectly, textOf } from './sdk-client.js';

const ORDERS = 'select id, status from orders order by id';
const SAMPLE = [
  { id: 1, status: 'paid' },
  { id: 2, status: 'refunded' },
  { id: 3, status: 'open' },
];
let postgres: PostgresMcp | undefined;

afterEach(async () => {
  await postgres?.stop();
  postgres = undefined;
});

const queryThroughMcp = (sql: string) => callDirectly(postgres as PostgresMcp, 'query', { sql });

(existsSync('/usr/lib/postgresql') ? describe : describe.skip)('the Postgres MCP server on PostgreSQL', () => {
  it('1: reads, and cannot be talked out of its read-only transaction: its role may only SELECT', async () => {
    postgres = await startPostgresMcp();
    expect(postgres.database.engine).toBe('postgresql');
    expect(JSON.parse(textOf(await queryThroughMcp(ORDERS)))).toEqual(SAMPLE);
    for (const statement of [
      "insert into orders values (77, 1, 9, 'x')",
      'drop table orders',
      'create table t (a int)',
    ]) {
      await expect(queryThroughMcp(`COMMIT; ${statement}`)).rejects.toThrow(/permission denied|must be owner/);
    }
    expect(await postgres.database.query(ORDERS)).toEqual(SAMPLE);
  }, 60_000);
});

describe('the Postgres MCP server on PGlite', () => {
  it('reads where no PostgreSQL is installed', async () => {
    postgres = await startPostgresMcp({ engine: 'pglite' });
    expect(JSON.parse(textOf(await queryThroughMcp(ORDERS)))).toEqual(SAMPLE);
  }, 60_000);
});
