// A private nats-server with JetStream for one test: ephemeral port, temporary folder, a name of its own.
//
// 1. No other server is ever touched: the port is the one that our own child says it listens on, and whoever answers
//    there must give the name that we gave.
// 2. It ends with the test, however the test ends (see `startChild`).

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NATS_USERS, natsKeyVariable, natsPermissionsConf, inboxPrefix, type NatsUser } from '@flow-mcp/contracts';
import { createUser, fromSeed } from 'nkeys.js';
import { freePort } from './stack/ports.js';
import { startChild, type RunningChild } from './upstreams/child-process.js';

/** How the server is started. */
export interface BrokerFixtureOptions {
  /** `services`: every user of the contracts with a fresh key and its generated permissions; else anybody may all. */
  readonly users?: 'services' | 'none';
  /** Further lines of server configuration, e.g. `max_payload: 8MB`. */
  readonly config?: string;
  /** Instead of all that: a configuration file as deployed, `deploy/nats/nats.conf`, and the environment it reads. */
  readonly deployed?: { readonly file: string; readonly environment: Readonly<Record<string, string>> };
  /** Where configuration, seeds and store lie, kept for the next start; a temporary folder, removed by `stop`, unless told. */
  readonly directory?: string;
  /** The server binary; `nats-server` from the PATH unless told. */
  readonly binary?: string;
}

/** What a service needs to connect as one user; spread into `connectBroker`. */
export interface BrokerLogin {
  readonly servers: string;
  readonly name: string;
  readonly inboxPrefix: string;
  readonly seedFile?: string;
  readonly expect: { readonly serverName: string };
}

/** A running server. */
export interface BrokerFixture {
  readonly url: string;
  readonly port: number;
  readonly serverName: string;
  /** Holds configuration, seeds and the JetStream store; removed by `stop`. */
  readonly directory: string;
  /** How to connect as `user`; with a seed file when the server has users. */
  login(user: NatsUser): BrokerLogin;
  /** kill -9. The store stays for `restart`. */
  kill(): Promise<void>;
  /** Starts it again on the same port and store, ending it first if it runs. */
  restart(): Promise<void>;
  /** SIGSTOP: the server keeps its connections and answers nobody. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a server. @throws Error with the end of its output when it does not start. */
export async function startBroker(options: BrokerFixtureOptions = {}): Promise<BrokerFixture> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'flow-mcp-broker-')));
  await mkdir(directory, { recursive: true });
  const serverName = `test-${randomUUID()}`;
  const environment = {
    FLOWMCP_NATS_SERVER_NAME: serverName,
    FLOWMCP_NATS_HOST: '127.0.0.1',
    FLOWMCP_NATS_PORT: '-1',
    FLOWMCP_NATS_STORE: join(directory, 'jetstream'),
    ...options.deployed?.environment,
    ...(options.users === 'services' ? await writeSeeds(directory) : {}),
  };
  const file = options.deployed?.file ?? join(directory, 'nats.conf');
  if (options.deployed === undefined) await writeFile(file, configuration(directory, serverName, options));
  const { binary = 'nats-server' } = options;
  const start = (port: number): Promise<RunningChild<Ready>> => startServer({ binary, file, environment, port });

  let child = await start(await freePort());
  const { port } = child.ready;
  await verifyName(port, serverName);
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    serverName,
    directory,
    login: (user) => ({
      servers: `nats://127.0.0.1:${port}`,
      name: user,
      inboxPrefix: inboxPrefix(user),
      ...(options.users === 'services' ? { seedFile: seedFile(directory, user) } : {}),
      expect: { serverName },
    }),
    kill: () => child.kill(),
    restart: async () => {
      await child.kill();
      child = await start(port);
      await verifyName(port, serverName);
    },
    pause: () => void process.kill(child.ready.pid, 'SIGSTOP'),
    resume: () => void process.kill(child.ready.pid, 'SIGCONT'),
    stop: async () => {
      await (options.directory === undefined ? child.kill() : child.stop());
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

interface Ready {
  readonly pid: number;
  readonly port: number;
}

interface Start {
  readonly binary: string;
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly port: number;
}

function startServer({ binary, file, environment, port }: Start): Promise<RunningChild<Ready>> {
  let listeningOn = NaN;
  const args = ['-c', file, '-p', String(port)];
  return startChild({ command: binary, args, env: environment }, (line) => {
    listeningOn = Number(/Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? listeningOn);
    const pid = /^\[(\d+)\].*Server is ready/.exec(line)?.[1];
    return pid === undefined ? undefined : { pid: Number(pid), port: listeningOn };
  });
}

function configuration(directory: string, serverName: string, { users, config = '' }: BrokerFixtureOptions): string {
  return [
    `server_name: "${serverName}"`,
    'host: 127.0.0.1',
    `jetstream { store_dir: "${join(directory, 'jetstream')}" }`,
    ...(users === 'services' ? [`authorization {\n${natsPermissionsConf()}}`] : []),
    config,
  ].join('\n');
}

/** A seed for every user, made once per directory. */
async function writeSeeds(directory: string): Promise<Record<string, string>> {
  const environment: Record<string, string> = {};
  await mkdir(join(directory, 'keys'), { recursive: true });
  for (const user of NATS_USERS) {
    const file = seedFile(directory, user);
    if (!existsSync(file)) await writeFile(file, createUser().getSeed(), { mode: 0o600 });
    environment[natsKeyVariable(user)] = fromSeed(await readFile(file)).getPublicKey();
  }
  return environment;
}

function seedFile(directory: string, user: NatsUser): string {
  return join(directory, 'keys', `${user}.nk`);
}

/** Invariant 1: the first line that a NATS server sends names it. */
async function verifyName(port: number, serverName: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    if (!chunk.toString().includes(`"server_name":"${serverName}"`)) {
      throw new Error(`Port ${port} answers as another server than the one started here.`);
    }
  } finally {
    socket.destroy();
  }
}
