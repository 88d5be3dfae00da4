// One connection to the broker, for the whole life of a process.
//
// 1. It is to *our* broker: name or cluster are compared at the first connection and at every later one.
// 2. It reconnects for ever; a silent broker is given up after `PING_INTERVAL_MS * PINGS_MISSED_MAX`.
// 3. No callback of the `nats` package throws: one that did would stop the reader for good, so headers, which are
//    whatever a publisher wrote, are only read through `readHeaders`, and requests go through an `Inbox` of our own.

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { RefusedError, RetryableError, describeError } from '@flow-mcp/kernel';
import {
  ErrorCode,
  Events,
  NatsError,
  connect,
  credsAuthenticator,
  nkeyAuthenticator,
  type Authenticator,
  type NatsConnection,
} from 'nats';
import { fromSeed } from 'nkeys.js';
import { Inbox, NoAnswer, natsHeadersOf, type Answer, type RequestOptions } from './inbox.js';
import { Listeners } from './listeners.js';

const PING_INTERVAL_MS = 2_000;
const PINGS_MISSED_MAX = 2;
const RECONNECT_WAIT_MS = 100;

/** Where the broker is, who we are there, and how to know that it is ours. */
export interface BrokerOptions {
  /** `nats://host:port` or `tls://host:port`, one or several of one cluster. */
  readonly servers: string | readonly string[];
  /** Shown in the broker's list of connections, e.g. `executor`. */
  readonly name: string;
  /** Where answers to this user go, e.g. `_INBOX_executor`; what the user may subscribe to. */
  readonly inboxPrefix?: string;
  /** File with the nkey seed (`SU…`) of the NATS user. */
  readonly seedFile?: string;
  /** File with JWT credentials, for operator-mode brokers. */
  readonly credentialsFile?: string;
  /** File with the certificate authority of a `tls://` broker. */
  readonly caFile?: string;
  /** What the broker must call itself; what is left out is not compared. */
  readonly expect?: { readonly serverName?: string | undefined; readonly cluster?: string | undefined };
  /** How long to wait for the first connection, in milliseconds; 30 s unless told. */
  readonly patienceMs?: number;
  /** Told what an operator should know: lost connections, refused subjects. Process warnings unless given. */
  readonly report?: Report;
}

/** Takes a sentence for the log. */
export type Report = (message: string, error?: unknown) => void;

/**
 * Connects to the broker.
 * @throws RetryableError `ERR_BROKER_UNAVAILABLE` when there is none within `patienceMs`.
 * @throws RefusedError `ERR_BROKER_NOT_OURS`; `ERR_CONFIG_INVALID` for a key file that is unreadable or not accepted.
 */
export async function connectBroker(options: BrokerOptions): Promise<BrokerConnection> {
  checkServers(options.servers);
  const authenticator = await authenticatorOf(options);
  const nats = await connectPatiently(options, authenticator);
  const stranger = describeStranger(nats, options.expect);
  if (stranger !== undefined) {
    await nats.close();
    throw new RefusedError('ERR_BROKER_NOT_OURS', stranger);
  }
  return new BrokerConnection(nats, options);
}

/** The `nats` package would go to localhost:4222 by itself, where somebody else's broker may be. */
function checkServers(servers: BrokerOptions['servers'] | undefined): void {
  if (servers !== undefined && servers.length > 0) return;
  throw new RefusedError('ERR_CONFIG_INVALID', 'Say where NATS is: `servers`, such as nats://127.0.0.1:4222.', {
    field: 'servers',
  });
}

/** A connection to our broker. Everything else in this library works on one. */
export class BrokerConnection {
  /** For this library only: apps use its functions. */
  readonly nats: NatsConnection;
  readonly name: string;
  readonly inboxPrefix: string | undefined;
  readonly report: Report;
  /** Resolves when the connection is over for good; with the reason when that was not our wish. */
  readonly closed: Promise<Error | undefined>;
  private readonly inbox: Inbox;
  private readonly lost = new Listeners<void>();
  private readonly restored = new Listeners<void>();
  private up = true;
  private stranger: Error | undefined;

  constructor(nats: NatsConnection, options: BrokerOptions) {
    this.nats = nats;
    this.name = options.name;
    this.inboxPrefix = options.inboxPrefix;
    this.report = options.report ?? warn;
    this.inbox = new Inbox(nats, options.inboxPrefix);
    this.closed = nats.closed().then((error) => this.stranger ?? (error as Error | undefined));
    void this.watch(options.expect);
  }

  /** Whether the broker can be reached now; what readiness probes ask. */
  isConnected(): boolean {
    return this.up && !this.isClosed();
  }

  /** Whether the connection is over for good. */
  isClosed(): boolean {
    return this.nats.isClosed();
  }

  /** Calls back when the broker is lost. Returns what ends that. */
  onLost(listener: () => void): () => void {
    return this.lost.add(listener);
  }

  /** Calls back when the broker is back and subscriptions are made again; what was missed must be read. */
  onRestored(listener: () => void): () => void {
    return this.restored.add(listener);
  }

  /** Resolves at once when connected, else when that is so again, or never will be, or after `timeoutMs`. */
  async whenConnected(timeoutMs: number): Promise<void> {
    if (this.isConnected() || this.isClosed() || timeoutMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, timeoutMs);
      const forget = this.onRestored(done);
      void this.closed.then(done);
      function done(): void {
        clearTimeout(timer);
        forget();
        resolve();
      }
    });
  }

  /**
   * Sends a request. Nothing is sent while there is no broker, so that nothing buffered is published later.
   * @throws NoAnswer; RefusedError `ERR_MESSAGE_TOO_LARGE`
   */
  async request(subject: string, payload: Uint8Array, options: RequestOptions): Promise<Answer> {
    if (!this.isConnected()) throw new NoAnswer(subject, 'disconnected');
    return this.inbox.request(subject, payload, options);
  }

  /**
   * Sends a message that nobody answers for. Never throws: `false` when the connection is over.
   * Core NATS delivers it at most once.
   */
  publish(subject: string, payload: Uint8Array | string, headers?: Iterable<readonly [string, string]>): boolean {
    try {
      this.nats.publish(subject, payload, natsHeadersOf(headers));
      return true;
    } catch (error) {
      this.report(`${this.name}: a message to ${subject} was not sent.`, error);
      return false;
    }
  }

  /** Sends what is buffered, ends every subscription after its last message, and closes. */
  async drain(): Promise<void> {
    if (this.nats.isClosed()) return;
    if (this.isConnected()) await this.nats.drain();
    else await this.nats.close();
  }

  /** Closes at once. */
  async close(): Promise<void> {
    await this.nats.close();
  }

  private async watch(expect: BrokerOptions['expect']): Promise<void> {
    for await (const status of this.nats.status()) {
      if (status.type === Events.Disconnect) this.onDisconnect();
      else if (status.type === Events.Reconnect) await this.onReconnect(expect);
      else if (status.type === Events.Error && status.permissionContext !== undefined) {
        this.onRefusal(status.permissionContext);
      }
    }
    this.inbox.rejectAll('disconnected');
  }

  private onDisconnect(): void {
    if (!this.up) return;
    this.up = false;
    this.report(`${this.name}: the connection to the broker is lost; reconnecting.`);
    this.inbox.rejectAll('disconnected');
    this.lost.emit();
  }

  private async onReconnect(expect: BrokerOptions['expect']): Promise<void> {
    const stranger = describeStranger(this.nats, expect);
    if (stranger !== undefined) {
      this.stranger = new RefusedError('ERR_BROKER_NOT_OURS', stranger);
      this.report(stranger);
      await this.nats.close();
      return;
    }
    this.up = true;
    this.report(`${this.name}: connected to the broker again.`);
    this.restored.emit();
  }

  private onRefusal({ operation, subject }: { operation: string; subject: string }): void {
    this.report(
      `${this.name}: the broker does not permit ${operation} on ${subject}; load the generated permissions.conf.`,
    );
    if (operation === 'publish') this.inbox.reject(subject, 'not-permitted');
  }
}

async function connectPatiently(options: BrokerOptions, authenticator?: Authenticator): Promise<NatsConnection> {
  const giveUpAt = performance.now() + (options.patienceMs ?? 30_000);
  for (;;) {
    try {
      return await connect({
        servers: typeof options.servers === 'string' ? options.servers.split(',') : [...options.servers],
        name: options.name,
        pingInterval: PING_INTERVAL_MS,
        maxPingOut: PINGS_MISSED_MAX,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_WAIT_MS,
        reconnectJitter: RECONNECT_WAIT_MS,
        ignoreAuthErrorAbort: true,
        timeout: 5_000,
        noAsyncTraces: true,
        ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
        ...(options.caFile === undefined ? {} : { tls: { caFile: options.caFile } }),
        ...(authenticator === undefined ? {} : { authenticator }),
      });
    } catch (cause) {
      await waitOrGiveUp(options, cause, giveUpAt);
    }
  }
}

async function waitOrGiveUp(options: BrokerOptions, cause: unknown, giveUpAt: number): Promise<void> {
  if (cause instanceof NatsError && cause.code === (ErrorCode.AuthorizationViolation as string)) {
    throw new RefusedError(
      'ERR_CONFIG_INVALID',
      `The broker does not know the key of ${options.name}; put its public key into the broker's environment.`,
      { cause },
    );
  }
  if (performance.now() >= giveUpAt) {
    const message = `No NATS server answers at ${String(options.servers)}; start it or correct the address.`;
    throw new RetryableError('ERR_BROKER_UNAVAILABLE', message, { cause });
  }
  await sleep(RECONNECT_WAIT_MS);
}

async function authenticatorOf({ seedFile, credentialsFile }: BrokerOptions): Promise<Authenticator | undefined> {
  if (seedFile !== undefined) return nkeyAuthenticator(validSeed(seedFile, await readKey(seedFile)));
  if (credentialsFile !== undefined) return credsAuthenticator(await readKey(credentialsFile));
  return undefined;
}

async function readKey(path: string): Promise<Uint8Array> {
  try {
    return new TextEncoder().encode((await readFile(path, 'utf8')).trim());
  } catch (cause) {
    throw new RefusedError('ERR_CONFIG_INVALID', `The NATS key file ${path} cannot be read.`, { cause });
  }
}

/** A seed that cannot sign would only show when the server asks, and hang there. */
function validSeed(path: string, seed: Uint8Array): Uint8Array {
  try {
    fromSeed(seed);
    return seed;
  } catch (cause) {
    throw new RefusedError('ERR_CONFIG_INVALID', `${path} holds no nkey seed (SU…); make one with the provisioner.`, {
      cause,
    });
  }
}

/** Invariant 1. */
function describeStranger({ info }: NatsConnection, expect: BrokerOptions['expect'] = {}): string | undefined {
  const { serverName, cluster } = expect;
  if (serverName !== undefined && info?.server_name !== serverName) {
    return `The NATS server calls itself ${info?.server_name}, not ${serverName}; correct the address or the expected name.`;
  }
  if (cluster !== undefined && info?.cluster !== cluster) {
    return `The NATS server is in cluster ${info?.cluster ?? '(none)'}, not ${cluster}; correct the address or the expected name.`;
  }
  return undefined;
}

function warn(message: string, error?: unknown): void {
  process.emitWarning(error === undefined ? message : `${message} ${describeError(error)}`, 'FlowMcp');
}
