// Brings the schema to what this version of the code needs: the files of `schema/`, in order, each once.
//
//   M1. Forward only, and only additions, so that a program also works with a newer schema. What was applied is
//       recorded with the SHA-256 of its file; a file that changed afterwards is an error, since nobody could say what
//       the tables look like.
//   M2. One at a time: whoever creates the table `migration_lock` may go on. ClickHouse has no locks, but creating a
//       table fails for the second. A lock of somebody who died is taken over after `LOCK_STALE_MS`.
//   M3. Every statement may be repeated (IF NOT EXISTS), so that a migration that broke off goes on where it was.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { FlowMcpError, RetryableError, describeError } from '@flow-mcp/kernel';
import type { Connection } from './connection.js';
import { isUnknownTable } from './errors.js';

const SCHEMA = new URL('../schema/', import.meta.url);
const LOCK_STALE_MS = 60_000;

/** One file of `schema/`. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sha256: string;
  readonly statements: readonly string[];
}

/** For tests. */
export interface MigrateOptions {
  readonly migrations?: readonly Migration[];
  readonly lockStaleMs?: number;
}

/**
 * Applies what is missing and returns the names of it.
 * @throws RetryableError `ERR_CONFLICT` while somebody else migrates; FlowMcpError `ERR_CONFIG_INVALID` when an applied
 *   file changed.
 */
export async function migrate(
  connection: Connection,
  { migrations = readMigrations(), lockStaleMs = LOCK_STALE_MS }: MigrateOptions = {},
): Promise<string[]> {
  if ((await missing(connection, migrations)).length === 0) return [];
  await connection.createDatabase();
  await connection.command(`CREATE TABLE IF NOT EXISTS schema_migrations
    (version UInt32, name String, sha256 String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
    ENGINE = MergeTree ORDER BY version SETTINGS non_replicated_deduplication_window = 1000`);
  await lock(connection, lockStaleMs);
  try {
    const todo = await missing(connection, migrations);
    for (const migration of todo) await apply(connection, migration);
    return todo.map(({ name }) => name);
  } finally {
    await unlock(connection);
  }
}

/** Names of what `migrate` would apply; it needs no right but SELECT. @throws FlowMcpError `ERR_CONFIG_INVALID` */
export async function pendingMigrations(connection: Connection): Promise<string[]> {
  return (await missing(connection, readMigrations())).map(({ name }) => name);
}

/** The files of `schema/`, oldest first; a statement ends in `;` at the end of a line. */
export function readMigrations(): Migration[] {
  const files = readdirSync(SCHEMA).filter((file) => /^\d{4}_\w+\.sql$/.test(file));
  return files.sort().map((name) => {
    const text = readFileSync(new URL(name, SCHEMA), 'utf8');
    const statements = text.split(/;[ \t]*\n/).filter((statement) => statement.trim() !== '');
    const sha256 = createHash('sha256').update(text).digest('hex');
    return { version: Number(name.slice(0, 4)), name, sha256, statements };
  });
}

/** Invariant M1. */
async function missing(connection: Connection, migrations: readonly Migration[]): Promise<Migration[]> {
  const applied = new Map((await readApplied(connection)).map(({ version, sha256 }) => [version, sha256]));
  for (const { version, name, sha256 } of migrations) {
    if (applied.has(version) && applied.get(version) !== sha256) {
      const message = `${name} changed after ClickHouse had it; put it back and add a new file.`;
      throw new FlowMcpError('ERR_CONFIG_INVALID', message);
    }
  }
  return migrations.filter(({ version }) => !applied.has(version));
}

async function readApplied(connection: Connection): Promise<{ version: number; sha256: string }[]> {
  try {
    return await connection.select('SELECT version, any(sha256) AS sha256 FROM schema_migrations GROUP BY version');
  } catch (error) {
    if (error instanceof RetryableError && isUnknownTable(error)) return [];
    throw error;
  }
}

async function apply(connection: Connection, { version, name, sha256, statements }: Migration): Promise<void> {
  for (const statement of statements) await connection.command(statement);
  await connection.insertBlock('schema_migrations', [{ version, name, sha256 }], `${version}:${sha256}`);
}

/** Invariant M2. */
async function lock(connection: Connection, staleMs: number): Promise<void> {
  if (await createLock(connection)) return;
  const ageMs = await lockAgeMs(connection);
  if (ageMs !== undefined && ageMs > staleMs) await unlock(connection);
  else if (ageMs !== undefined) locked();
  if (!(await createLock(connection))) locked();
}

async function createLock(connection: Connection): Promise<boolean> {
  try {
    await connection.command('CREATE TABLE migration_lock (holder String) ENGINE = Null');
    return true;
  } catch (error) {
    if (describeError(error).includes('already exists')) return false;
    throw error;
  }
}

async function unlock(connection: Connection): Promise<void> {
  await connection.command('DROP TABLE IF EXISTS migration_lock');
}

async function lockAgeMs(connection: Connection): Promise<number | undefined> {
  const [found] = await connection.select<{ ageMs: number }>(
    `SELECT dateDiff('millisecond', metadata_modification_time, now64(3)) AS ageMs FROM system.tables
     WHERE database = {database:String} AND name = 'migration_lock'`,
    { database: connection.database },
  );
  return found?.ageMs;
}

function locked(): never {
  const message = 'Somebody else is changing the schema of ClickHouse; wait a minute and try again.';
  throw new RetryableError('ERR_CONFLICT', message, { retryAfterMs: LOCK_STALE_MS });
}
