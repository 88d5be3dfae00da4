// A write-once ledger in memory whose k-th I/O can die, before or after it took effect.

import type { Contract } from '@flow-mcp/contracts';
import { MessageHeaders, type Appended, type FactHeaders, type StoredFact } from '@flow-mcp/messaging';
import type { FactStore } from '../facts.js';

/** Where the process dies. */
export interface Death {
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** The process is gone; whoever waits for it gets no answer. */
export class Died extends Error {}

export class FakeLedger implements FactStore {
  nowMs: number;
  io = 0;
  private readonly facts = new Map<string, StoredFact>();
  private readonly death: Death | undefined;

  constructor(nowMs: number, death?: Death) {
    this.nowMs = nowMs;
    this.death = death;
  }

  /** Every fact, in the order of the stream. */
  all(): StoredFact[] {
    return [...this.facts.values()];
  }

  /** What is stored on `subject`, read without I/O. */
  message<T>(subject: string): T | undefined {
    const fact = this.facts.get(subject);
    return fact && (JSON.parse(Buffer.from(fact.payload).toString()) as T);
  }

  put<T>(subject: string, { type }: Contract<T>, message: T): void {
    this.store(subject, Buffer.from(JSON.stringify(message)), [['ce-type', type]]);
  }

  async append(subject: string, payload: Uint8Array, headers: FactHeaders = []): Promise<Appended> {
    return this.step(() => {
      const fact = this.facts.get(subject);
      return fact === undefined
        ? { result: 'mine', seq: this.store(subject, payload, headers) }
        : { result: 'other', fact };
    });
  }

  async read(subject: string): Promise<StoredFact | undefined> {
    return this.step(() => this.facts.get(subject));
  }

  /** Counts as one I/O. */
  async step<T>(effect: () => T): Promise<T> {
    const dies = ++this.io === this.death?.at;
    if (dies && this.death?.when === 'before') throw new Died();
    const value = effect();
    if (dies) throw new Died();
    return value;
  }

  private store(subject: string, payload: Uint8Array, headers: FactHeaders): number {
    const seq = this.facts.size + 1;
    this.facts.set(subject, {
      subject,
      seq,
      payload,
      headers: new MessageHeaders(headers),
      nonce: undefined,
      storedAtMs: this.nowMs,
    });
    return seq;
  }
}
