// The facts of calls: how this service reads and writes the ledger.

import {
  CLOUDEVENTS_VERSION,
  FACT_CONTRACTS,
  HEADERS,
  LIMITS,
  decode,
  encode,
  siblingSubject,
  voteSubject,
  type CallFact,
  type MessageOf,
} from '@flow-mcp/contracts';
import { RetryableError, type CallId, type EpochMs, type Name } from '@flow-mcp/kernel';
import type { FactHeaders, StoredFact } from '@flow-mcp/messaging';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OnSettled } from './metrics.js';

/** What the executor needs of a ledger. */
export interface FactStore {
  append(subject: string, payload: Uint8Array, headers: FactHeaders): Promise<{ readonly result: 'mine' | 'other' }>;
  read(subject: string): Promise<StoredFact | undefined>;
}

/** Facts of which a call has one each. */
export type SingleFact = Exclude<CallFact, 'voted'>;

/** A fact's message. */
export type FactMessage<F extends SingleFact> = MessageOf<(typeof FACT_CONTRACTS)[F]>;

const SOURCE = '/flow-mcp/executor';
const RETRY_MAX_MS = 5_000;

/** Reads and writes the facts of one call, named by the subject of any of its facts. */
export class CallLog {
  readonly #store: FactStore;
  readonly #nowMs: () => number;
  readonly #onSettled: OnSettled;

  constructor(store: FactStore, nowMs: () => number, onSettled: OnSettled) {
    this.#store = store;
    this.#nowMs = nowMs;
    this.#onSettled = onSettled;
  }

  /** Whether this write won. @throws RetryableError when that is unknown */
  async append<F extends SingleFact>(of: StoredFact, fact: F, message: FactMessage<F>): Promise<boolean> {
    const { type, ...definition } = FACT_CONTRACTS[fact];
    const payload = encode({ type, ...definition } as never, message as never);
    const { result } = await this.#store.append(siblingSubject(of.subject, fact), payload, this.#envelope(of, type));
    if (fact === 'settled' && result === 'mine') this.#onSettled(message as FactMessage<'settled'>);
    return result === 'mine';
  }

  /** As `append`, for what must not be lost: tries until the broker has answered or `signal` aborts. */
  async appendSurely<F extends SingleFact>(
    of: StoredFact,
    fact: F,
    message: FactMessage<F>,
    signal: AbortSignal,
  ): Promise<boolean> {
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        return await this.append(of, fact, message);
      } catch (error) {
        if (!(error instanceof RetryableError) || signal.aborted) throw error;
        await sleep(waitMs);
      }
    }
  }

  /** A fact's message, if this read finds one; a miss proves nothing. */
  async read<F extends SingleFact>(of: { readonly subject: string }, fact: F): Promise<FactMessage<F> | undefined> {
    const stored = await this.#store.read(siblingSubject(of.subject, fact));
    return stored === undefined ? undefined : decodeFact(fact, stored);
  }

  /** When the broker stored a person's vote; `undefined` when this read did not find it. */
  async votedAtMs(flow: Name, callId: CallId, voter: string): Promise<EpochMs | undefined> {
    return (await this.#store.read(voteSubject(flow, callId, voter)))?.storedAtMs;
  }

  #envelope(cause: StoredFact, type: string): FactHeaders {
    const traceparent = cause.headers.get(HEADERS.traceparent);
    return [
      [HEADERS.specVersion, CLOUDEVENTS_VERSION],
      [HEADERS.type, type],
      [HEADERS.source, SOURCE],
      [HEADERS.time, new Date(this.#nowMs()).toISOString()],
      ...(traceparent === undefined ? [] : ([[HEADERS.traceparent, traceparent]] as const)),
    ];
  }
}

/** The message of a stored fact of ours. */
export function decodeFact<F extends SingleFact>(fact: F, stored: StoredFact): FactMessage<F> {
  return decode(FACT_CONTRACTS[fact] as never, stored.payload, LIMITS.messageBytes);
}
