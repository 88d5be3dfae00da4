// The embedded ClickHouse for one test: ephemeral port, temporary folder, passwords of its own.

import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './stack/ports.js';
import { startChild } from './upstreams/child-process.js';

/** A running ClickHouse. */
export interface ClickHouseFixture {
  /** For the user who may do everything; spread into `createClickHouse`. */
  readonly login: ClickHouseLogin;
  /** For the user who may only SELECT. */
  readonly readerLogin: ClickHouseLogin;
  /** Runs a statement as the writer and returns its rows. */
  query<T = Record<string, unknown>>(sql: string): Promise<T[]>;
  /** kill -9. The data stays for `restart`. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, ending it first if it runs. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Where it is, and who we are there. */
export interface ClickHouseLogin {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly passwordFile: string;
  readonly database: string;
}

// Resolved by place, not by package: a library does not depend on an application. The test target builds it first.
const MAIN = fileURLToPath(new URL('../../../apps/clickhouse-embedded/dist/main.js', import.meta.url));

/**
 * Starts it.
 * @param options.directory where its data lies, kept for the next start; a temporary folder, removed by `stop`, unless told
 * @throws Error with the end of its output when it does not start
 */
export async function startClickHouse(options: { readonly directory?: string } = {}): Promise<ClickHouseFixture> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'flow-mcp-clickhouse-')));
  await mkdir(directory, { recursive: true });
  const passwordFile = await writePassword(join(directory, 'password'));
  const readerFile = await writePassword(join(directory, 'reader-password'));
  const start = (port: number) =>
    startChild(
      {
        command: process.execPath,
        args: [MAIN],
        env: {
          FLOWMCP_CLICKHOUSE_DATA_DIR: join(directory, 'data'),
          FLOWMCP_CLICKHOUSE_PORT: String(port),
          FLOWMCP_CLICKHOUSE_PASSWORD_FILE: passwordFile.path,
          FLOWMCP_CLICKHOUSE_READER_PASSWORD_FILE: readerFile.path,
        },
      },
      readyPort,
    );

  let child = await start(await freePort());
  const port = child.ready;
  const url = `http://127.0.0.1:${port}`;
  const login = {
    url,
    user: 'flowmcp',
    password: passwordFile.text,
    passwordFile: passwordFile.path,
    database: 'flowmcp',
  };
  return {
    login,
    readerLogin: { ...login, user: 'reader', password: readerFile.text, passwordFile: readerFile.path },
    query: (sql) => query(login, sql),
    kill: () => child.kill(),
    restart: async () => {
      await child.kill();
      child = await start(port);
    },
    stop: async () => {
      await child.stop();
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

async function query<T>({ url, user, password, database }: ClickHouseLogin, sql: string): Promise<T[]> {
  const search = 'default_format=JSONEachRow&output_format_json_quote_64bit_integers=0';
  const headers = { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password, 'X-ClickHouse-Database': database };
  const response = await fetch(`${url}/?${search}`, { method: 'POST', headers, body: sql });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

async function writePassword(path: string): Promise<{ path: string; text: string }> {
  const text = randomUUID();
  await writeFile(path, text, { mode: 0o600 });
  return { path, text };
}

function readyPort(line: string): number | undefined {
  return line.startsWith('{"ready":true') ? (JSON.parse(line) as { port: number }).port : undefined;
}
