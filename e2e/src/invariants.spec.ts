// A checker that finds nothing must be known to bite: each test doctors a clean history in one way.

import { createHash } from 'node:crypto';
import type { History, HistoryFact } from './history.js';
import { violations } from './invariants.js';

const RUN = '01932c6e-7d5a-7c3f-9b1e-2f4a6c8e0d12';
const HELD = '01932c6e-7d5b-7c3f-9b1e-2f4a6c8e0d12';
const SAFE = '01932c6e-7d5c-7c3f-9b1e-2f4a6c8e0d12';
const DENIED = '01932c6e-7d5d-7c3f-9b1e-2f4a6c8e0d12';

/** A call that ran, one that was held and accepted, one that was retried, and one that was denied. */
const FACTS: readonly (readonly [string, string, object])[] = [
  [RUN, 'requested', {}],
  [RUN, 'verdict', { step: 'run', retrySafe: false }],
  [HELD, 'requested', {}],
  [HELD, 'verdict', { step: 'hold', retrySafe: false }],
  [RUN, 'settled', { outcome: 'succeeded', attempt: 1 }],
  [HELD, 'voted.abc', { vote: 'accept' }],
  [HELD, 'decided', { decision: 'accepted' }],
  [HELD, 'resumed', { step: 'run' }],
  [HELD, 'settled', { outcome: 'unknown', attempt: 1 }],
  [HELD, 'late', { outcome: 'succeeded', attempt: 1 }],
  [SAFE, 'requested', {}],
  [SAFE, 'verdict', { step: 'run', retrySafe: true }],
  [SAFE, 'retried', {}],
  [SAFE, 'settled', { outcome: 'succeeded', attempt: 2 }],
  [DENIED, 'requested', {}],
  [DENIED, 'verdict', { step: 'refuse', outcome: 'denied' }],
  [DENIED, 'settled', { outcome: 'denied', attempt: 0 }],
];
const EXECUTIONS = [
  { jti: `${RUN}.1`, at: 2 },
  { jti: `${HELD}.1`, at: 8 },
  { jti: `${SAFE}.1`, at: 12 },
  { jti: `${SAFE}.2`, at: 13 },
];

function factAt([callId, fact, message]: (typeof FACTS)[number], at: number): HistoryFact {
  const subject = `flowmcp.v1.calls.payments.${callId}.${fact}`;
  return { stream: 'LEDGER', seq: at + 1, storedAtMs: at + 1, subject, payload: Buffer.from(JSON.stringify(message)) };
}

/** A history of these facts, with the rows that an honest ingester makes of them. */
function historyOf(facts: readonly HistoryFact[], executions: History['executions'] = EXECUTIONS): History {
  const outcomeOf = (callId: string) => {
    const settled = facts.find(({ subject }) => subject.endsWith(`${callId}.settled`));
    return settled === undefined ? '' : (JSON.parse(String(settled.payload)) as { outcome: string }).outcome;
  };
  return {
    facts,
    executions,
    rows: facts.map(({ stream, seq, subject, storedAtMs, payload }) => ({
      ...{ stream, seq, subject, storedAtMs, headers: '{}' },
      sha256: createHash('sha256').update(payload).digest('hex'),
    })),
    calls: [RUN, HELD, SAFE, DENIED].map((callId) => ({
      flow: 'payments',
      callId,
      outcome: outcomeOf(callId),
      facts: facts.filter(({ subject }) => subject.includes(callId)).length,
    })),
  };
}

const CLEAN = historyOf(FACTS.map(factAt));

/** The clean facts with one left out, replaced or added at the end. */
function doctored(change: (facts: (typeof FACTS)[number][]) => (typeof FACTS)[number][]): History {
  return historyOf(change([...FACTS]).map(factAt));
}

function without(callId: string, fact: string): History {
  return doctored((facts) => facts.filter(([of, kind]) => of !== callId || kind !== fact));
}

function settledAs(callId: string, outcome: string, attempt: number): History {
  return doctored((facts) =>
    facts.map((given) =>
      given[0] === callId && given[1] === 'settled' ? [callId, 'settled', { outcome, attempt }] : given,
    ),
  );
}

function found(history: History, unknownMax = 1, secrets: string[] = []): string[] {
  return violations(history, { unknownMax, secrets }).map((violation) => violation.slice(0, 2));
}

test('a clean history has no violation', () => {
  expect(violations(CLEAN, { unknownMax: 1, secrets: ['hunter2'] })).toEqual([]);
});

describe('I1', () => {
  test('a call without an outcome', () => {
    expect(found(without(RUN, 'settled'))).toContain('I1');
  });
  test('two outcomes', () => {
    expect(found(doctored((facts) => [...facts, [RUN, 'settled', { outcome: 'failed', attempt: 1 }]]))).toContain('I1');
  });
});

describe('I2', () => {
  test('one run too many', () => {
    expect(found({ ...CLEAN, executions: [...EXECUTIONS, { jti: `${RUN}.2`, at: 9 }] })).toContain('I2');
    expect(found({ ...CLEAN, executions: [...EXECUTIONS, { jti: `${SAFE}.3`, at: 99 }] })).toContain('I2');
  });
  test('one attempt twice', () => {
    const executions = EXECUTIONS.map((execution) => ({
      ...execution,
      jti: execution.jti.replace(`${SAFE}.2`, `${SAFE}.1`),
    }));
    expect(found({ ...CLEAN, executions })).toEqual(['I2']);
  });
});

describe('I3', () => {
  test('succeeded, and nothing ran', () => {
    expect(found({ ...CLEAN, executions: EXECUTIONS.slice(1) })).toEqual(['I3']);
  });
  test.each(['denied', 'declined', 'expired', 'cancelled', 'busy'])('%s, and ran', (outcome) => {
    expect(found(settledAs(RUN, outcome, 1))).toEqual(['I3']);
  });
  test('more runs than attempts', () => {
    expect(found(settledAs(RUN, 'failed', 0))).toEqual(['I3']);
    expect(found(settledAs(SAFE, 'failed', 0))).toEqual(['I3']);
  });
  test('another outcome than the refusal', () => {
    expect(found(settledAs(DENIED, 'failed', 0))).toEqual(['I3']);
  });
});

describe('I4', () => {
  test('ran before it was recorded', () => {
    expect(found({ ...CLEAN, executions: [{ jti: `${RUN}.1`, at: 1 }, ...EXECUTIONS.slice(1)] })).toEqual(['I4']);
  });
  test('ran without a fact that allows it', () => {
    expect(found(without(SAFE, 'retried'))).toEqual(['I4']);
    expect(found(without(HELD, 'resumed'))).toContain('I4');
    expect(found({ ...CLEAN, executions: [...EXECUTIONS, { jti: 'x.1', at: 9 }] })).toEqual(['I4']);
  });
  test('ran although it was declined', () => {
    const declined = doctored((facts) =>
      facts.map((given) => (given[1] === 'decided' ? [HELD, 'decided', { decision: 'declined' }] : given)),
    );
    expect(found(declined)).toContain('I4');
  });
  test('settled without a verdict, and steps out of order', () => {
    expect(found(without(DENIED, 'verdict'))).toEqual(['I4']);
    expect(found(doctored(([requested, verdict, ...facts]) => [verdict!, requested!, ...facts]))).toContain('I4');
  });
});

describe('I5', () => {
  test('a step after the end', () => {
    expect(found(doctored((facts) => [...facts, [RUN, 'retried', {}]]))).toContain('I5');
  });
  test('an answer that was late although the outcome was known', () => {
    expect(found(settledAs(HELD, 'succeeded', 1))).toEqual(['I5']);
  });
  test('what requesters and voters may still write', () => {
    expect(found(doctored((facts) => [...facts, [RUN, 'cancel', {}], [HELD, 'voted.def', {}]]))).toEqual([]);
  });
});

describe('I6', () => {
  test('a row that is missing, doubled, altered or invented', () => {
    const [first, ...others] = CLEAN.rows;
    expect(found({ ...CLEAN, rows: others })).toEqual(['I6']);
    expect(found({ ...CLEAN, rows: [first!, ...CLEAN.rows] })).toEqual(['I6']);
    expect(found({ ...CLEAN, rows: [{ ...first!, sha256: '0' }, ...others] })).toEqual(['I6']);
    expect(found({ ...CLEAN, rows: [{ ...first!, subject: 'x' }, ...others] })).toEqual(['I6']);
    expect(found({ ...CLEAN, rows: [{ ...first!, storedAtMs: 0 }, ...others] })).toEqual(['I6']);
    expect(found({ ...CLEAN, rows: [...CLEAN.rows, { ...first!, seq: 99 }] })).toEqual(['I6']);
  });
  test('a gap in the stream', () => {
    const facts = CLEAN.facts.map((fact) => (fact.seq === 1 ? { ...fact, seq: 99 } : fact));
    expect(found(historyOf(facts))).toContain('I6');
  });
});

test('I7 a call whose row is missing, doubled, wrong or incomplete', () => {
  const [first, ...others] = CLEAN.calls;
  expect(found({ ...CLEAN, calls: others })).toEqual(['I7']);
  expect(found({ ...CLEAN, calls: [first!, ...CLEAN.calls] })).toEqual(['I7']);
  expect(found({ ...CLEAN, calls: [{ ...first!, outcome: 'failed' }, ...others] })).toEqual(['I7']);
  expect(found({ ...CLEAN, calls: [{ ...first!, facts: 2 }, ...others] })).toEqual(['I7']);
});

test('I8 a secret in a fact or in the headers of a row', () => {
  expect(
    found(
      doctored((facts) => [...facts, [RUN, 'cancel', { reason: 'hunter2' }]]),
      1,
      ['hunter2'],
    ),
  ).toEqual(['I8']);
  const [first, ...others] = CLEAN.rows;
  expect(found({ ...CLEAN, rows: [{ ...first!, headers: '{"x":"hunter2"}' }, ...others] }, 1, ['hunter2'])).toEqual([
    'I8',
  ]);
});

test('I9 more unknown outcomes than disturbed calls', () => {
  expect(found(CLEAN, 0)).toEqual(['I9']);
});
