// Takes a call one step further: what both handlers do with a delivery.
//
//   H1. The first delivery reads nothing: if somebody was here before, writing the arbiter tells.
//   H2. Whoever did not win a step does nothing and looks again later; only who has read `settled` or a hold acks.
//   H3. A refusal settles by whoever comes by, because it says all that `settled` needs.

import { nextStep, type CallFacts, type NextStep, type Trigger } from '@flow-mcp/call';
import type { Resumed, RunTerms, Settled, Verdict } from '@flow-mcp/contracts';
import type { Delivery, Disposition } from '@flow-mcp/messaging';
import type { CallLog } from './call-log.js';
import type { Clock } from './clock.js';
import type { Entrance } from './entrance.js';
import type { LostRuns } from './lost-runs.js';
import type { RegistryCopy } from './registry-copy.js';
import { retry } from './retry.js';
import type { Runner } from './runner.js';

/** A refusal in either arbiter fact. */
export type RefusalFact = Extract<Verdict | Resumed, { step: 'refuse' }>;

/** What both handlers work with. */
export interface Steps {
  readonly log: CallLog;
  readonly runner: Runner;
  readonly registry: RegistryCopy;
  readonly entrance: Entrance;
  readonly lost: LostRuns;
  readonly clock: Clock;
  /** Beyond a run's time-out; longer than its JWT is accepted. */
  readonly graceMs: number;
  readonly stopping: AbortSignal;
}

const ACK: Disposition = { ack: true };
const LOOK_AGAIN: Disposition = { nakMs: 1_000 };
const WAIT_MAX_MS = 30_000;

/** The facts that decide what is next. */
export interface LoadedCall extends CallFacts<RefusalFact> {
  readonly verdict?: Verdict;
  readonly resumed?: Resumed;
  readonly retried?: { readonly run: RunTerms };
}

/** Handles one delivery; `arbitrate` writes the arbiter of this step and does what winning it asks for. */
export async function advance(
  delivery: Delivery,
  trigger: Trigger,
  steps: Steps,
  arbitrate: (call: LoadedCall) => Promise<Disposition>,
): Promise<Disposition> {
  const call = delivery.deliveryCount === 1 ? { retrySafe: false } : await load(delivery, trigger, steps.log);
  const waitedMs = hasRun(call, trigger)
    ? steps.lost.waitedMs(`${delivery.fact.subject} ${call.retried === undefined ? 1 : 2}`)
    : 0;
  const step = nextStep<RefusalFact>(call, trigger, { waitedMs, graceMs: steps.graceMs });
  return step.do === 'arbitrate' ? arbitrate(call) : act(step, delivery, call, steps);
}

/** Settles a refusal; a lost race means that it is settled. */
export async function settleRefusal(
  { fact }: Delivery,
  { outcome, code, reason }: RefusalFact,
  { log, stopping }: Steps,
): Promise<Disposition> {
  await log.appendSurely(fact, 'settled', { outcome, code, message: reason, attempt: 0 }, stopping);
  return ACK;
}

/** The answer to a lost race. */
export function lostTheStep(): Disposition {
  return LOOK_AGAIN;
}

/** The answer when the call's work is done. */
export function done(): Disposition {
  return ACK;
}

async function act(
  step: Exclude<NextStep<RefusalFact>, { do: 'arbitrate' }>,
  delivery: Delivery,
  call: LoadedCall,
  steps: Steps,
): Promise<Disposition> {
  switch (step.do) {
    case 'ack':
      return ACK;
    case 'settle':
      return settleRefusal(delivery, step.refusal, steps);
    case 'wait':
      return { nakMs: Math.min(step.forMs, WAIT_MAX_MS) };
    case 'retry':
      return (await retry(delivery, call.verdict, steps)) ?? settleUnknown(delivery, 1, steps);
    case 'settle-unknown':
      return settleUnknown(delivery, step.attempt, steps);
  }
}

async function settleUnknown({ fact }: Delivery, attempt: 1 | 2, { log, stopping }: Steps): Promise<Disposition> {
  const message = 'Whoever ran the tool stopped before it answered. It may have happened: check before you repeat it.';
  const settled: Settled = { outcome: 'unknown', code: 'ERR_OWNER_LOST', message, attempt };
  await log.appendSurely(fact, 'settled', settled, stopping);
  return ACK;
}

async function load({ fact }: Delivery, trigger: Trigger, log: CallLog): Promise<LoadedCall> {
  const [verdict, resumed, retried, settled] = await Promise.all([
    log.read(fact, 'verdict'),
    trigger === 'decided' ? log.read(fact, 'resumed') : undefined,
    log.read(fact, 'retried'),
    log.read(fact, 'settled'),
  ]);
  const found: { verdict?: Verdict; resumed?: Resumed; retried?: { run: RunTerms }; settled?: Settled } = {};
  if (verdict !== undefined) found.verdict = verdict;
  if (resumed !== undefined) found.resumed = resumed;
  if (retried !== undefined) found.retried = retried;
  if (settled !== undefined) found.settled = settled;
  return { ...found, retrySafe: verdict !== undefined && verdict.step !== 'refuse' && verdict.retrySafe };
}

function hasRun({ verdict, resumed, retried }: LoadedCall, trigger: Trigger): boolean {
  return retried !== undefined || (trigger === 'requested' ? verdict : resumed)?.step === 'run';
}
