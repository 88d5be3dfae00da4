// The process as `npm start` runs it. Needs `dist`, which the test target builds first.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
let folder: string;
const children: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickhouse-embedded-'));
  writeFileSync(join(folder, 'password'), 'secret\n');
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function run(data: string, extra: Record<string, string> = {}): ChildProcess {
  const env = {
    PATH: process.env['PATH'],
    FLOWMCP_CLICKHOUSE_DATA_DIR: join(folder, data),
    FLOWMCP_CLICKHOUSE_PORT: '0',
    FLOWMCP_CLICKHOUSE_PASSWORD_FILE: join(folder, 'password'),
    FLOWMCP_CLICKHOUSE_READER_PASSWORD_FILE: join(folder, 'password'),
    ...extra,
  };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

async function ready(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface(child.stdout)) return (JSON.parse(line) as { port: number }).port;
  throw new Error('ended before it was ready');
}

async function failure(child: ChildProcess): Promise<string> {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(1);
  return text;
}

async function ask(port: number, query: string, body = ''): Promise<string> {
  const search = new URLSearchParams({ query, user: 'flowmcp', password: 'secret' }).toString();
  const response = await fetch(`http://127.0.0.1:${port}/?${search}`, { method: 'POST', body });
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}

test('says when it is ready, and SIGTERM lets what runs finish', async () => {
  const child = run('a');
  const port = await ready(child);
  const running = ask(port, 'SELECT sleep(0.5)');
  await ask(port, 'SELECT 1');
  child.kill('SIGTERM');
  const [code] = (await once(child, 'close')) as [number];
  expect(await running).toBe('0\n');
  expect(code).toBe(0);
});

test('a second process on the same folder is refused, and says why', async () => {
  const first = run('b');
  await ready(first);
  expect(await failure(run('b'))).toMatch(/already|lock/i);
});

test.each([
  [{ FLOWMCP_CLICKHOUSE_PORT: 'http' }, 'FLOWMCP_CLICKHOUSE_PORT'],
  [{ FLOWMCP_CLICKHOUSE_DATADIR: '/tmp' }, 'FLOWMCP_CLICKHOUSE_DATADIR'],
  [{ FLOWMCP_CLICKHOUSE_PASSWORD_FILE: '/nowhere/password' }, '/nowhere/password'],
])('a start with %j is refused and names what is wrong', async (extra, named) => {
  expect(await failure(run('c', extra))).toContain(named);
});

test('rows that were acknowledged survive kill -9, whole blocks only', async () => {
  let child = run('d');
  let port = await ready(child);
  await ask(port, 'CREATE TABLE t (block UInt32, n UInt32) ENGINE = MergeTree ORDER BY (block, n)');
  let acknowledged = 0;
  for (let round = 0; round < 3; round++) {
    const dying = setTimeout(() => child.kill('SIGKILL'), 150);
    try {
      for (;;) {
        await ask(port, 'INSERT INTO t FORMAT JSONEachRow', rows(acknowledged));
        acknowledged += 1;
      }
    } catch {
      clearTimeout(dying);
    }
    child = run('d');
    port = await ready(child);
    const [blocks = 0, partial = 0] = (
      await ask(
        port,
        'SELECT count(), countIf(rows % 500 != 0) FROM (SELECT block, count() rows FROM t GROUP BY block)',
      )
    )
      .split('\t')
      .map(Number);
    expect(partial).toBe(0);
    expect(blocks).toBeGreaterThanOrEqual(acknowledged);
    acknowledged = blocks;
  }
  expect(acknowledged).toBeGreaterThan(0);
});

function rows(block: number): string {
  return Array.from({ length: 500 }, (_, n) => JSON.stringify({ block, n })).join('\n');
}
