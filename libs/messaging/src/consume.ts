// Handles the messages of a durable consumer, several at a time, on any number of replicas.
//
// 1. At most `inFlightMax` messages are held. Each starts at once and is kept from other replicas by `working()` at a
//    third of `ack_wait`, from receipt until its handler has returned.
// 2. Every handled message ends in ack or in nak with a delay; a handler that throws gets its message again. Nothing is
//    ever terminated, so nothing is silently lost.
// 3. A message that is delivered again while its handler still runs here is not handled twice: the newer delivery takes
//    the place of the older, and gets the answer.
// 4. On drain nothing more is taken; what arrives meanwhile is given back at once, unstarted; running handlers may
//    finish within a bound. One that does not is left without an answer: after `ack_wait` another replica gets it.

import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import { nanos } from 'nats';
import { BrokerApiError, NOT_FOUND, callBroker } from './broker-api.js';
import type { BrokerConnection } from './connection.js';
import type { DeliveredFact, StoredFact } from './fact.js';
import { Puller } from './puller.js';

const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 30_000;

/** What a handler is given. */
export interface Delivery {
  readonly fact: StoredFact;
  /** How often this message was delivered, from 1. */
  readonly deliveryCount: number;
  /** Aborts when the service drains: what only waits may give its message back with `{ nakMs: 0 }`. */
  readonly draining: AbortSignal;
}

/** What becomes of the message: done, or again after so many milliseconds. */
export type Disposition = { readonly ack: true } | { readonly nakMs: number };

/** Handles one delivery. */
export type DeliveryHandler = (delivery: Delivery) => Promise<Disposition>;

/** Which consumer, and how much at once. */
export interface ConsumeOptions {
  readonly stream: string;
  readonly consumer: string;
  /** What the consumer must select; not compared when left out. */
  readonly filter?: string;
  readonly inFlightMax: number;
  readonly handler: DeliveryHandler;
}

/** A consumer that is being read. */
export interface Consumption {
  /** How many messages are held now. */
  held(): number;
  /** Invariant 4. Returns how many handlers did not finish within `withinMs`. */
  drain(withinMs: number): Promise<number>;
}

/**
 * Binds to a durable consumer and starts handling.
 * @throws RefusedError `ERR_CONFIG_INVALID` when the consumer does not exist; RetryableError `ERR_BROKER_UNAVAILABLE`
 */
export async function consume(connection: BrokerConnection, options: ConsumeOptions): Promise<Consumption> {
  return new Consuming(connection, options, await ackWaitMs(connection, options));
}

interface ConsumerInfo {
  readonly config: { readonly ack_wait: number; readonly filter_subject?: string };
}

async function ackWaitMs(connection: BrokerConnection, options: ConsumeOptions): Promise<number> {
  const verb = `CONSUMER.INFO.${options.stream}.${options.consumer}`;
  const { config } = await callBroker<ConsumerInfo>(connection, verb).catch((cause: unknown) => {
    if (!(cause instanceof BrokerApiError)) throw cause;
    const missing = cause.errCode === NOT_FOUND.consumer || cause.errCode === NOT_FOUND.stream;
    throw unusable(options, missing ? 'does not exist' : `cannot be read (${cause.message})`);
  });
  const { ack_wait: ackWait, filter_subject: filter } = config;
  if (options.filter !== undefined && filter !== options.filter) throw unusable(options, `selects ${filter}`);
  return ackWait / nanos(1);
}

function unusable({ stream, consumer }: ConsumeOptions, problem: string): RefusedError {
  const message = `Consumer ${consumer} on stream ${stream} ${problem}; run the provisioner against this broker.`;
  return new RefusedError('ERR_CONFIG_INVALID', message);
}

/** A message whose handler runs. `fact` is its newest delivery. */
interface Held {
  fact: DeliveredFact;
  readonly working: NodeJS.Timeout;
}

class Consuming implements Consumption {
  private readonly connection: BrokerConnection;
  private readonly options: ConsumeOptions;
  private readonly workingEveryMs: number;
  private readonly puller: Puller;
  private readonly holding = new Map<number, Held>();
  private readonly draining = new AbortController();
  private emptied: (() => void) | undefined;

  constructor(connection: BrokerConnection, options: ConsumeOptions, ackWait: number) {
    this.connection = connection;
    this.options = options;
    this.workingEveryMs = Math.max(1, Math.floor(ackWait / 3));
    this.puller = new Puller(connection, {
      stream: options.stream,
      consumer: options.consumer,
      room: () => options.inFlightMax - this.holding.size,
      onFact: (fact) => this.receive(fact),
      onTrouble: (trouble, detail) =>
        connection.report(`Consumer ${options.consumer}: ${trouble}, ${detail}; asking again.`),
    });
  }

  held(): number {
    return this.holding.size;
  }

  async drain(withinMs: number): Promise<number> {
    this.draining.abort();
    await this.puller.stop();
    await this.whenEmpty(withinMs);
    for (const { working } of this.holding.values()) clearInterval(working);
    return this.holding.size;
  }

  private receive(fact: DeliveredFact): void {
    const held = this.holding.get(fact.seq);
    if (held !== undefined)
      held.fact = fact; // invariant 3
    else if (this.draining.signal.aborted) this.answer(fact, { nakMs: 0 });
    else void this.hold(fact);
  }

  /** Invariant 1. */
  private async hold(fact: DeliveredFact): Promise<void> {
    const held: Held = { fact, working: setInterval(() => this.send(held.fact, '+WPI'), this.workingEveryMs) };
    this.holding.set(fact.seq, held);
    const disposition = await this.handle(fact);
    clearInterval(held.working);
    this.holding.delete(fact.seq);
    this.answer(held.fact, disposition);
    this.puller.wake();
    if (this.holding.size === 0) this.emptied?.();
  }

  /** Invariant 2. Never throws. */
  private async handle(fact: DeliveredFact): Promise<Disposition> {
    try {
      const { deliveryCount } = fact;
      const disposition = await this.options.handler({ fact, deliveryCount, draining: this.draining.signal });
      if (isDisposition(disposition)) return disposition;
      throw new TypeError(`the handler returned neither ack nor nakMs`);
    } catch (error) {
      const disposition = dispositionOf(error, fact.deliveryCount);
      this.connection.report(describeFailure(this.options.consumer, fact, disposition.nakMs), error);
      return disposition;
    }
  }

  private answer(fact: DeliveredFact, disposition: Disposition): void {
    if ('ack' in disposition) return this.send(fact, '+ACK');
    this.send(fact, `-NAK ${JSON.stringify({ delay: nanos(Math.max(0, disposition.nakMs)) })}`);
  }

  private send(fact: DeliveredFact, body: string): void {
    this.connection.publish(fact.ackSubject, body);
  }

  private async whenEmpty(withinMs: number): Promise<void> {
    if (this.holding.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.emptied = () => (clearTimeout(timer), resolve());
    });
  }
}

function isDisposition(value: Disposition | undefined | null): value is Disposition {
  return typeof value === 'object' && value !== null && ('ack' in value || 'nakMs' in value);
}

/** What a thrown error means for its message. */
function dispositionOf(error: unknown, deliveryCount: number): { readonly nakMs: number } {
  if (error instanceof RetryableError && error.retryAfterMs !== undefined) return { nakMs: error.retryAfterMs };
  return { nakMs: Math.min(BACKOFF_MIN_MS * 2 ** (deliveryCount - 1), BACKOFF_MAX_MS) };
}

function describeFailure(consumer: string, { subject, seq, deliveryCount }: DeliveredFact, nakMs: number): string {
  return `Consumer ${consumer} could not handle ${subject} (seq ${seq}, delivery ${deliveryCount}); again in ${nakMs} ms.`;
}
