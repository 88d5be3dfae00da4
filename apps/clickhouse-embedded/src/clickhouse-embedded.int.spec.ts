import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { startServer, type ClickHouseServer } from './http-server.js';

const passwords = { flowmcp: 'writer-secret', reader: 'reader-secret' };
let folder: string;
let server: ClickHouseServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clickhouse-embedded-'));
  server = await startServer({ dataDir: folder, port: 0, passwords });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Options {
  readonly user?: 'flowmcp' | 'reader';
  readonly url?: Record<string, string>;
  readonly body?: string | Buffer | FormData;
  readonly headers?: Record<string, string>;
  readonly method?: string;
}

/** As curl would: the statement in the URL or, without one, in the body. */
function send(sql: string, { user = 'flowmcp', url = {}, body, headers = {}, method = 'POST' }: Options = {}) {
  const search = new URLSearchParams({
    ...url,
    ...(sql === '' || (body === undefined && method === 'POST') ? {} : { query: sql }),
  });
  return fetch(`http://127.0.0.1:${server.port}/?${search.toString()}`, {
    method,
    headers: { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': passwords[user], ...headers },
    ...(method === 'POST' ? { body: body ?? sql } : {}),
  });
}

async function ask(sql: string, options: Options = {}): Promise<string> {
  const response = await send(sql, options);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return text.trimEnd();
}

async function table(name: string, columns = 'a UInt64'): Promise<void> {
  await ask(`CREATE TABLE ${name} (${columns}) ENGINE = MergeTree ORDER BY tuple()
    SETTINGS non_replicated_deduplication_window = 100`);
}

describe('the interface', () => {
  test('answers a ping without a password', async () => {
    expect(await (await fetch(`http://127.0.0.1:${server.port}/ping`)).text()).toBe('Ok.\n');
  });

  test.each([
    ['a wrong password', { 'X-ClickHouse-User': 'flowmcp', 'X-ClickHouse-Key': 'wrong' }],
    ['nobody', {}],
    ['an unknown user', { 'X-ClickHouse-User': 'root', 'X-ClickHouse-Key': 'writer-secret' }],
  ])('refuses %s', async (_, headers) => {
    const response = await fetch(`http://127.0.0.1:${server.port}/?query=SELECT+1`, { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('x-clickhouse-exception-code')).toBe('516');
    expect(await response.text()).toContain('(AUTHENTICATION_FAILED)');
  });

  test('takes Basic credentials, as curl -u sends them', async () => {
    const authorization = `Basic ${Buffer.from('flowmcp:writer-secret').toString('base64')}`;
    const response = await fetch(`http://127.0.0.1:${server.port}/?query=SELECT+1`, { headers: { authorization } });
    expect(await response.text()).toBe('1\n');
  });

  test('takes a statement from the URL, from the body, and from both', async () => {
    expect(await ask('SELECT 1', { method: 'GET' })).toBe('1');
    expect(await ask('SELECT 2')).toBe('2');
    expect(await ask('SELECT 1 +', { body: '2' })).toBe('3');
  });

  test('a GET changes nothing', async () => {
    await expect(ask('CREATE TABLE by_get (a UInt8) ENGINE = Memory', { method: 'GET' })).rejects.toThrow('READONLY');
  });

  test.each([
    ['SELEC 1', 400, '62', 'SYNTAX_ERROR'],
    ['SELECT * FROM nowhere', 404, '60', 'UNKNOWN_TABLE'],
    ['SELECT throwIf(1)', 500, '395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
    ['', 400, '62', 'SYNTAX_ERROR'],
  ])('tells what is wrong with %j as ClickHouse does', async (sql, status, code, type) => {
    const response = await send(sql);
    expect(response.status).toBe(status);
    expect(response.headers.get('x-clickhouse-exception-code')).toBe(code);
    expect(await response.text()).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: .*\\(${type}\\)\\n$`, 's'));
  });

  test('says what it does not do', async () => {
    await expect(ask('SELECT 1', { url: { session_id: 's' } })).rejects.toThrow('NOT_IMPLEMENTED');
    await expect(ask('SELECT 1', { headers: { 'content-encoding': 'zstd' } })).rejects.toThrow('NOT_IMPLEMENTED');
  });

  test('binds parameters of any shape, hostile ones included', async () => {
    const url = { param_s: String.raw`a\'b\\c\td`, param_n: '\\N', param_list: `['x','it\\'s']`, param_t: 'numbers' };
    const sql = `SELECT {s:String} AS s, {n:Nullable(UInt8)} AS n, {list:Array(String)} AS list FORMAT JSONEachRow`;
    expect(JSON.parse(await ask(sql, { url }))).toEqual({ s: "a'b\\c\td", n: null, list: ['x', "it's"] });
    const form = new FormData();
    form.set('query', 'SELECT length({long:String})');
    form.set('param_long', 'x'.repeat(300_000));
    expect(await ask('', { body: form })).toBe('300000');
  });

  test('takes and gives gzip', async () => {
    await table('zipped');
    await ask('INSERT INTO zipped FORMAT JSONEachRow', {
      body: gzipSync('{"a":7}\n'),
      headers: { 'content-encoding': 'gzip' },
    });
    const response = await send('SELECT a FROM zipped', { url: { enable_http_compression: '1' } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(await response.text()).toBe('7\n');
    await expect(
      ask('INSERT INTO zipped FORMAT JSONEachRow', { body: 'not gzip', headers: { 'content-encoding': 'gzip' } }),
    ).rejects.toThrow();
  });

  test.each([
    ['JSONEachRow', '{"a":1,"s":"x; outfile"}\n{"a":2,"s":"y"}\n'],
    ['CSV', '1,"x; outfile"\n2,y\n'],
    ['TabSeparated', '1\tx; outfile\n2\ty\n'],
    ['Values', "(1,'x; outfile'),(2,'y')"],
    ['RowBinary', Buffer.from('0100000000000000' + '0a' + '783b206f757466696c65' + '0200000000000000' + '0179', 'hex')],
  ])('inserts %s', async (format, body) => {
    await table(`as_${format}`, 'a UInt64, s String');
    const response = await send(`INSERT INTO as_${format} (a, s) FORMAT ${format}`, { body });
    expect(JSON.parse(response.headers.get('x-clickhouse-summary') ?? '{}')).toMatchObject({ written_rows: '2' });
    expect(await ask(`SELECT * FROM as_${format} ORDER BY a FORMAT CSV`)).toBe('1,"x; outfile"\n2,"y"');
  });

  test('inserts rows that stand in the statement, and rows behind VALUES', async () => {
    await table('inline');
    await ask('INSERT INTO inline VALUES (1),(2)');
    await ask('INSERT INTO inline VALUES', { body: '(3)' });
    await ask('INSERT INTO inline SETTINGS max_threads = 1 FORMAT CSV', { body: '4\n' });
    expect(await ask('SELECT sum(a) FROM inline')).toBe('10');
  });

  test('a row that cannot be read refuses the whole insert', async () => {
    await table('strict');
    await expect(ask('INSERT INTO strict FORMAT JSONEachRow', { body: '{"a":1}\n{"a":"x"}\n' })).rejects.toThrow('400');
    expect(await ask('SELECT count() FROM strict')).toBe('0');
  });

  test('streams rows while they are made', async () => {
    const sql = 'SELECT number, sleepEachRow(0.2) FROM numbers(4) SETTINGS max_block_size = 1 FORMAT JSONEachRow';
    const started = performance.now();
    const response = await send(sql);
    const reader = response.body?.getReader();
    await reader?.read();
    expect(performance.now() - started).toBeLessThan(700);
    await reader?.cancel();
  });

  test('an error among the rows is told at their end, and the answer is cut off', async () => {
    const sql =
      'SELECT throwIf(number = 100000) FROM numbers(200000) SETTINGS max_block_size = 1000 FORMAT JSONEachRow';
    const response = await send(sql);
    expect(response.status).toBe(200);
    let received = '';
    const read = async () => {
      for await (const chunk of response.body ?? []) received += Buffer.from(chunk as Uint8Array).toString();
    };
    await expect(read()).rejects.toThrow();
    const tag = response.headers.get('x-clickhouse-exception-tag') ?? '';
    expect(received).toMatch(
      new RegExp(`\\r\\n__exception__\\r\\n${tag}\\r\\nCode: 395\\..*__exception__\\r\\n$`, 's'),
    );
  });
});

describe('settings belong to one request', () => {
  test('a deduplication token does not drop the next insert', async () => {
    await table('tokens');
    const insert = (url: Record<string, string>) =>
      ask('INSERT INTO tokens FORMAT JSONEachRow', { url, body: '{"a":1}' });
    await insert({ insert_deduplication_token: 't1' });
    await insert({ insert_deduplication_token: 't1' });
    expect(await ask('SELECT count() FROM tokens')).toBe('1');
    for (let i = 0; i < 4; i++) await ask('INSERT INTO tokens FORMAT JSONEachRow', { body: `{"a":${i + 2}}` });
    expect(await ask('SELECT count() FROM tokens')).toBe('5');
  });

  test('a setting, a parameter, a database and readonly are gone afterwards', async () => {
    await ask('CREATE DATABASE other');
    const url = { max_block_size: '7', param_p: 'x', database: 'other', readonly: '1' };
    expect(await ask(`SELECT getSetting('max_block_size'), {p:String}, currentDatabase()`, { url })).toBe(
      '7\tx\tother',
    );
    for (let i = 0; i < 4; i++) {
      expect(await ask(`SELECT getSetting('max_block_size') = 7, currentDatabase()`)).toBe('0\tdefault');
      await expect(ask('SELECT {p:String}')).rejects.toThrow('UNKNOWN_QUERY_PARAMETER');
    }
    await table('after_readonly');
  });

  test('a SET in one request does not reach another', async () => {
    await ask('SET max_block_size = 9');
    for (let i = 0; i < 4; i++) expect(await ask(`SELECT getSetting('max_block_size') = 9`)).toBe('0');
  });

  test('a materialized view counts a repeated block once', async () => {
    await table('source');
    await ask(`CREATE TABLE total (n UInt64) ENGINE = SummingMergeTree ORDER BY tuple()
      SETTINGS non_replicated_deduplication_window = 100`);
    await ask('CREATE MATERIALIZED VIEW to_total TO total AS SELECT count() AS n FROM source');
    const url = { insert_deduplication_token: 'b1', deduplicate_blocks_in_dependent_materialized_views: '1' };
    for (let i = 0; i < 3; i++) await ask('INSERT INTO source FORMAT JSONEachRow', { url, body: '{"a":1}\n{"a":2}\n' });
    expect(await ask('SELECT sum(n) FROM total')).toBe('2');
  });
});

describe('at once', () => {
  test('queries run side by side', async () => {
    const started = performance.now();
    await Promise.all([1, 2, 3].map(() => ask('SELECT sleep(0.4)')));
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test('parameters of queries that run side by side do not mix', async () => {
    const values = Array.from({ length: 60 }, (_, i) => `value-${i}`);
    const answers = values.map((v) => ask('SELECT {v:String} FROM numbers(2)', { url: { param_v: v } }));
    expect(await Promise.all(answers)).toEqual(values.map((v) => `${v}\n${v}`));
  });

  test('slow readers leave room for the writer', async () => {
    const slow = Promise.all([1, 2, 3, 4].map(() => ask('SELECT sleep(0.5)', { user: 'reader' })));
    const started = performance.now();
    await ask('SELECT 1');
    expect(performance.now() - started).toBeLessThan(400);
    await slow;
  });

  test('a query that takes too long or too much is stopped, and the next one works', async () => {
    const endless = 'SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)';
    await expect(ask(endless, { url: { max_execution_time: '1' } })).rejects.toThrow('TIMEOUT_EXCEEDED');
    const huge = 'SELECT groupArray(number) FROM numbers(1000000000)';
    await expect(ask(huge, { url: { max_memory_usage: '50000000' } })).rejects.toThrow('MEMORY_LIMIT_EXCEEDED');
    expect(await ask('SELECT 1')).toBe('1');
  });
});

describe('the reader', () => {
  const outfile = () => join(folder, 'stolen');

  test('may SELECT, with parameters and a format', async () => {
    await table('seen');
    await ask('INSERT INTO seen VALUES (5)');
    const sql = 'WITH {a:UInt64} AS wanted SELECT a FROM seen WHERE a = wanted ORDER BY a;';
    expect(await ask(sql, { user: 'reader', url: { param_a: '5', default_format: 'JSONEachRow' } })).toBe('{"a":5}');
    expect(await ask('(SELECT 1) UNION ALL (SELECT 1)', { user: 'reader' })).toBe('1\n1');
    expect(await ask(`SELECT {t:String}`, { user: 'reader', url: { param_t: 'a;b OUTFILE' } })).toBe('a;b OUTFILE');
  });

  test.each([
    'INSERT INTO seen VALUES (6)',
    'CREATE TABLE mine (a UInt8) ENGINE = Memory',
    'CREATE TEMPORARY TABLE mine (a UInt8)',
    'DROP TABLE seen',
    'ALTER TABLE seen DELETE WHERE 1',
    'TRUNCATE TABLE seen',
    'SYSTEM FLUSH LOGS',
    'KILL QUERY WHERE 1',
    'SET readonly = 0',
    'USE system',
    'SHOW TABLES',
    'EXPLAIN SELECT 1',
    'SELECT 1; DROP TABLE seen',
    "SELECT 1); SELECT file('/etc/hostname'); (SELECT 1",
    'SELECT 1 SETTINGS readonly = 0',
    'SELECT 1 SETTINGS max_execution_time = 0',
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SELECT file('/etc/hostname')",
    `SELECT "fi\\x6ce"('/etc/hostname')`,
    "SELECT `file`('/etc/hostname')",
    "SELECT arrayMap(file, ['/etc/hostname'])",
    "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
    "SELECT * APPLY file FROM (SELECT '/etc/hostname')",
    `SELECT * APPLY(\`fi\\x6ce\`) FROM (SELECT '/etc/hostname')`,
    "SELECT * FROM view(SELECT file('/etc/hostname'))",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', NOSIGN, 'CSV', 'a Int8')",
    "SELECT * FROM remote('127.0.0.1', 'system.one')",
    "SELECT * FROM executable('id', 'LineAsString', 'x String')",
    "SELECT * FROM sqlite('/tmp/x', 't')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "DESCRIBE file('/etc/hostname', 'LineAsString')",
    "DESCRIBE s3('http://127.0.0.1:1/b/k', NOSIGN, 'CSV')",
    'SELECT * FROM `/etc/hostname`',
  ])('may not: %s', async (sql) => {
    await expect(ask(sql, { user: 'reader' })).rejects.toThrow(/^(403|400|404) Code: (164|62|344|46|60)\./);
    expect(await ask('SELECT a FROM seen')).toBe('5');
  });

  test.each(['INTO OUTFILE', 'into/**/outfile', 'INTO\nOUTFILE'])('may not write a file: %j', async (into) => {
    for (const sql of [`SELECT 1 ${into} '${outfile()}'`, `SELECT 1 ${into} '${outfile()}' TRUNCATE FORMAT CSV`])
      await expect(ask(sql, { user: 'reader' })).rejects.toThrow('403 Code: 164.');
    expect(existsSync(outfile())).toBe(false);
  });

  test('may not insert a body', async () => {
    await expect(ask('INSERT INTO seen FORMAT CSV', { user: 'reader', body: '6\n' })).rejects.toThrow('Code: 164.');
  });

  test('may shape output and lower limits, nothing else', async () => {
    const asked = (url: Record<string, string>) =>
      ask(`SELECT getSetting('max_execution_time'), getSetting('max_threads')`, { user: 'reader', url });
    expect(await asked({ max_execution_time: '5', output_format_json_quote_64bit_integers: '1' })).toMatch(/^5\t/);
    expect(await asked({ max_execution_time: '0' })).toMatch(/^30\t/);
    expect(await asked({ max_execution_time: '900', readonly: '0' })).toMatch(/^30\t/);
    for (const name of ['allow_experimental_eval_table_function', 'output_format_schema', 'format_schema', 'dialect'])
      await expect(asked({ [name]: '1' })).rejects.toThrow('Code: 164.');
  });
});

test('keeps its data, and leaves nothing of what passed through', async () => {
  await table('kept');
  await ask('INSERT INTO kept FORMAT CSV', { body: '42\n' });
  expect(readdirSync(join(folder, 'incoming'))).toEqual([]);
  await server.close();
  server = await startServer({ dataDir: folder, port: 0, passwords });
  expect(await ask('SELECT a FROM kept')).toBe('42');
});
