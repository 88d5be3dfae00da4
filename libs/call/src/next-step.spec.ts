import fc from 'fast-check';
import { nextStep, type Arbiter, type CallFacts, type NextStep, type Trigger } from './next-step.js';

const RUN = { timeoutMs: 30_000 };
const GRACE = 5_000;
const ARBITERS: readonly (Arbiter | undefined)[] = [
  undefined,
  { step: 'run', run: RUN },
  { step: 'hold' },
  { step: 'refuse', outcome: 'denied' },
];
const step = (
  facts: Omit<CallFacts, 'retrySafe'> & { retrySafe?: boolean },
  trigger: Trigger = 'requested',
  waitedMs = 0,
) => nextStep({ retrySafe: false, ...facts }, trigger, { waitedMs, graceMs: GRACE });

/** Every combination of facts that could be found, reachable or not. */
const COMBINATIONS = fc.record({
  verdict: fc.constantFrom(...ARBITERS),
  resumed: fc.constantFrom(...ARBITERS),
  retried: fc.constantFrom(undefined, { run: RUN }),
  settled: fc.constantFrom(undefined, {}),
  retrySafe: fc.boolean(),
  trigger: fc.constantFrom<Trigger>('requested', 'decided'),
  waitedMs: fc.constantFrom(0, 34_999, 35_000),
});

function overCombinations(property: (facts: CallFacts, trigger: Trigger, waitedMs: number) => void): void {
  const check = ({ trigger, waitedMs, ...facts }: typeof COMBINATIONS extends fc.Arbitrary<infer T> ? T : never) => {
    const found = Object.fromEntries(
      Object.entries(facts).filter(([, fact]) => fact !== undefined),
    ) as unknown as CallFacts;
    property(found, trigger, waitedMs);
  };
  fc.assert(fc.property(COMBINATIONS, check), { numRuns: 5_000 });
}

test('C3: only a settled call or a hold is acked, over every combination of facts', () => {
  overCombinations((facts, trigger, waitedMs) => {
    const acked = step(facts, trigger, waitedMs).do === 'ack';
    const hold = (trigger === 'requested' ? facts.verdict : facts.resumed)?.step === 'hold';
    expect(acked).toBe(facts.settled !== undefined || hold);
  });
});

test('C4: nothing is taken for lost before its time-out and grace, over every combination of facts', () => {
  overCombinations((facts, trigger, waitedMs) => {
    if (waitedMs < 35_000) expect(['retry', 'settle-unknown']).not.toContain(step(facts, trigger, waitedMs).do);
  });
});

test('C5: a lost run is repeated only when safe and never twice, over every combination of facts', () => {
  overCombinations((facts, trigger, waitedMs) => {
    if (step(facts, trigger, waitedMs).do === 'retry') {
      expect(facts.retrySafe).toBe(true);
      expect(facts.retried).toBeUndefined();
    }
  });
});

test.each<[string, Parameters<typeof step>, NextStep]>([
  ['a new call is arbitrated by its verdict', [{}], { do: 'arbitrate', fact: 'verdict' }],
  ['an accepted one by resumed', [{ verdict: { step: 'hold' } }, 'decided'], { do: 'arbitrate', fact: 'resumed' }],
  [
    'a refusal settles',
    [{ verdict: { step: 'refuse', outcome: 'busy' } }],
    { do: 'settle', refusal: { step: 'refuse', outcome: 'busy' } as never },
  ],
  ['a run is waited for', [{ verdict: { step: 'run', run: RUN } }, 'requested', 1_000], { do: 'wait', forMs: 34_000 }],
  [
    'a lost run is unknown',
    [{ verdict: { step: 'run', run: RUN } }, 'requested', 35_000],
    { do: 'settle-unknown', attempt: 1 },
  ],
  [
    'a lost safe run is retried',
    [{ verdict: { step: 'run', run: RUN }, retrySafe: true }, 'requested', 35_000],
    { do: 'retry' },
  ],
  [
    'a lost second run is unknown',
    [{ verdict: { step: 'run', run: RUN }, retried: { run: RUN }, retrySafe: true }, 'requested', 35_000],
    { do: 'settle-unknown', attempt: 2 },
  ],
])('%s', (_sentence, args, expected) => {
  expect(step(...args)).toEqual(expected);
});
