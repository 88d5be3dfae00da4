// What must be true of every history, whatever was killed, paused or cut off in it: one checker for all specs.
// `invariants.spec.ts` feeds it doctored histories, so that it is known to bite.
//
//   I1. Every requested call has exactly one `settled`, and no fact stands twice.
//   I2. A tool runs at most once; at most twice where its verdict said that this is safe; each attempt at most once.
//   I3. The outcome agrees with what the MCP server counted.
//   I4. Nothing runs that is not already recorded: `verdict(run)`, or `decided(accepted)` and `resumed(run)`, comes
//       first, and `retried` before a second run.
//   I5. After `settled` the executor writes nothing but `late`, and that only where the outcome is `unknown` or
//       the call was retried.
//   I6. Rows are facts: same sequences without a gap or a repeat, same subject, same time, same bytes.
//   I7. There is one row in `calls` for each requested call, with its outcome and all of its facts.
//   I8. No secret lies in a fact or in a row.
//   I9. No more calls are `unknown` than were disturbed while they ran.

import { callRowViolations, rowViolations } from './audit-invariants.js';
import { callViolations } from './call-invariants.js';
import { callsOf, repeats, type Call, type History } from './history.js';

/** What a spec knows about its own history. */
export interface Expectations {
  /** I9. */
  readonly unknownMax: number;
  /** I8: texts that must lie nowhere. */
  readonly secrets?: readonly string[];
}

/** Every violation, a sentence that begins with its invariant; none for a clean history. */
export function violations(history: History, { unknownMax, secrets = [] }: Expectations): string[] {
  const calls = callsOf(history);
  const subjects = history.facts.map(({ subject }) => subject);
  return [
    ...repeats(subjects).map((subject) => `I1 ${subject} stands more than once`),
    ...calls.flatMap(callViolations),
    ...strayExecutions(history, calls),
    ...rowViolations(history),
    ...callRowViolations(history, calls),
    ...leaks(history, secrets),
    ...tooManyUnknown(calls, unknownMax),
  ];
}

function strayExecutions({ executions }: History, calls: readonly Call[]): string[] {
  const known = new Set(calls.map(({ callId }) => callId));
  const stray = executions.filter(({ jti }) => !known.has(jti.split('.')[0] ?? ''));
  return stray.map(({ jti }) => `I4 ${jti === '' ? 'something' : jti} ran without a call`);
}

function leaks({ facts, rows }: History, secrets: readonly string[]): string[] {
  const payloads = facts.map(({ payload }) => Buffer.from(payload));
  const leaked = (secret: string) =>
    payloads.some((payload) => payload.includes(secret)) || rows.some(({ headers }) => headers.includes(secret));
  return secrets.filter(leaked).map((secret) => `I8 the secret ${secret.slice(0, 4)}… lies in a fact or a row`);
}

function tooManyUnknown(calls: readonly Call[], unknownMax: number): string[] {
  const { length } = calls.filter(({ settled }) => settled?.outcome === 'unknown');
  return length > unknownMax ? [`I9 ${length} calls are unknown, at most ${unknownMax} were disturbed`] : [];
}
