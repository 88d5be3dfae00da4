// Finishes what is due: holds that expired or were cancelled, and votes whose replica died before it could decide.
//
//   E1. One timer for any number of calls: each look goes through the table, which takes a millisecond for 10,000.
//   E2. What could not be written stays in the table and is due at the next look.
//   E3. A vote gets a moment before anybody else acts on it, and before its call expires: the replica that took it
//       decides, the others look at moments of their own and mostly find the decision already there. Whoever is too
//       late learns the stored decision from the broker; none is ever written twice.

import type { BrokerClock } from '@flow-mcp/messaging';
import { RetryableError } from '@flow-mcp/kernel';
import { setTimeout as sleep } from 'node:timers/promises';
import { decisionOf } from './decision.js';
import type { HeldCalls } from './held-calls.js';
import type { HeldCall } from './pending-calls.js';

const LOOK_EVERY_MS = 100;
const GRACE_MS = 100;
const AT_ONCE_MAX = 32;

/** Told how it went. */
export interface ExpiryReport {
  /** After each look: how many calls are pending. */
  pending(count: number): void;
  failed(call: HeldCall, error: unknown): void;
}

/** See the file's header. */
export class Expiry {
  private readonly calls: HeldCalls;
  private readonly clock: Pick<BrokerClock, 'nowMs'>;
  private readonly report: ExpiryReport;
  /** Calls as they were when deciding them failed for good; another fact makes another object of the call. */
  private readonly givenUp = new WeakSet<HeldCall>();

  constructor(calls: HeldCalls, clock: Pick<BrokerClock, 'nowMs'>, report: ExpiryReport) {
    this.calls = calls;
    this.clock = clock;
    this.report = report;
  }

  /** Looks again and again until `signal` aborts; returns when nothing is being written any more. */
  async run(signal: AbortSignal): Promise<void> {
    await pause(Math.random() * LOOK_EVERY_MS, signal);
    while (!signal.aborted) {
      await this.look(signal);
      await pause(LOOK_EVERY_MS, signal);
    }
  }

  /** Decides every call that is due. */
  async look(signal?: AbortSignal): Promise<void> {
    const nowMs = this.clock.nowMs() - GRACE_MS;
    const due = [...this.calls.allPending()].filter((call) => this.isDue(call, nowMs)).values();
    const decideNext = async (): Promise<void> => {
      for (const call of due) if (signal?.aborted === true || !(await this.decide(call, nowMs))) return;
    };
    await Promise.all(Array.from({ length: AT_ONCE_MAX }, decideNext));
    this.report.pending(this.calls.pendingCount);
  }

  /** E3. */
  private isDue(call: HeldCall, nowMs: number): boolean {
    const isFresh = (call.votes.at(-1)?.storedAtMs ?? 0) > nowMs;
    return !isFresh && !this.givenUp.has(call) && decisionOf(call, nowMs) !== undefined;
  }

  /** Whether it is worth going on with the next call. */
  private async decide({ flow, callId }: HeldCall, nowMs: number): Promise<boolean> {
    const call = this.calls.pending({ flow, callId });
    const decision = call && decisionOf(call, nowMs);
    if (call === undefined || decision === undefined) return true;
    try {
      await this.calls.decide(call, decision);
      return true;
    } catch (error) {
      this.report.failed(call, error);
      if (error instanceof RetryableError) return false;
      this.givenUp.add(call);
      return true;
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
