// Waits for the one outcome of a call, and tells what happens on the way.
//
// 1. A fact may come by subscription, by a read, or by both: it is taken once.
// 2. `verdict` and `decided` are told before the outcome, also when their messages were lost.
// 3. A callback that throws is reported and changes nothing.
// 4. What happens on the way and cannot be read is reported; only an unreadable outcome ends the waiting.

import {
  FACT_CONTRACTS,
  HEADERS,
  LIMITS,
  callSubject,
  decode,
  expectType,
  type Decided,
  type Progress,
  type Settled,
  type Verdict,
} from '@flow-mcp/contracts';
import { RetryableError, type CallId } from '@flow-mcp/kernel';
import type { Ledger, Report, RepublishedFact } from '@flow-mcp/messaging';
import type { WatchedFact } from './flow-facts.js';
import type { CallKey } from './request.js';
import type { CallCallbacks, CallOutcome, HeldCall } from './types.js';

/** What a waiter needs besides its call. */
export interface WaiterContext {
  readonly ledger: Pick<Ledger, 'read'>;
  readonly report: Report;
}

/** See the file's header. */
export class CallWaiter {
  readonly callId: CallId;
  /** @throws what `fail` was given */
  readonly outcome: Promise<CallOutcome>;
  readonly #call: CallKey;
  readonly #context: WaiterContext;
  readonly #callbacks: CallCallbacks;
  readonly #seen = new Set<WatchedFact>();
  #ends: (() => void)[] | undefined = [];
  #held: HeldCall | undefined;
  #resolve!: (outcome: CallOutcome) => void;
  #reject!: (error: unknown) => void;

  constructor(call: CallKey, context: WaiterContext, callbacks: CallCallbacks) {
    this.callId = call.callId;
    this.#call = call;
    this.#context = context;
    this.#callbacks = callbacks;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever made this waiter awaits the outcome, but perhaps not before it fails.
    this.outcome.catch(() => undefined);
  }

  /** Calls back when there is nothing more to wait for, which may be now. */
  onEnd(end: () => void): void {
    if (this.#ends === undefined) end();
    else this.#ends.push(end);
  }

  /** The request is stored. Never throws. */
  requested(): void {
    this.#tell(this.#callbacks.onRequested, this.callId);
  }

  /** Takes a stored fact. Never throws. */
  take(fact: WatchedFact, { payload, headers }: Pick<RepublishedFact, 'payload' | 'headers'>): void {
    if (this.#seen.has(fact)) return;
    this.#seen.add(fact);
    try {
      expectType(FACT_CONTRACTS[fact], headers.get(HEADERS.type));
      const message = decode<Verdict | Decided | Settled>(FACT_CONTRACTS[fact], payload, LIMITS.messageBytes);
      if (fact === 'verdict') this.#takeVerdict(message as Verdict);
      else if (fact === 'decided') this.#tell(this.#callbacks.onDecided, message as Decided);
      else void this.#settle(message as Settled);
    } catch (error) {
      if (fact === 'settled') this.fail(error);
      else this.#context.report(`The ${fact} of call ${this.callId} cannot be read.`, error); // Invariant 4.
    }
  }

  /** Takes progress. Never throws. */
  progress(progress: Progress): void {
    this.#tell(this.#callbacks.onProgress, progress);
  }

  /** Reads what was not seen yet. Never throws: what cannot be read now is read later. */
  async read(): Promise<void> {
    try {
      await this.#readFact('verdict');
      if (this.#held !== undefined) await this.#readFact('decided');
      await this.#readFact('settled');
    } catch (error) {
      if (!(error instanceof RetryableError)) this.fail(error);
    }
  }

  /** Ends the waiting; the call itself goes on. */
  fail(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  #takeVerdict(verdict: Verdict): void {
    if (verdict.step !== 'hold') return;
    const { actor, rule, server, tool, hold } = verdict;
    const { digest, approvers, requesterMayDecide, approvals, expiresAtMs } = hold;
    this.#held = {
      ...{ callId: this.callId, server: server.name, tool, requester: actor, rule },
      ...{ digest, approvers, requesterMayDecide, approvals, expiresAtMs },
    };
    this.#tell(this.#callbacks.onHeld, this.#held);
  }

  /** Invariant 2. */
  async #settle(settled: Settled): Promise<void> {
    await this.read();
    this.#end();
    this.#resolve({ ...settled, ...this.#call, ...(this.#held === undefined ? {} : { held: this.#held }) });
  }

  async #readFact(fact: WatchedFact): Promise<void> {
    if (this.#seen.has(fact)) return;
    const stored = await this.#context.ledger.read(callSubject(this.#call.flow, this.callId, fact));
    if (stored !== undefined) this.take(fact, stored);
  }

  /** Invariant 3. */
  #tell<T>(callback: ((value: T) => unknown) | undefined, value: T): void {
    const told = async () => callback?.(value);
    told().catch((error: unknown) => this.#context.report(`A callback of call ${this.callId} threw.`, error));
  }

  #end(): void {
    const ends = this.#ends ?? [];
    this.#ends = undefined;
    for (const end of ends) end();
  }
}
