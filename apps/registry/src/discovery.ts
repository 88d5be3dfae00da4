// Asks servers for their tools, through the executor, and keeps the answers in the tools bucket.
//
//   D1. One timer per server; at most `concurrency` servers are asked at once, and each one at a time.
//   D2. Replicas share the work without talking: all see the bucket, and an entry that another one has refreshed is
//       left alone. Who wrote a change asks at once, the others wait a while; waits differ at random.
//   D3. An executor that does not answer says nothing about the server: its entry stays, and it is asked again soon.

import { LIMITS, discoveredV1, encode, type Discovered, type Health } from '@flow-mcp/contracts';
import { FlowMcpError, RetryableError, describeError, type Name } from '@flow-mcp/kernel';
import type { Logger, Metrics } from '@flow-mcp/service-host';
import { toolDefinitionSha256 } from '@flow-mcp/identity';
import {
  STAGGER_MS,
  nextEntry,
  pendingHealth,
  waitMs,
  type DiscoveryAnswer,
  type ServerVersion,
  type Timing,
} from './health.js';
import type { Offers } from './offers.js';

const EXECUTOR_RETRY_MS = 1_000;

/** What discovery works with. */
export interface DiscoveryParts {
  readonly offers: Offers;
  /** The server's current generation; `undefined` when it is not registered. */
  readonly generationOf: (server: Name) => number | undefined;
  readonly ask: (version: ServerVersion) => Promise<DiscoveryAnswer>;
  readonly bucket: { put(key: string, value: Uint8Array): Promise<void>; delete(key: string): Promise<void> };
  readonly timing: Timing;
  readonly concurrency: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** See the head of this file. */
export class Discovery {
  readonly #parts: DiscoveryParts;
  readonly #timers = new Map<Name, NodeJS.Timeout>();
  readonly #asking = new Set<Name>();
  readonly #queue: Name[] = [];
  readonly #trouble = new Map<Name, string>();
  readonly #asked: ReturnType<Metrics['counter']>;
  #stopped = false;

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
    this.#asked = parts.metrics.counter<string>({
      name: 'flowmcp_registry_discoveries_total',
      help: 'Servers asked for their tools, by health found.',
      labels: ['reason'],
    });
  }

  /** What is known of a server's health at its current generation. */
  healthOf(server: Name): Health {
    const entry = this.#parts.offers.get(server);
    if (entry !== undefined && entry.generation === this.#parts.generationOf(server)) return entry.health;
    return pendingHealth(
      this.#trouble.get(server) ?? 'The server has not been asked for its tools yet; look again in a moment.',
    );
  }

  /** Asks a server now, or once it is done being asked. */
  askNow(server: Name): void {
    this.#schedule(server, 0);
  }

  /** Asks a server soon, unless another replica does (D2). */
  askSoon(server: Name): void {
    this.#schedule(server, Math.random() * STAGGER_MS);
  }

  /** Puts a server on the clock, after its registration or its entry has changed. */
  consider(server: Name): void {
    const generation = this.#parts.generationOf(server);
    if (generation === undefined) return this.#forget(server);
    this.#schedule(server, waitMs(this.#parts.offers.get(server), generation, Date.now(), Math.random()));
  }

  /** Forgets a server that is gone, in the bucket too. */
  async remove(server: Name): Promise<void> {
    this.#forget(server);
    await this.#parts.bucket.delete(server);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#queue.length = 0;
  }

  #forget(server: Name): void {
    clearTimeout(this.#timers.get(server));
    this.#timers.delete(server);
    this.#trouble.delete(server);
  }

  #schedule(server: Name, inMs: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timers.get(server));
    this.#timers.set(
      server,
      setTimeout(() => this.#enqueue(server), Math.min(inMs, 2 ** 31 - 1)),
    );
  }

  /** D1. */
  #enqueue(server: Name): void {
    this.#timers.delete(server);
    if (!this.#queue.includes(server)) this.#queue.push(server);
    this.#work();
  }

  #work(): void {
    const next = this.#queue.findIndex((server) => !this.#asking.has(server));
    if (next < 0 || this.#asking.size >= this.#parts.concurrency || this.#stopped) return;
    const [server] = this.#queue.splice(next, 1);
    if (server === undefined) return;
    this.#asking.add(server);
    void this.#discover(server).finally(() => {
      this.#asking.delete(server);
      this.#work();
    });
    this.#work();
  }

  /** Never throws. */
  async #discover(server: Name): Promise<void> {
    const { generationOf, ask, logger, metrics } = this.#parts;
    const generation = generationOf(server);
    if (generation === undefined) return;
    try {
      await this.#save({ server, generation }, await ask({ server, generation }));
      this.#trouble.delete(server);
    } catch (error) {
      metrics.countError(error);
      logger[error instanceof FlowMcpError ? 'info' : 'error']({ err: error, server }, 'A server could not be asked.');
      this.#trouble.set(server, `The server could not be asked: ${describeError(error)}`.slice(0, 1000));
      this.#schedule(server, retryAfterMs(error)); // D3
    }
  }

  async #save(version: ServerVersion, answer: DiscoveryAnswer): Promise<void> {
    const { offers, bucket, timing, logger } = this.#parts;
    const previous = offers.get(version.server);
    const entry = nextEntry(version, previous, answer, { timing, random: Math.random(), hash: toolDefinitionSha256 });
    if (entry.health.reason !== previous?.health.reason) {
      logger.info(
        { server: version.server, reason: entry.health.reason, tools: entry.tools.length },
        'A server changed its health.',
      );
    }
    this.#asked.inc({ reason: entry.health.reason });
    await bucket.put(version.server, encodeEntry(entry));
  }
}

/** An entry that is too large for the bucket says so instead. */
function encodeEntry(entry: Discovered): Uint8Array {
  const value = encode(discoveredV1, entry);
  if (value.byteLength <= LIMITS.messageBytes * 0.95) return value;
  const message = `The definitions of its ${entry.tools.length} tools have ${value.byteLength} bytes, more than a megabyte; shorten them or split the server.`;
  return encode(discoveredV1, { ...entry, tools: [], health: { ...entry.health, reason: 'too_large', message } });
}

function retryAfterMs(error: unknown): number {
  if (error instanceof RetryableError) return error.retryAfterMs ?? EXECUTOR_RETRY_MS;
  return 10 * EXECUTOR_RETRY_MS;
}
