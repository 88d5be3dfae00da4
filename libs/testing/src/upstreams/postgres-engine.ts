// A PostgreSQL of its own, in a temporary folder, reachable through a Unix socket in that folder and nowhere else.
//
// PostgreSQL proper where its binaries are installed, else PGlite, which is PostgreSQL in WebAssembly. PGlite ignores
// who logs in: everybody is its superuser, so it proves nothing about rights. It takes some seconds to start.
import { execFile } from 'node:child_process';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { startChild, type ChildSpec } from './child-process.js';
import { packageFile } from './node-server.js';

const run = promisify(execFile);
const INSTALLED = '/usr/lib/postgresql';
const OWNER = 'postgres';

/** A running engine. */
export interface Postgres {
  readonly engine: 'postgresql' | 'pglite';
  /** The URL for a role; no password, because only this user of this machine reaches the socket. */
  readonly urlFor: (role: string) => string;
  /** Runs SQL as the owner of the database and answers the rows. */
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>;
  readonly stop: () => Promise<void>;
}

/** Starts PostgreSQL, or PGlite where no PostgreSQL is installed or when it is asked for. */
export async function startPostgres(options: { engine?: 'pglite' } = {}): Promise<Postgres> {
  const binaries = options.engine === 'pglite' ? undefined : await installedBinaries();
  const folder = await mkdtemp(join(tmpdir(), 'pg-'));
  const child = await (binaries === undefined ? startPglite(folder) : startCluster(folder, binaries));
  const urlFor = (role: string) => `postgresql://${role}@localhost/postgres?host=${encodeURIComponent(folder)}`;
  return {
    engine: binaries === undefined ? 'pglite' : 'postgresql',
    urlFor,
    query: (sql) => queryOnce(urlFor(OWNER), sql),
    stop: async () => {
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function installedBinaries(): Promise<string | undefined> {
  const versions = await readdir(INSTALLED).catch(() => []);
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? undefined : join(INSTALLED, newest, 'bin');
}

async function startCluster(folder: string, binaries: string) {
  const user = await unprivilegedUser();
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const env = { LC_ALL: 'C', TZ: 'UTC' };
  const common = { cwd: folder, user, env, stopSignal: 'INT' } as const satisfies Partial<ChildSpec>;
  const initArgs = ['-D', data, '-U', OWNER, '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'];
  await run(join(binaries, 'initdb'), initArgs, { cwd: folder, env, ...user });
  const settings = { listen_addresses: '', unix_socket_directories: folder, unix_socket_permissions: '0700', ...SMALL };
  const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  return startChild({ command: join(binaries, 'postgres'), args, ...common }, isReady);
}

/** A throwaway database for a handful of connections: little memory, no waiting for the disk. */
const SMALL = { max_connections: '20', shared_buffers: '16MB', fsync: 'off' };

/** PostgreSQL refuses to run as root. */
async function unprivilegedUser(): Promise<ChildSpec['user']> {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = async (flag: string, name: string) => Number((await run('id', [flag, name])).stdout);
  const name = await run('id', ['postgres']).then(
    () => 'postgres',
    () => 'nobody',
  );
  return { uid: await idOf('-u', name), gid: await idOf('-g', name) };
}

function startPglite(folder: string) {
  const script = join(dirname(packageFile('@electric-sql/pglite-socket')), 'scripts', 'server.js');
  const args = [script, `--path=${join(folder, '.s.PGSQL.5432')}`, '--max-connections=10'];
  return startChild({ command: process.execPath, args }, isReady);
}

function isReady(line: string): true | undefined {
  return /ready to accept connections|listening on/.test(line) && !line.includes('Unix socket') ? true : undefined;
}

async function queryOnce(connectionString: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client
    .query<Record<string, unknown>>(sql)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}
