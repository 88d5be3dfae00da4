// What must be true of one call; see invariants.ts.

import type { CallFact, Outcome } from '@flow-mcp/contracts';
import { kindOf, repeats, type Call, type HistoryFact } from './history.js';

const NOT_RUN: readonly Outcome[] = ['denied', 'declined', 'expired', 'cancelled', 'busy'];
const ANSWERED: readonly Outcome[] = ['succeeded', 'tool_error'];
const ORDER: readonly CallFact[] = ['requested', 'verdict', 'decided', 'resumed', 'retried', 'settled'];
/** What requesters and voters may still write: their race with the end of a call is theirs. */
const ALLOWED_AFTER_SETTLED: readonly CallFact[] = ['cancel', 'voted', 'late'];

const CHECKS: readonly ((call: Call) => string[])[] = [
  exactlyOneOutcome,
  atMostOnce,
  outcomeAgrees,
  refusalStands,
  recordedFirst,
  stepsFollow,
  nothingAfterSettled,
];

/** Every violation of one call. */
export function callViolations(call: Call): string[] {
  return CHECKS.flatMap((check) => check(call));
}

function exactlyOneOutcome({ key, settled, seqs }: Call): string[] {
  if (!seqs.has('requested') || settled !== undefined) return [];
  return [`I1 ${key} has no outcome; it has ${[...seqs.keys()].join(', ')}`];
}

function atMostOnce({ key, verdict, executions }: Call): string[] {
  const retrySafe = verdict !== undefined && verdict.step !== 'refuse' && verdict.retrySafe;
  const max = retrySafe ? 2 : 1;
  const tooOften = executions.length > max ? [`I2 ${key} ran ${executions.length} times, at most ${max} allowed`] : [];
  const repeated = repeats(executions.map(({ jti }) => jti));
  return [...tooOften, ...repeated.map((jti) => `I2 ${key}: attempt ${jti} ran more than once`)];
}

function outcomeAgrees({ key, settled, executions, seqs }: Call): string[] {
  if (settled === undefined) return [];
  const { outcome, attempt } = settled;
  const ran = executions.length;
  if (ANSWERED.includes(outcome) && ran === 0) return [`I3 ${key} settled ${outcome}, and nothing ran`];
  if (NOT_RUN.includes(outcome) && ran > 0) return [`I3 ${key} settled ${outcome}, and ran ${ran} times`];
  const attempts = seqs.has('retried') && attempt > 0 ? 2 : attempt;
  return attempts < ran ? [`I3 ${key} settled ${outcome} after ${attempts} attempts, and ran ${ran} times`] : [];
}

function recordedFirst(call: Call): string[] {
  return call.executions.flatMap(({ jti, at }) => {
    const arbiter = arbiterOf(call, jti);
    if (arbiter === undefined) return [`I4 ${jti} ran, and no fact allows it`];
    return arbiter.storedAtMs > at ? [`I4 ${jti} ran at ${at}, recorded only at ${arbiter.storedAtMs}`] : [];
  });
}

/** The fact that allowed this attempt. */
function arbiterOf({ verdict, decided, resumed, facts, callId }: Call, jti: string): HistoryFact | undefined {
  const find = (kind: CallFact) => facts.find((fact) => kindOf(fact) === kind);
  if (jti === `${callId}.2`) return find('retried');
  if (jti !== `${callId}.1`) return undefined;
  if (verdict?.step === 'run') return find('verdict');
  const accepted = verdict?.step === 'hold' && decided?.decision === 'accepted' && resumed?.step === 'run';
  return accepted ? find('resumed') : undefined;
}

/** Each step after the one that it follows from. */
function stepsFollow({ key, verdict, settled, seqs }: Call): string[] {
  const present = ORDER.filter((kind) => seqs.has(kind)).map((kind) => seqs.get(kind) ?? 0);
  const inOrder = present.every((seq, at) => at === 0 || seq > (present[at - 1] ?? 0));
  const missing = settled === undefined || verdict?.step === 'run' ? [] : missingSteps(verdict?.step, seqs);
  return [
    ...(inOrder ? [] : [`I4 ${key} has its facts in the order ${[...seqs.keys()].join(', ')}`]),
    ...missing.map((kind) => `I4 ${key} settled without ${kind}`),
  ];
}

/** A refusal is what is settled. */
function refusalStands({ key, verdict, resumed, settled }: Call): string[] {
  const refusal = verdict?.step === 'refuse' ? verdict : resumed?.step === 'refuse' ? resumed : undefined;
  if (settled === undefined || refusal === undefined || refusal.outcome === settled.outcome) return [];
  return [`I3 ${key} was refused ${refusal.outcome} and settled ${settled.outcome}`];
}

function missingSteps(step: 'hold' | 'refuse' | undefined, seqs: ReadonlyMap<CallFact, number>): CallFact[] {
  const needed: readonly CallFact[] = step === 'hold' ? ['verdict', 'decided', 'resumed'] : ['verdict'];
  return needed.filter((kind) => !seqs.has(kind));
}

function nothingAfterSettled({ key, facts, seqs, settled }: Call): string[] {
  const end = seqs.get('settled');
  if (end === undefined) return [];
  const after = facts.filter((fact) => fact.seq > end && !ALLOWED_AFTER_SETTLED.includes(kindOf(fact)));
  const late = seqs.has('late') && settled?.outcome !== 'unknown' && !seqs.has('retried');
  return [
    ...after.map((fact) => `I5 ${key} has ${kindOf(fact)} after settled`),
    ...(late ? [`I5 ${key} has late after ${settled?.outcome}`] : []),
  ];
}
