import { callSubject, verdictV1 } from '@flow-mcp/contracts';
import { ALICE, BOB, EXPIRES_AT_MS, HELD_AT_MS, PLACE, SHA256, holdVerdict } from './testing/examples.js';
import { FakeLedger } from './testing/fake-ledger.js';
import { Replica } from './testing/replica.js';

const ASKED = {
  flow: PLACE.flow,
  iss: ALICE.iss,
  sub: ALICE.sub,
  server: 'plural',
  tool: 'set_plan',
  argumentsSha256: SHA256,
};

function holding(): FakeLedger {
  const ledger = new FakeLedger(HELD_AT_MS);
  ledger.put(callSubject(PLACE.flow, PLACE.callId, 'verdict'), verdictV1, holdVerdict());
  return ledger;
}

test('an identical call that waits is named', () => {
  expect(new Replica(holding()).follow().held.held(ASKED)).toEqual({ callId: PLACE.callId });
});

test.each([
  { flow: 'refunds' },
  { iss: 'https://other.test' },
  { sub: BOB.sub },
  { server: 'other' },
  { tool: 'get_plan' },
  { argumentsSha256: 'b'.repeat(64) },
])('a call that differs in %j is another one', (difference) => {
  expect(new Replica(holding()).follow().held.held({ ...ASKED, ...difference })).toEqual({});
});

test('one whose time is up does not wait any more', () => {
  const ledger = holding();
  const { held } = new Replica(ledger).follow();
  ledger.nowMs = EXPIRES_AT_MS;
  expect(held.held(ASKED)).toEqual({});
});
