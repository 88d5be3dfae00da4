// One client for ClickHouse, over HTTP: a server, a cluster's load balancer, or the embedded engine.

import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { RefusedError } from '@flow-mcp/kernel';
import { asFlowMcpError, asInsertError } from './errors.js';

/** Where ClickHouse is, and who we are there. */
export interface ClickHouseOptions {
  /** E.g. `http://127.0.0.1:8123`. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Holds all our tables; `migrate` creates it. */
  readonly database: string;
}

/** Values for `{name:Type}` in a query. */
export type Params = Readonly<Record<string, unknown>>;

/** Longer than a statement may run there (60 s), so that giving up never means that it still runs. */
const REQUEST_TIMEOUT_MS = 70_000;

/** Rows go in as one block, or as blocks that are cut alike every time; a repeated block counts nowhere twice. */
const BLOCK_SETTINGS = {
  async_insert: 0,
  wait_end_of_query: 1,
  input_format_parallel_parsing: 0,
  deduplicate_blocks_in_dependent_materialized_views: 1,
} as const;

/** Runs statements; every error is one of ours. */
export class Connection {
  readonly database: string;
  private readonly client: ClickHouseClient;
  private readonly outside: ClickHouseClient;

  constructor({ url, user, password, database }: ClickHouseOptions) {
    if (!/^[A-Za-z_]\w{0,63}$/.test(database)) {
      throw new RefusedError('ERR_CONFIG_INVALID', 'Name the database with letters, digits and _ only.');
    }
    const common = {
      application: 'flow-mcp',
      request_timeout: REQUEST_TIMEOUT_MS,
      log: { level: ClickHouseLogLevel.OFF },
    };
    const options = { ...common, url, username: user, password };
    this.database = database;
    this.client = createClient({ ...options, database });
    this.outside = createClient(options);
  }

  /** Resolves when ClickHouse answers and knows us. */
  async ping(): Promise<void> {
    await mapped(this.outside.command({ query: 'SELECT 1' }));
  }

  async createDatabase(): Promise<void> {
    await mapped(this.outside.command({ query: `CREATE DATABASE IF NOT EXISTS ${this.database}` }));
  }

  async command(query: string, params: Params = {}): Promise<void> {
    await mapped(this.client.command({ query, query_params: params, clickhouse_settings: { wait_end_of_query: 1 } }));
  }

  /** All rows of a SELECT. 64-bit integers come as numbers: ours stay below 2^53. */
  async select<T>(query: string, params: Params = {}): Promise<T[]> {
    const settings = { output_format_json_quote_64bit_integers: 0 } as const;
    const select = { query, query_params: params, format: 'JSONEachRow', clickhouse_settings: settings } as const;
    return mapped(this.client.query(select).then((result) => result.json<T>()));
  }

  /** Inserts rows at most once for one `token`, whoever sends it and however often. */
  async insertBlock<T extends object>(table: string, rows: readonly T[], token: string): Promise<void> {
    const columns = Object.keys(rows[0] ?? {}) as [string, ...string[]];
    const settings = { ...BLOCK_SETTINGS, insert_deduplication_token: token };
    const insert = { table, columns, values: [...rows], format: 'JSONEachRow', clickhouse_settings: settings } as const;
    await this.client.insert(insert).catch((error: unknown) => {
      throw asInsertError(error);
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.client.close(), this.outside.close()]);
  }
}

async function mapped<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw asFlowMcpError(error);
  }
}
