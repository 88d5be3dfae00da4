// The schema, inserts and queries against the real engine, through @clickhouse/client.

import { createClient } from '@clickhouse/client';
import { startClickHouse, type ClickHouseFixture } from '@flow-mcp/testing/clickhouse';
import type { RecordedFact, StreamIdentity } from './block.js';
import { createClickHouse, type ClickHouse } from './clickhouse.js';
import { Connection } from './connection.js';
import { migrate, pendingMigrations, readMigrations } from './migrations.js';

const T0 = Date.UTC(2026, 10, 22, 12);
let server: ClickHouseFixture;
let clickhouse: ClickHouse;
let streams = 0;

beforeAll(async () => {
  server = await startClickHouse();
  clickhouse = createClickHouse(server.login);
  await clickhouse.migrate();
});
afterAll(async () => {
  await clickhouse.close();
  await server.stop();
});

/** A stream of its own for each test, so that tests do not see each other's rows. */
function newStream(stream: StreamIdentity['stream'] = 'LEDGER'): StreamIdentity {
  streams += 1;
  return { stream, createdAt: T0 + streams };
}

function callId(n: number): string {
  return `018f2f6e-0000-7000-8000-${String(n).padStart(12, '0')}`;
}

interface Given {
  readonly seq: number;
  readonly id?: string;
  readonly fact?: string;
  readonly payload?: object | Uint8Array;
  readonly at?: number;
  readonly flow?: string;
}

function fact({
  seq,
  id = callId(1),
  fact = 'requested',
  payload = {},
  at = T0 + seq,
  flow = 'pay',
}: Given): RecordedFact {
  const bytes = payload instanceof Uint8Array ? payload : new TextEncoder().encode(JSON.stringify(payload));
  return { subject: `flowmcp.v1.calls.${flow}.${id}.${fact}`, seq, storedAtMs: at, payload: bytes, headers: [] };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const insert = (stream: StreamIdentity, from: number, to: number) =>
  clickhouse.insertBlock({ stream, facts: range(from, to).map((seq) => fact({ seq })) });

async function rowsOf({ stream, createdAt }: StreamIdentity): Promise<number[]> {
  const where = `stream = '${stream}' AND toUnixTimestamp64Milli(stream_created) = ${createdAt}`;
  const rows = await server.query<{ seq: number }>(`SELECT seq FROM ledger WHERE ${where} ORDER BY seq`);
  return rows.map(({ seq }) => seq);
}

describe('the wire', () => {
  test('an unmodified client pings, inserts, binds, streams, compresses and reads errors', async () => {
    const { url, user, password } = server.login;
    const client = createClient({
      url,
      username: user,
      password,
      compression: { request: true, response: true },
      log: { level: 127 },
    });
    expect((await client.ping()).success).toBe(true);
    expect((await client.ping({ select: true })).success).toBe(true);
    await client.command({ query: 'CREATE TABLE wire (n UInt64, s String) ENGINE = MergeTree ORDER BY n' });
    const values = range(1, 5000).map((n) => ({ n, s: `row ${n} 'quoted' \\ ü` }));
    const { summary } = await client.insert({ table: 'wire', values, format: 'JSONEachRow' });
    expect(summary?.written_rows).toBe('5000');
    const hostile = `x' OR 1=1 -- \\ \t ü {y:String}`;
    const bound = await client.query({
      query:
        'SELECT {s:String} AS s, {list:Array(UInt8)} AS list, {n:Nullable(String)} AS n, {t:Identifier}.n AS first FROM wire ORDER BY n LIMIT 1',
      query_params: { s: hostile, list: [1, 2], n: null, t: 'wire' },
      format: 'JSONEachRow',
    });
    expect(await bound.json()).toEqual([{ s: hostile, list: [1, 2], n: null, first: 1 }]);
    let streamed = 0;
    const all = await client.query({ query: 'SELECT * FROM wire', format: 'JSONEachRow' });
    for await (const rows of all.stream()) streamed += rows.length;
    expect(streamed).toBe(5000);
    const json = await client.query({ query: 'SELECT count() AS c FROM wire', format: 'JSON' });
    expect((await json.json<{ c: number }>()).data).toEqual([{ c: 5000 }]);
    await expect(client.query({ query: 'SELECT * FROM nowhere' })).rejects.toMatchObject({
      code: '60',
      type: 'UNKNOWN_TABLE',
    });
    const long = await client.query({
      query: 'SELECT length({s:String}) AS l',
      query_params: { s: 'x'.repeat(100_000) },
      use_multipart_params: true,
      format: 'JSONEachRow',
    });
    expect(await long.json()).toEqual([{ l: 100000 }]);
    await client.close();
  });

  test('an error among streamed rows reaches the client as ClickHouse meant it', async () => {
    const { url, user, password } = server.login;
    const client = createClient({ url, username: user, password, log: { level: 127 } });
    const result = await client.query({
      query: 'SELECT throwIf(number = 100000) AS t FROM numbers(200000) SETTINGS max_block_size = 1000',
      format: 'JSONEachRow',
    });
    const read = async () => {
      for await (const rows of result.stream()) expect(rows.length).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toMatchObject({ code: '395' });
    await client.close();
  });

  test('who is not known, and what is not there, are told apart', async () => {
    const stranger = createClickHouse({ ...server.login, password: 'wrong' });
    await expect(stranger.ping()).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    const nowhere = createClickHouse({ ...server.login, url: 'http://127.0.0.1:1' });
    await expect(nowhere.ping()).rejects.toMatchObject({ code: 'ERR_DATABASE_UNAVAILABLE' });
    await Promise.all([stranger.close(), nowhere.close()]);
  });
});

describe('migrations', () => {
  const inDatabase = (database: string) => new Connection({ ...server.login, database });

  test('are applied once, and recorded', async () => {
    const connection = inDatabase('migrated');
    const names = readMigrations().map(({ name }) => name);
    expect(await pendingMigrations(connection)).toEqual(names);
    expect(await migrate(connection)).toEqual(names);
    expect(await migrate(connection)).toEqual([]);
    expect(await pendingMigrations(connection)).toEqual([]);
    const recorded = await connection.select<{ name: string }>('SELECT name FROM schema_migrations ORDER BY version');
    expect(recorded.map(({ name }) => name)).toEqual(names);
    await connection.close();
  });

  test('M1: a file that changed after it was applied is refused, a newer schema is not', async () => {
    const connection = inDatabase('drifted');
    await migrate(connection);
    const changed = readMigrations().map((migration) => ({ ...migration, sha256: 'other' }));
    await expect(migrate(connection, { migrations: changed })).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    expect(await migrate(connection, { migrations: [] })).toEqual([]);
    await connection.close();
  });

  test('M2: several at once leave one schema, and whoever comes second is told to wait', async () => {
    const connections = range(1, 4).map(() => inDatabase('contended'));
    const results = await Promise.allSettled(connections.map((connection) => migrate(connection)));
    const applied = results.filter((result) => result.status === 'fulfilled' && result.value.length > 0);
    expect(applied).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ERR_CONFLICT' });
    }
    await Promise.all(connections.map((connection) => connection.close()));
  });

  test('M2: a lock is respected while it is young and taken over when its holder died', async () => {
    const connection = inDatabase('locked');
    await connection.createDatabase();
    await connection.command('CREATE TABLE migration_lock (holder String) ENGINE = Null');
    await expect(migrate(connection)).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
    expect(await migrate(connection, { lockStaleMs: -1 })).not.toEqual([]);
    await connection.close();
  });

  test('M3: one that broke off goes on where it was', async () => {
    const connection = inDatabase('broken_off');
    const [first] = readMigrations();
    if (first === undefined) throw new Error('no migrations');
    const broken = { ...first, statements: [...first.statements, 'SELECT nonsense'] };
    await expect(migrate(connection, { migrations: [broken] })).rejects.toMatchObject({
      code: 'ERR_DATABASE_UNAVAILABLE',
    });
    expect(await migrate(connection)).toEqual(readMigrations().map(({ name }) => name));
    await connection.close();
  });
});

describe('blocks', () => {
  test('a block sent several times, at once and in between others, is there once, in calls too', async () => {
    const stream = newStream();
    const id = callId(100);
    const block = {
      stream,
      facts: [fact({ seq: 1, id }), fact({ seq: 2, id, fact: 'settled', payload: { outcome: 'busy' } })],
    };
    await Promise.all([clickhouse.insertBlock(block), clickhouse.insertBlock(block)]);
    await insert(stream, 3, 4);
    await clickhouse.insertBlock(block);
    expect(await rowsOf(stream)).toEqual([1, 2, 3, 4]);
    const stored = await server.query(
      `SELECT count() AS rows FROM call_states WHERE call_id = '${id}' AND has(seqs, 1)`,
    );
    expect(stored).toEqual([{ rows: 1 }]);
  });

  test('other bytes under the same sequence are not taken for the same block', async () => {
    const stream = newStream();
    await clickhouse.insertBlock({ stream, facts: [fact({ seq: 1, payload: { a: 1 } })] });
    await clickhouse.insertBlock({ stream, facts: [fact({ seq: 1, payload: { a: 2 } })] });
    expect(await rowsOf(stream)).toEqual([1, 1]);
  });

  test('a block that is in ledger but not yet in calls is completed by sending it again', async () => {
    const stream = newStream();
    const id = callId(101);
    const block = { stream, facts: [fact({ seq: 1, id, payload: { tool: 'late' } })] };
    const view = (
      await server.query<{ q: string }>(
        `SELECT create_table_query AS q FROM system.tables WHERE name = 'to_call_states' AND database = currentDatabase()`,
      )
    )[0]?.q;
    await server.query('DROP VIEW to_call_states');
    await clickhouse.insertBlock(block);
    await server.query(view ?? '');
    expect(await clickhouse.calls({ callId: id })).toEqual([]);
    expect(await clickhouse.hasBlock(block)).toBe(false);
    await clickhouse.insertBlock(block);
    expect(await clickhouse.hasBlock(block)).toBe(true);
    expect(await clickhouse.calls({ callId: id })).toMatchObject([{ tool: 'late', facts: 1 }]);
    expect(await rowsOf(stream)).toEqual([1]);
  });

  test('payloads of any bytes come back byte for byte', async () => {
    const stream = newStream();
    const payloads = [
      new Uint8Array(),
      Uint8Array.from(range(0, 255)),
      Buffer.from('[1,'),
      Buffer.from('{"x":"ü\\ud800"}'),
    ];
    await clickhouse.insertBlock({
      stream,
      facts: payloads.map((payload, i) => fact({ seq: i + 1, id: callId(102), payload })),
    });
    const rows = await server.query<{
      hex: string;
      same: number;
    }>(`SELECT hex(payload) AS hex, payload_sha256 = lower(hex(SHA256(payload))) AS same
      FROM ledger WHERE toUnixTimestamp64Milli(stream_created) = ${stream.createdAt} ORDER BY seq`);
    expect(rows.map(({ hex }) => hex.toLowerCase())).toEqual(
      payloads.map((payload) => Buffer.from(payload).toString('hex')),
    );
    expect(rows.every(({ same }) => same === 1)).toBe(true);
  });

  test('the largest block that is cut goes in, as one', async () => {
    const stream = newStream();
    const payload = { x: 'y'.repeat(900_000) };
    await clickhouse.insertBlock({ stream, facts: range(1, 9).map((seq) => fact({ seq, id: callId(103), payload })) });
    expect(await rowsOf(stream)).toEqual(range(1, 9));
  });
});

describe('the position', () => {
  test('is the end of what lies there without a gap, never the highest sequence', async () => {
    const stream = newStream();
    expect(await clickhouse.position(stream, 1)).toEqual({ lastSeq: 0, resumeSeq: 1 });
    await insert(stream, 1, 3);
    await insert(stream, 4, 6);
    expect(await clickhouse.position(stream, 1)).toEqual({ lastSeq: 6, resumeSeq: 4 });
    await insert(stream, 9, 12);
    expect(await clickhouse.position(stream, 1)).toEqual({ lastSeq: 6, resumeSeq: 4 });
    await insert(stream, 7, 8);
    expect(await clickhouse.position(stream, 1)).toEqual({ lastSeq: 12, resumeSeq: 9 });
  });

  test('begins where the stream does, whatever was trimmed', async () => {
    const stream = newStream();
    await insert(stream, 5, 9);
    expect(await clickhouse.position(stream, 1)).toEqual({ lastSeq: 0, resumeSeq: 1 });
    expect(await clickhouse.position(stream, 5)).toEqual({ lastSeq: 9, resumeSeq: 5 });
    expect(await clickhouse.position(stream, 7)).toEqual({ lastSeq: 9, resumeSeq: 10 });
    expect(await clickhouse.position(stream, 10)).toEqual({ lastSeq: 9, resumeSeq: 10 });
  });

  test('is of one stream, told from another of the same name that was made anew', async () => {
    const [before, after] = [newStream(), newStream()];
    await insert(before, 1, 5);
    expect(await clickhouse.position(after, 1)).toEqual({ lastSeq: 0, resumeSeq: 1 });
    expect(await clickhouse.position({ ...before, stream: 'REGISTRY' }, 1)).toEqual({ lastSeq: 0, resumeSeq: 1 });
  });

  test('knows a block that somebody else inserted', async () => {
    const stream = newStream();
    const block = { stream, facts: range(1, 3).map((seq) => fact({ seq })) };
    expect(await clickhouse.hasBlock(block)).toBe(false);
    await clickhouse.insertBlock(block);
    expect(await clickhouse.hasBlock(block)).toBe(true);
    expect(await clickhouse.hasBlock({ stream, facts: range(3, 4).map((seq) => fact({ seq })) })).toBe(false);
  });
});
