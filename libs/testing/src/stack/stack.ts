// The whole system on one machine: broker, ClickHouse, issuer and every service, each a process of its own.
// `npm start` and the end-to-end tests run the same one; only the folder, the replicas and the waits differ.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsUser } from '@flow-mcp/contracts';
import { KEY_FILES, generateKeys } from '@flow-mcp/identity';
import { startBroker, type BrokerFixture, type BrokerLogin } from '../broker.js';
import { startClickHouse, type ClickHouseFixture } from '../clickhouse.js';
import { freePort } from './ports.js';
import { runApp, startServiceProcess, type ServiceProcess } from './service-process.js';

/** The services that take calls. */
export const SERVICES = ['registry', 'executor', 'confirmation', 'audit-ingester'] as const;

/** One of `SERVICES`. */
export type Service = (typeof SERVICES)[number];

/** How the system is started. */
export interface StackOptions {
  /** Where everything lies, kept for the next start; a temporary folder, removed at the end, unless told. */
  readonly directory?: string;
  readonly replicas?: Partial<Record<Service, number>>;
  /** How long the broker waits for a word from whoever handles a message. */
  readonly ackWaitMs?: number;
  /** How long a lost run is left alone beyond its time-out. */
  readonly runGraceMs?: number;
  /** How MCP servers are reached: names that lead to loopback, and who vouches for them. */
  readonly upstreams?: { readonly resolve?: Readonly<Record<string, string>>; readonly caCert?: string };
  /** Secrets for header values. */
  readonly secrets?: Readonly<Record<string, { readonly value: string; readonly origins: readonly string[] }>>;
  /** The port on which the executor will publish its keys; a free one unless told. */
  readonly keysPort?: number;
  /** Told about each part before it starts. */
  readonly report?: (part: string) => void;
}

/** A running system. */
export interface Stack {
  readonly directory: string;
  readonly broker: BrokerFixture;
  readonly clickhouse: ClickHouseFixture;
  /** Where people sign in. */
  readonly issuer: string;
  /** Where the executor publishes its keys; also `iss` of its JWTs. */
  readonly keysUrl: string;
  /** A replica, from 0. */
  replica(service: Service, at?: number): ServiceProcess;
  /** Starts one more. */
  addReplica(service: Service): Promise<ServiceProcess>;
  login(user: NatsUser): BrokerLogin;
  /** Ends everything that was started here, and nothing else. */
  stop(): Promise<void>;
}

/** Starts everything. @throws Error naming the part that did not start; what had started is stopped */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const stack = new RunningStack(options, options.directory ?? (await mkdtemp(join(tmpdir(), 'flow-mcp-stack-'))));
  try {
    await stack.start();
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

class RunningStack implements Stack {
  broker!: BrokerFixture;
  clickhouse!: ClickHouseFixture;
  issuer = '';
  keysUrl = '';
  readonly directory: string;
  readonly #options: StackOptions;
  readonly #replicas = new Map<Service, ServiceProcess[]>();
  readonly #running: { stop(): Promise<void> }[] = [];

  constructor(options: StackOptions, directory: string) {
    this.#options = options;
    this.directory = directory;
  }

  async start(): Promise<void> {
    const { report = () => undefined, replicas, keysPort } = this.#options;
    await this.#prepare();
    report('nats-server, with one user and one allow list for each service');
    this.broker = this.#keep(await startBroker({ users: 'services', directory: join(this.directory, 'broker') }));
    report("ClickHouse's engine behind its HTTP interface");
    this.clickhouse = this.#keep(await startClickHouse({ directory: join(this.directory, 'clickhouse') }));
    report('the development issuer, so that people exist');
    await this.#startIssuer();
    report('streams, consumers, buckets and tables');
    await this.#provision();
    this.keysUrl = `http://127.0.0.1:${keysPort ?? (await freePort())}`;
    for (const service of SERVICES) report(service);
    const starts = SERVICES.flatMap((service) =>
      Array.from({ length: replicas?.[service] ?? 1 }, () => this.addReplica(service)),
    );
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  replica(service: Service, at = 0): ServiceProcess {
    const found = this.#replicas.get(service)?.[at];
    if (found === undefined) throw new Error(`There is no ${service} number ${at}.`);
    return found;
  }

  async addReplica(service: Service): Promise<ServiceProcess> {
    const all = this.#replicas.get(service) ?? [];
    this.#replicas.set(service, all);
    const at = all.push(undefined as never) - 1;
    const env = { ...this.#common(service), ...this.#own(service, at) };
    const started = await startServiceProcess({
      app: service,
      name: `${service}-${at + 1}`,
      env,
      logDir: this.#path('logs'),
    });
    all[at] = this.#keep(started);
    return started;
  }

  login(user: NatsUser): BrokerLogin {
    return this.broker.login(user);
  }

  /** Services first, together; then what they stand on. */
  async stop(): Promise<void> {
    const services = [...this.#replicas.values()].flat();
    await Promise.all(services.map((service) => service?.stop()));
    for (const part of this.#running.reverse()) await part.stop();
    if (this.#options.directory === undefined) await rm(this.directory, { recursive: true, force: true });
  }

  async #prepare(): Promise<void> {
    const { secrets = {}, upstreams } = this.#options;
    for (const folder of ['logs', 'secrets', 'issuer']) await mkdir(this.#path(folder), { recursive: true });
    await generateKeys(this.#path('keys'));
    for (const [name, secret] of Object.entries(secrets)) {
      await writeFile(this.#path('secrets', `${name}.json`), JSON.stringify(secret), { mode: 0o600 });
    }
    if (upstreams?.caCert !== undefined) await writeFile(this.#path('upstream-ca.pem'), upstreams.caCert);
  }

  async #startIssuer(): Promise<void> {
    const env = { FLOWMCP_DEV_ISSUER_DATA_DIR: this.#path('issuer') };
    const issuer = await startServiceProcess({
      app: 'dev-issuer',
      name: 'dev-issuer',
      env,
      logDir: this.#path('logs'),
    });
    this.#keep(issuer);
    this.issuer = issuer.ready().issuer ?? '';
  }

  async #provision(): Promise<void> {
    const { ackWaitMs } = this.#options;
    const env = {
      ...this.#nats('provisioner'),
      ...this.#clickhouseWriter(),
      ...(ackWaitMs === undefined ? {} : { FLOWMCP_ACK_WAIT_MS: String(ackWaitMs) }),
    };
    await runApp({ app: 'provisioner', env });
  }

  #common(service: Service): Record<string, string> {
    return { ...this.#nats(service), FLOWMCP_ISSUER: this.issuer, FLOWMCP_ADMIN_GROUPS: 'admins' };
  }

  #own(service: Service, at: number): Record<string, string> {
    if (service === 'registry') return { FLOWMCP_CREATOR_GROUPS: 'sre,payments-dev' };
    if (service === 'confirmation') return { FLOWMCP_RECEIPT_KEYS_FILE: this.#path('keys', KEY_FILES.receipt) };
    return service === 'audit-ingester' ? this.#clickhouseWriter() : this.#executor(at);
  }

  #executor(at: number): Record<string, string> {
    const { upstreams, runGraceMs } = this.#options;
    const resolve = Object.entries(upstreams?.resolve ?? {}).map(([from, to]) => `${from}=${to}`);
    return {
      FLOWMCP_OUTBOUND_ISSUER: this.keysUrl,
      FLOWMCP_HTTP_PORT: at === 0 ? new URL(this.keysUrl).port : '0',
      FLOWMCP_CALL_KEYS_FILE: this.#path('keys', KEY_FILES.callSigning),
      FLOWMCP_PASS_KEYS_FILE: this.#path('keys', KEY_FILES.pass),
      FLOWMCP_RECEIPT_KEYS_FILE: this.#path('keys', KEY_FILES.receiptPublic),
      FLOWMCP_SECRETS_DIR: this.#path('secrets'),
      FLOWMCP_UPSTREAM_ALLOW_LOOPBACK: 'true',
      FLOWMCP_UPSTREAM_RESOLVE: resolve.join(','),
      ...(upstreams?.caCert === undefined ? {} : { FLOWMCP_UPSTREAM_CA_FILE: this.#path('upstream-ca.pem') }),
      ...(runGraceMs === undefined ? {} : { FLOWMCP_RUN_GRACE_MS: String(runGraceMs) }),
    };
  }

  #nats(user: NatsUser): Record<string, string> {
    const { servers, seedFile, expect } = this.broker.login(user);
    return { FLOWMCP_NATS_URL: servers, FLOWMCP_NATS_SEED_FILE: seedFile ?? '', FLOWMCP_NATS_NAME: expect.serverName };
  }

  #clickhouseWriter(): Record<string, string> {
    const { url, passwordFile } = this.clickhouse.login;
    return { FLOWMCP_CLICKHOUSE_URL: url, FLOWMCP_CLICKHOUSE_PASSWORD_FILE: passwordFile };
  }

  #path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  #keep<T extends { stop(): Promise<void> }>(part: T): T {
    this.#running.push(part);
    return part;
  }
}
