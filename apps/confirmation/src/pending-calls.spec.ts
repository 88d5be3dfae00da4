import { PendingCalls, type SeenFact } from './pending-calls.js';
import { ALICE, BOB, ERIN, PLACE, cancelled, decided, held, holdVerdict, voted } from './testing/examples.js';

function tableOf(facts: readonly SeenFact[], unheldMax?: number): PendingCalls {
  const table = new PendingCalls(unheldMax);
  for (const fact of facts) table.apply(fact);
  return table;
}

function* orders<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield [];
  for (const [at, first] of items.entries()) {
    for (const rest of orders(items.toSpliced(at, 1))) yield [first, ...rest];
  }
}

const OPEN = [held({ approvals: 2 }), voted(BOB, 'accept', 5), voted(ERIN, 'accept', 6), cancelled];

test('P1: every order of a call’s facts, and every repeat, gives the same held call', () => {
  const expected = tableOf(OPEN).get(PLACE.flow, PLACE.callId);
  expect(expected?.votes).toHaveLength(2);
  for (const order of orders(OPEN)) {
    for (const repeated of OPEN) {
      expect(tableOf([...order, repeated]).get(PLACE.flow, PLACE.callId)).toEqual(expected);
    }
  }
});

test('P2: a decided call does not come back, in whichever order its facts are seen', () => {
  for (const order of orders([...OPEN, decided])) {
    for (const repeated of OPEN) expect(tableOf([...order, repeated]).size).toBe(0);
  }
});

test('a call that runs or is refused is never pending, whatever else is seen of it', () => {
  const { hold: _, ...terms } = holdVerdict();
  const runs: SeenFact = {
    ...PLACE,
    fact: 'verdict',
    verdict: { ...terms, step: 'run', run: { jti: `${PLACE.callId}.1`, attempt: 1, timeoutMs: 1 }, queuedMs: 0 },
    storedAtMs: 1,
  };
  for (const order of orders([runs, cancelled])) expect(tableOf(order).size).toBe(0);
});

test('the same call id in two Flows is two calls', () => {
  const table = tableOf([held(), { ...held(), flow: 'refunds' }]);
  table.apply(decided);
  expect([...table.all()].map(({ flow }) => flow)).toEqual(['refunds']);
});

test('P3: facts of calls that are not held are bounded; held calls are not', () => {
  const stray = (at: number): SeenFact => ({ ...cancelled, callId: `stray-${at}` });
  const strays = Array.from({ length: 50 }, (_, at) => stray(at));
  const table = tableOf([...strays, held(), { ...held(), callId: 'stray-0' }, { ...held(), callId: 'stray-49' }], 10);
  expect(table.size).toBe(3);
  expect(table.get(PLACE.flow, 'stray-0')?.cancelled).toBeUndefined();
  expect(table.get(PLACE.flow, 'stray-49')?.cancelled).toBeDefined();
});

test('a vote that is seen again replaces itself', () => {
  const table = tableOf([held(), voted(ALICE, 'accept', 8), voted(ALICE, 'accept', 7)]);
  expect(table.get(PLACE.flow, PLACE.callId)?.votes).toMatchObject([{ storedAtMs: 7 }]);
});
