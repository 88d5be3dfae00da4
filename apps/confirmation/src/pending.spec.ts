import { callSubject, requestedV1, verdictV1, type HoldTerms, type Requested } from '@flow-mcp/contracts';
import { BOB, EXPIRES_AT_MS, HELD_AT_MS, PLACE, SHA256, HMAC, JWS, holdVerdict } from './testing/examples.js';
import { FakeLedger } from './testing/fake-ledger.js';
import { Replica } from './testing/replica.js';

const REQUESTED: Requested = {
  method: 'tools/call',
  server: 'plural',
  tool: 'set_plan',
  arguments: { plan: 'gold' },
  deadlineMs: HELD_AT_MS + 1,
  reason: 'The customer asked for it.',
};

function hold(ledger: FakeLedger, callId: string, terms: Partial<HoldTerms> = {}, requested = REQUESTED): void {
  ledger.put(callSubject(PLACE.flow, callId, 'requested'), requestedV1, requested);
  ledger.put(callSubject(PLACE.flow, callId, 'verdict'), verdictV1, holdVerdict(terms));
}

const callId = (at: number): string => `01890a5d-ac96-774b-bcce-${String(at).padStart(12, '0')}`;

test('L1: requester and approvers see the call with its arguments, nobody else sees that there is one', async () => {
  const ledger = new FakeLedger(HELD_AT_MS);
  hold(ledger, PLACE.callId);
  const { pending } = new Replica(ledger).follow();
  expect(await pending.pending({ token: 'bob' })).toEqual({
    calls: [
      {
        ...PLACE,
        server: 'plural',
        tool: 'set_plan',
        arguments: { plan: 'gold' },
        requester: expect.objectContaining({ sub: 'alice' }) as unknown,
        reason: 'The customer asked for it.',
        rule: holdVerdict().rule,
        digest: SHA256,
        approvers: [{ groupName: 'sre' }],
        approvals: 1,
        accepted: 0,
        heldAtMs: HELD_AT_MS,
        expiresAtMs: EXPIRES_AT_MS,
        mayDecide: true,
      },
    ],
  });
  expect((await pending.pending({ token: 'alice' })).calls).toMatchObject([{ mayDecide: false }]);
  expect(await pending.pending({ token: 'mallory' })).toEqual({ calls: [] });
  expect(await pending.pending({ token: 'bob', flow: 'other' })).toEqual({ calls: [] });
});

test('who has voted may not decide again, and the count is shown', async () => {
  const ledger = new FakeLedger(HELD_AT_MS);
  hold(ledger, PLACE.callId, { approvals: 2 });
  const replica = new Replica(ledger).follow();
  await replica.decide.decide({ ...PLACE, token: BOB.sub, vote: 'accept', digest: SHA256, pass: JWS, hmac: HMAC });
  expect((await replica.pending.pending({ token: 'bob' })).calls).toMatchObject([{ accepted: 1, mayDecide: false }]);
  expect((await replica.pending.pending({ token: 'erin' })).calls).toMatchObject([{ accepted: 1, mayDecide: true }]);
});

test('the most urgent call comes first, and one whose time is up is gone', async () => {
  const ledger = new FakeLedger(HELD_AT_MS);
  for (const [at, expiresAtMs] of [30_000, 10_000, 20_000, 0].entries()) {
    hold(ledger, callId(at), { expiresAtMs: HELD_AT_MS + expiresAtMs });
  }
  const { calls } = await new Replica(ledger).follow().pending.pending({ token: 'bob' });
  expect(calls.map((call) => call.callId)).toEqual([callId(1), callId(2), callId(0)]);
});

test('L2: the answer fits into a message, the most urgent first', async () => {
  const ledger = new FakeLedger(HELD_AT_MS);
  const large = { ...REQUESTED, arguments: { text: 'x'.repeat(200_000) } };
  for (let at = 0; at < 8; at++) hold(ledger, callId(at), { expiresAtMs: EXPIRES_AT_MS + at }, large);
  const { calls } = await new Replica(ledger).follow().pending.pending({ token: 'bob' });
  expect(calls.map((call) => call.callId)).toEqual([0, 1, 2, 3, 4].map(callId));
});

test('a call whose request is not found yet is not shown', async () => {
  const ledger = new FakeLedger(HELD_AT_MS);
  ledger.put(callSubject(PLACE.flow, PLACE.callId, 'verdict'), verdictV1, holdVerdict());
  expect(await new Replica(ledger).follow().pending.pending({ token: 'bob' })).toEqual({ calls: [] });
});
