// The facts of calls: how this service reads and writes the ledger.

import { CLOUDEVENTS_VERSION, HEADERS, LIMITS, decode, encode, expectType, type Contract } from '@flow-mcp/contracts';
import type { EpochMs } from '@flow-mcp/kernel';
import type { Ledger, StoredFact } from '@flow-mcp/messaging';

const SOURCE = '/flow-mcp/confirmation';

/** What this service needs of a ledger. */
export type FactStore = Pick<Ledger, 'append' | 'read'>;

/** The message that is stored now, and whether it is ours. */
export interface Written<T> {
  readonly mine: boolean;
  readonly message: T;
  /** The broker's time of storing; of what was written just now, as near as our clock knows it. */
  readonly storedAtMs: EpochMs;
}

/** Reads and writes facts by their contracts. */
export class CallFacts {
  private readonly store: FactStore;
  private readonly nowMs: () => EpochMs;

  /** @param nowMs the broker's time */
  constructor(store: FactStore, nowMs: () => EpochMs) {
    this.store = store;
    this.nowMs = nowMs;
  }

  /** The fact on `subject`, if this read finds one; a miss proves nothing. */
  async find(subject: string): Promise<StoredFact | undefined> {
    return this.store.read(subject);
  }

  /** What the fact on `subject` says; as `find`. */
  async read<T>(subject: string, contract: Contract<T>): Promise<T | undefined> {
    const stored = await this.store.read(subject);
    return stored === undefined ? undefined : messageOf(contract, stored);
  }

  /** Writes a fact unless there is one. @throws RetryableError when it is unknown which is stored */
  async write<T>(subject: string, contract: Contract<T>, message: T, traceparent?: string): Promise<Written<T>> {
    const headers = this.envelope(contract, traceparent);
    const appended = await this.store.append(subject, encode(contract, message), headers);
    if (appended.result === 'mine') return { mine: true, message, storedAtMs: this.nowMs() };
    const { fact } = appended;
    return { mine: false, message: messageOf(contract, fact), storedAtMs: fact.storedAtMs };
  }

  private envelope({ type }: Contract<unknown>, traceparent: string | undefined): [string, string][] {
    return [
      [HEADERS.specVersion, CLOUDEVENTS_VERSION],
      [HEADERS.type, type],
      [HEADERS.source, SOURCE],
      [HEADERS.time, new Date(this.nowMs()).toISOString()],
      ...(traceparent === undefined ? [] : [[HEADERS.traceparent, traceparent] satisfies [string, string]]),
    ];
  }
}

/** What a stored fact says. @throws PoisonError of another version; RefusedError `ERR_MESSAGE_INVALID` */
export function messageOf<T>(contract: Contract<T>, { headers, payload }: StoredFact): T {
  expectType(contract, headers.get(HEADERS.type));
  return decode(contract, payload, LIMITS.messageBytes);
}
