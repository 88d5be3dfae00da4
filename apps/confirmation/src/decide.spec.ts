import { callSubject, decidedV1, verdictV1, type Decided, type HoldTerms } from '@flow-mcp/contracts';
import { ALICE, EXPIRES_AT_MS, HELD_AT_MS, HMAC, JWS, PLACE, SHA256, holdVerdict } from './testing/examples.js';
import { Died, FakeLedger, type Death } from './testing/fake-ledger.js';
import { Replica } from './testing/replica.js';

const VERDICT = callSubject(PLACE.flow, PLACE.callId, 'verdict');
const DECIDED = callSubject(PLACE.flow, PLACE.callId, 'decided');
const NOW_MS = HELD_AT_MS + 60_000;

function holding(terms: Partial<HoldTerms> = {}, death?: Death): FakeLedger {
  const ledger = new FakeLedger(HELD_AT_MS, death);
  ledger.put(VERDICT, verdictV1, holdVerdict(terms));
  ledger.nowMs = NOW_MS;
  return ledger;
}

const ballot = (token: string, vote: 'accept' | 'decline' = 'accept') =>
  ({ ...PLACE, token, vote, digest: SHA256, pass: JWS, hmac: HMAC }) as const;
const decisionIn = (ledger: FakeLedger) => ledger.message<Decided>(DECIDED);

test('an approver accepts: the decision is stored with the vote, its evidence and a receipt', async () => {
  const ledger = holding();
  const answer = await new Replica(ledger).follow().decide.decide({ ...ballot('bob'), reason: 'looks right' });
  expect(answer).toEqual({ state: 'accepted', accepted: 1, approvals: 1 });
  expect(decisionIn(ledger)).toMatchObject({
    decision: 'accepted',
    digest: SHA256,
    reason: 'looks right',
    receipt: JWS,
    votes: [{ voter: { sub: 'bob' }, vote: 'accept', pass: JWS, hmac: HMAC }],
  });
});

test('two of two people: the first vote leaves it pending, one decline declines', async () => {
  const ledger = holding({ approvals: 2 });
  const replica = new Replica(ledger).follow();
  expect(await replica.decide.decide(ballot('bob'))).toEqual({ state: 'pending', accepted: 1, approvals: 2 });
  expect(await replica.decide.decide(ballot('erin', 'decline'))).toMatchObject({ state: 'declined' });
  expect(decisionIn(ledger)?.votes).toHaveLength(2);
});

test('V1: what is none of one’s business answers exactly like what does not exist', async () => {
  const replica = new Replica(holding()).follow();
  const hidden = await replica.decide.decide(ballot('mallory')).catch((error: unknown) => error);
  const unknown = await replica.decide.decide({ ...ballot('bob'), flow: 'other' }).catch((error: unknown) => error);
  expect(hidden).toEqual(unknown);
  expect(hidden).toMatchObject({ code: 'ERR_NOT_FOUND' });
});

test('V1: also when it is decided, and when it never was held', async () => {
  const ledger = holding();
  await new Replica(ledger).follow().decide.decide(ballot('bob'));
  await expect(new Replica(ledger).follow().decide.decide(ballot('mallory'))).rejects.toMatchObject({
    code: 'ERR_NOT_FOUND',
  });
  const refused = new FakeLedger(NOW_MS);
  refused.put(VERDICT, verdictV1, {
    step: 'refuse',
    outcome: 'denied',
    code: 'ERR_TOOL_DENIED',
    reason: 'no',
    actor: ALICE,
  });
  await expect(new Replica(refused).decide.decide(ballot('alice'))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
});

test('four eyes: the requester sees the call and may not decide it', async () => {
  const ledger = holding();
  await expect(new Replica(ledger).follow().decide.decide(ballot('alice'))).rejects.toMatchObject({
    code: 'ERR_NOT_PERMITTED',
  });
  expect(ledger.all()).toHaveLength(1);
});

test('a vote on another digest is refused before anything is stored', async () => {
  const ledger = holding();
  const wrong = { ...ballot('bob'), digest: 'b'.repeat(64) };
  await expect(new Replica(ledger).follow().decide.decide(wrong)).rejects.toMatchObject({
    code: 'ERR_DIGEST_MISMATCH',
    field: 'digest',
  });
  expect(ledger.all()).toHaveLength(1);
});

test('V2: a person votes once; the same vote again is no second one', async () => {
  const ledger = holding({ approvals: 2 });
  const replica = new Replica(ledger).follow();
  await replica.decide.decide(ballot('bob'));
  const again = { ...ballot('bob'), hmac: 'i'.repeat(43) };
  expect(await replica.decide.decide(again)).toEqual({ state: 'pending', accepted: 1, approvals: 2 });
  await expect(replica.decide.decide(ballot('bob', 'decline'))).rejects.toMatchObject({ code: 'ERR_ALREADY_VOTED' });
  expect(ledger.all()).toHaveLength(2);
});

test('V3: whoever comes later gets the decision that is stored, and casts no vote', async () => {
  const ledger = holding();
  await new Replica(ledger).follow().decide.decide(ballot('bob', 'decline'));
  const facts = ledger.all().length;
  for (const replica of [new Replica(ledger).follow(), new Replica(ledger)]) {
    expect(await replica.decide.decide(ballot('erin'))).toMatchObject({ state: 'declined' });
  }
  expect(ledger.all()).toHaveLength(facts);
});

test.each(['cancelled', 'expired', 'declined'] as const)(
  'V3: a replica that has not seen it yet answers %s when that won',
  async (decision) => {
    const ledger = holding();
    const behind = new Replica(ledger).follow();
    ledger.put(DECIDED, decidedV1, { decision, digest: SHA256, votes: [], receipt: JWS });
    expect(await behind.decide.decide(ballot('bob'))).toEqual({ state: decision, accepted: 0, approvals: 1 });
    expect(behind.table.size).toBe(0);
  },
);

test('a call that was held a moment ago can be decided before the followers bring it', async () => {
  const ledger = holding();
  expect(await new Replica(ledger).decide.decide(ballot('bob'))).toMatchObject({ state: 'accepted' });
});

test('after the expiry nobody votes, and the call is expired', async () => {
  const ledger = holding();
  ledger.nowMs = EXPIRES_AT_MS;
  expect(await new Replica(ledger).follow().decide.decide(ballot('bob'))).toMatchObject({ state: 'expired' });
  expect(ledger.all()).toHaveLength(2);
});

const IO_OF_ONE_VOTE = 4;

for (const when of ['before', 'after'] as const) {
  for (let at = 1; at <= IO_OF_ONE_VOTE; at++) {
    test(`dies ${when} I/O ${at}: the person who asks again is answered, and decided once`, async () => {
      const ledger = holding({}, { at, when });
      await expect(new Replica(ledger).follow().decide.decide(ballot('bob'))).rejects.toThrow(Died);
      expect(await new Replica(ledger).follow().decide.decide(ballot('bob'))).toMatchObject({ state: 'accepted' });
      expect(decisionIn(ledger)?.votes).toHaveLength(1);
    });

    test(`V4: dies ${when} I/O ${at}, and nobody asks again: a stored vote is still decided`, async () => {
      const ledger = holding({}, { at, when });
      await new Replica(ledger)
        .follow()
        .decide.decide(ballot('bob'))
        .catch(() => undefined);
      const voteIsStored = ledger.all().length > 1;
      ledger.nowMs = EXPIRES_AT_MS + 1_000;
      await new Replica(ledger).follow().expiry.look();
      expect(decisionIn(ledger)?.decision).toBe(voteIsStored ? 'accepted' : 'expired');
    });
  }
}

test('the lives above die at every I/O that a vote takes', async () => {
  const ledger = holding();
  await new Replica(ledger).follow().decide.decide(ballot('bob'));
  expect(ledger.io).toBe(IO_OF_ONE_VOTE);
});

test('a vote that was stored in time counts, however late the broker’s answer to it is', async () => {
  const ledger = holding();
  const replica = new Replica(ledger).follow();
  const append = ledger.append.bind(ledger);
  ledger.append = async (...fact) => {
    const appended = await append(...fact);
    replica.follow();
    ledger.nowMs = EXPIRES_AT_MS;
    return appended;
  };
  expect(await replica.decide.decide(ballot('bob'))).toMatchObject({ state: 'accepted' });
});
