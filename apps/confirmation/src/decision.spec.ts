import type { Decided } from '@flow-mcp/contracts';
import { acceptedOf, decisionOf, mayDecide, maySee } from './decision.js';
import { PendingCalls, heldBy, type HeldCall, type SeenFact } from './pending-calls.js';
import {
  ALICE,
  BOB,
  ERIN,
  EXPIRES_AT_MS,
  HELD_AT_MS,
  MALLORY,
  PLACE,
  cancelled,
  held,
  vote,
  voted,
} from './testing/examples.js';

type Command = SeenFact | 'wait until it expires';

const COMMANDS: readonly Command[] = [
  voted(ALICE, 'accept'),
  voted(BOB, 'accept'),
  voted(ERIN, 'accept'),
  voted(ERIN, 'decline'),
  voted(MALLORY, 'decline'),
  cancelled,
  'wait until it expires',
];

/** Every sequence of commands up to this length. */
function* lives(length: number): Generator<Command[]> {
  yield [];
  if (length === 0) return;
  for (const tail of lives(length - 1)) for (const command of COMMANDS) yield [command, ...tail];
}

/** Plays commands against a write-once ledger: the first vote of a voter and the first decision count. */
function play(commands: readonly Command[], approvals: number): Decided['decision'][] {
  const table = new PendingCalls();
  table.apply(held({ approvals }));
  const decisions: Decided['decision'][] = [];
  const voters = new Set<string>();
  let nowMs = HELD_AT_MS;
  for (const command of commands) {
    if (command === 'wait until it expires') nowMs = EXPIRES_AT_MS;
    else if (command.fact !== 'voted') table.apply(command);
    else if (!voters.has(command.cast.voter)) {
      voters.add(command.cast.voter);
      table.apply({ ...command, cast: { ...command.cast, storedAtMs: nowMs } });
    }
    for (const call of table.all()) {
      const decision = decisionOf(call, nowMs);
      if (decision === undefined) continue;
      decisions.push(decision.decision);
      table.apply({ ...PLACE, fact: 'decided' });
    }
  }
  return decisions;
}

/** The same in other words: what the first command that ends the call makes of it. */
function expected(commands: readonly Command[], approvals: number): Decided['decision'][] {
  const accepted = new Set<string>();
  const seen = new Set<string>();
  for (const command of commands) {
    if (command === 'wait until it expires') return ['expired'];
    if (command.fact === 'cancel') return ['cancelled'];
    if (command.fact !== 'voted' || seen.has(command.cast.voter)) continue;
    seen.add(command.cast.voter);
    if (command.cast.voter === 'alice' || command.cast.voter === 'mallory') continue;
    if (command.cast.vote.vote === 'decline') return ['declined'];
    if (accepted.add(command.cast.voter).size === approvals) return ['accepted'];
  }
  return [];
}

test.each([
  [1, 4],
  [2, 5],
  [3, 4],
])('with %i approvals, every life of up to %i commands has the one decision it should', (approvals, length) => {
  let count = 0;
  for (const life of lives(length)) {
    expect(play(life, approvals)).toEqual(expected(life, approvals));
    count++;
  }
  expect(count).toBe((7 ** (length + 1) - 1) / 6);
});

const heldOn = (terms: Parameters<typeof held>[0] = {}): HeldCall => heldBy(held(terms)) as HeldCall;
const call = heldOn();
const castBy = (...facts: SeenFact[]) => ({
  ...call,
  votes: facts.flatMap((fact) => (fact.fact === 'voted' ? [fact.cast] : [])),
});

test('D1: of facts that wait together for a decision the cautious one wins', () => {
  const both = castBy(voted(BOB, 'accept'), voted(ERIN, 'decline'));
  expect(decisionOf({ ...both, cancelled: { reason: 'no' } }, EXPIRES_AT_MS)).toMatchObject({
    decision: 'cancelled',
    reason: 'no',
  });
  expect(decisionOf(both, EXPIRES_AT_MS)?.decision).toBe('declined');
  expect(decisionOf(castBy(voted(BOB, 'accept')), EXPIRES_AT_MS)?.decision).toBe('accepted');
  expect(decisionOf(call, EXPIRES_AT_MS)?.decision).toBe('expired');
  expect(decisionOf(call, EXPIRES_AT_MS - 1)).toBeUndefined();
});

test('a vote that was stored too late proves that the call expired, though our clock is a little behind', () => {
  expect(decisionOf(castBy(voted(BOB, 'accept', EXPIRES_AT_MS)), EXPIRES_AT_MS - 1)?.decision).toBe('expired');
});

test('D2: a vote stored at the expiry, or on another digest, does not count', () => {
  expect(decisionOf(castBy(voted(BOB, 'accept', EXPIRES_AT_MS)), EXPIRES_AT_MS)).toMatchObject({
    decision: 'expired',
    votes: [],
  });
  const elsewhere = { ...vote(BOB, 'accept'), digest: 'b'.repeat(64) };
  const votes = [{ voter: 'bob', storedAtMs: HELD_AT_MS, vote: elsewhere }];
  expect(decisionOf({ ...call, votes }, HELD_AT_MS)).toBeUndefined();
});

test('the decision carries the votes that count with their evidence, and the reason of who decided', () => {
  const votes = [
    { voter: 'bob', storedAtMs: 1, vote: vote(BOB, 'accept', 'fine') },
    { voter: 'erin', storedAtMs: 2, vote: vote(ERIN, 'decline', 'not today') },
    { voter: 'alice', storedAtMs: 3, vote: vote(ALICE, 'accept', 'please') },
  ];
  expect(decisionOf({ ...call, votes }, HELD_AT_MS)).toEqual({
    decision: 'declined',
    digest: call.verdict.hold.digest,
    votes: [vote(ERIN, 'decline', 'not today'), vote(BOB, 'accept', 'fine')],
    reason: 'not today',
  });
});

test('more voters than a decision holds never push out the one who declined', () => {
  const crowd = Array.from({ length: 40 }, (_, at) => ({ ...BOB, sub: `sre-${at}` }));
  const votes = [...crowd, ERIN].map((voter, at) => ({
    voter: voter.sub,
    storedAtMs: at,
    vote: vote(voter, voter === ERIN ? 'decline' : 'accept'),
  }));
  const decision = decisionOf({ ...heldOn({ approvals: 16 }), votes }, HELD_AT_MS);
  expect(decision?.votes).toHaveLength(32);
  expect(decision?.votes[0]?.voter).toEqual(ERIN);
});

test('its requester sees a call, whoever may decide it sees it, and for all others it does not exist', () => {
  expect([ALICE, BOB, MALLORY].map((person) => [maySee(person, call), mayDecide(person, call)])).toEqual([
    [true, false],
    [true, true],
    [false, false],
  ]);
  const own = heldOn({ approvers: [], requesterMayDecide: true });
  expect([ALICE, BOB].map((person) => [maySee(person, own), mayDecide(person, own)])).toEqual([
    [true, true],
    [false, false],
  ]);
});

test('acceptances are counted as they count', () => {
  expect(acceptedOf(castBy(voted(BOB, 'accept'), voted(ALICE, 'accept')))).toBe(1);
});
