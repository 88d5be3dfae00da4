// Reads a stream, or the part of it that a filter names, in order, from a sequence on and for ever.
//
// 1. Every matching message is handed over once, in the order of the stream; the next one waits for the handler.
// 2. A consumer numbers its deliveries without gaps. A missing number, a silent broker, a lost connection or a lost
//    consumer means: start a new consumer behind the last message handed over.
// 3. "Caught up" is said once: when nothing that was there at the start is left. A consumer miscounts what is left when
//    messages go before it read them (measured: values of a bucket that are replaced), so one that is idle although
//    something should be left is replaced as well: a new one counts anew.
//
// The consumer is ephemeral, made by `$JS.API.CONSUMER.CREATE.<stream>.<name>.<filter>`, so that a permission can name
// the filter; the broker removes it by itself when nobody pulls.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RefusedError, describeError } from '@flow-mcp/kernel';
import { nanos } from 'nats';
import { callBroker } from './broker-api.js';
import type { BrokerConnection } from './connection.js';
import type { DeliveredFact, StoredFact } from './fact.js';
import { Puller } from './puller.js';

const BUFFERED_MAX = 512;
const INACTIVE_MS = 30_000;
const RETRY_MAX_MS = 2_000;

/** What to read, and what becomes of it. */
export interface FollowOptions {
  /** Subject filter, e.g. `flowmcp.v1.calls.*.*.verdict`. */
  readonly filter: string;
  /** First sequence wanted; 1 for everything. */
  readonly fromSeq: number;
  /** Takes one fact. Nothing more is handed over until it returns; what it throws ends the reading. */
  readonly onFact: (fact: StoredFact) => void | Promise<void>;
  /** Told once, when everything that was stored at the start has been handed over. */
  readonly onCaughtUp?: () => void;
  /** Ends the reading. */
  readonly signal?: AbortSignal;
}

/** A reading under way. */
export interface Follower {
  /** Resolves when `signal` ended it. @throws what `onFact` threw; RefusedError `ERR_NOT_PERMITTED` */
  readonly done: Promise<void>;
  /** How many matching messages are stored but not yet handed over, as far as known. */
  pending(): number;
  /** Sequence of the last message handed over; `fromSeq - 1` before the first. */
  lastSeq(): number;
}

/** Starts reading `stream`. */
export function follow(connection: BrokerConnection, stream: string, options: FollowOptions): Follower {
  const reading = new Reading(connection, stream, options);
  return {
    done: reading.run(),
    pending: () => reading.pending,
    lastSeq: () => reading.lastSeq,
  };
}

class Reading {
  pending = 0;
  lastSeq: number;
  private readonly connection: BrokerConnection;
  private readonly stream: string;
  private readonly options: FollowOptions;
  private caughtUp = false;

  constructor(connection: BrokerConnection, stream: string, options: FollowOptions) {
    this.connection = connection;
    this.stream = stream;
    this.options = options;
    this.lastSeq = options.fromSeq - 1;
  }

  /** Invariant 2: one consumer after the other. */
  async run(): Promise<void> {
    const { signal } = this.options;
    for (let failures = 0; signal?.aborted !== true;) {
      const before = this.lastSeq;
      await this.readThroughOneConsumer();
      failures = this.lastSeq > before ? 0 : failures + 1;
      await sleep(Math.min(25 * 2 ** failures, RETRY_MAX_MS), undefined, signal && { signal }).catch(() => undefined);
    }
  }

  private async readThroughOneConsumer(): Promise<void> {
    const consumer = await this.createConsumer();
    if (consumer === undefined || this.options.signal?.aborted === true) return;
    const buffer = new DeliveryBuffer(this.connection, this.stream, { consumer, endsWhenIdle: () => !this.caughtUp });
    const stop = (): void => buffer.end();
    this.options.signal?.addEventListener('abort', stop, { once: true });
    try {
      for (let fact = await buffer.next(); fact !== undefined; fact = await buffer.next()) await this.handOver(fact);
    } finally {
      this.options.signal?.removeEventListener('abort', stop);
      await buffer.close();
    }
  }

  /** Invariant 1. */
  private async handOver(fact: DeliveredFact): Promise<void> {
    if (this.options.signal?.aborted === true || fact.seq <= this.lastSeq) return;
    await this.options.onFact(fact);
    this.lastSeq = fact.seq;
    this.setPending(fact.pending);
  }

  /** Invariant 3. */
  private setPending(pending: number): void {
    this.pending = pending;
    if (pending > 0 || this.caughtUp) return;
    this.caughtUp = true;
    this.options.onCaughtUp?.();
  }

  private async createConsumer(): Promise<string | undefined> {
    const name = `follow-${randomUUID()}`;
    const config = {
      name,
      filter_subject: this.options.filter,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: this.lastSeq + 1,
      ack_policy: 'none',
      inactive_threshold: nanos(INACTIVE_MS),
      mem_storage: true,
      num_replicas: 1,
    };
    try {
      const verb = `CONSUMER.CREATE.${this.stream}.${name}.${this.options.filter}`;
      const created = await callBroker<{ num_pending: number }>(this.connection, verb, {
        stream_name: this.stream,
        config,
      });
      this.setPending(created.num_pending);
      return name;
    } catch (error) {
      if (error instanceof RefusedError) throw error;
      this.connection.report(`Reading ${this.stream} waits for the broker: ${describeError(error)}`);
      return undefined;
    }
  }
}

/** What a consumer has delivered and nobody has taken yet. Ends at the first sign that something is missing. */
class DeliveryBuffer {
  private readonly puller: Puller;
  private readonly facts: DeliveredFact[] = [];
  private delivered = 0;
  private ended = false;
  private wake: (() => void) | undefined;

  constructor(
    connection: BrokerConnection,
    stream: string,
    { consumer, endsWhenIdle }: { consumer: string; endsWhenIdle: () => boolean },
  ) {
    this.puller = new Puller(connection, {
      stream,
      consumer,
      room: () => (this.ended ? 0 : BUFFERED_MAX - this.facts.length),
      onFact: (fact) => this.push(fact),
      onIdle: () => {
        if (this.facts.length === 0 && endsWhenIdle()) this.end();
      },
      onTrouble: () => this.end(),
    });
  }

  /** The next fact; `undefined` when there are none left and none will come. */
  async next(): Promise<DeliveredFact | undefined> {
    if (this.facts.length === 0 && !this.ended) await new Promise<void>((resolve) => (this.wake = resolve));
    const fact = this.facts.shift();
    if (this.facts.length < BUFFERED_MAX / 2) this.puller.wake();
    return fact;
  }

  end(): void {
    this.ended = true;
    this.wake?.();
  }

  async close(): Promise<void> {
    await this.puller.stop();
  }

  private push(fact: DeliveredFact): void {
    if (this.ended) return;
    if (fact.deliverySeq !== this.delivered + 1) return this.end();
    this.delivered++;
    this.facts.push(fact);
    this.wake?.();
  }
}
