import { callSubject, cancelV1, verdictV1, voteSubject, votedV1, type Decided } from '@flow-mcp/contracts';
import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import { BOB, EXPIRES_AT_MS, HELD_AT_MS, PLACE, holdVerdict, vote } from './testing/examples.js';
import { FakeLedger } from './testing/fake-ledger.js';
import { Replica } from './testing/replica.js';

const callId = (at: number): string => `01890a5d-ac96-774b-bcce-${String(at).padStart(12, '0')}`;
const decidedIn = (ledger: FakeLedger, id: string = PLACE.callId) =>
  ledger.message<Decided>(callSubject(PLACE.flow, id, 'decided'))?.decision;

function holding(count = 1): FakeLedger {
  const ledger = new FakeLedger(HELD_AT_MS);
  for (let at = 0; at < count; at++) {
    ledger.put(callSubject(PLACE.flow, count === 1 ? PLACE.callId : callId(at), 'verdict'), verdictV1, holdVerdict());
  }
  return ledger;
}

test('a hold expires within half a second of its time, and not before', async () => {
  const ledger = holding();
  const { expiry } = new Replica(ledger).follow();
  ledger.nowMs = EXPIRES_AT_MS - 1;
  await expiry.look();
  expect(decidedIn(ledger)).toBeUndefined();
  ledger.nowMs = EXPIRES_AT_MS + 500;
  await expiry.look();
  expect(decidedIn(ledger)).toBe('expired');
});

test('a held call that its requester cancels is cancelled', async () => {
  const ledger = holding();
  ledger.put(callSubject(PLACE.flow, PLACE.callId, 'cancel'), cancelV1, {});
  await new Replica(ledger).follow().expiry.look();
  expect(decidedIn(ledger)).toBe('cancelled');
});

test('a cancel counts whatever it says', async () => {
  const ledger = holding();
  ledger.put(callSubject(PLACE.flow, PLACE.callId, 'cancel'), cancelV1, { reason: 7 } as never);
  await new Replica(ledger).follow().expiry.look();
  expect(decidedIn(ledger)).toBe('cancelled');
});

test('E3: a vote in time is not overtaken by the expiry while its replica is at it', async () => {
  const ledger = holding();
  ledger.nowMs = EXPIRES_AT_MS - 1;
  ledger.put(voteSubject(PLACE.flow, PLACE.callId, 'bob'), votedV1, vote(BOB, 'accept'));
  const { expiry } = new Replica(ledger).follow();
  ledger.nowMs = EXPIRES_AT_MS + 50;
  await expiry.look();
  expect(decidedIn(ledger)).toBeUndefined();
  ledger.nowMs = EXPIRES_AT_MS + 500;
  await expiry.look();
  expect(decidedIn(ledger)).toBe('accepted');
});

test('E1: 10,000 calls that expire together are decided in one look, and a look without any is quick', async () => {
  const ledger = holding(10_000);
  const { expiry, table } = new Replica(ledger).follow();
  const tookMs: number[] = [];
  for (let look = 0; look < 5; look++) {
    const startedMs = performance.now();
    await expiry.look();
    tookMs.push(performance.now() - startedMs);
  }
  expect(Math.min(...tookMs)).toBeLessThan(100);
  ledger.nowMs = EXPIRES_AT_MS + 500;
  await expiry.look();
  expect(table.size).toBe(0);
  expect(decidedIn(ledger, callId(9_999))).toBe('expired');
});

test('two replicas that look at the same time write each decision once', async () => {
  const ledger = holding(100);
  const written: string[] = [];
  const report = { decided: ({ callId: id }: { callId: string }) => void written.push(id), failed: () => undefined };
  const replicas = [new Replica(ledger, report).follow(), new Replica(ledger, report).follow()];
  ledger.nowMs = EXPIRES_AT_MS + 500;
  await Promise.all(replicas.map(({ expiry }) => expiry.look()));
  expect(written).toHaveLength(100);
  expect(new Set(written).size).toBe(100);
});

/** The next `append` fails. */
function failOnce(ledger: FakeLedger, error: Error): void {
  ledger.append = () => {
    ledger.append = FakeLedger.prototype.append.bind(ledger);
    return Promise.reject(error);
  };
}

test('E2: what the broker did not take is due at the next look', async () => {
  const ledger = holding();
  const { expiry } = new Replica(ledger).follow();
  ledger.nowMs = EXPIRES_AT_MS + 500;
  failOnce(ledger, new RetryableError('ERR_BROKER_UNAVAILABLE', 'away'));
  await expiry.look();
  expect(decidedIn(ledger)).toBeUndefined();
  await expiry.look();
  expect(decidedIn(ledger)).toBe('expired');
});

test('a call that cannot be decided is reported once and keeps no other from being decided', async () => {
  const ledger = holding(3);
  const failed: string[] = [];
  const report = { decided: () => undefined, failed: ({ callId: id }: { callId: string }) => void failed.push(id) };
  const { expiry, table } = new Replica(ledger, report).follow();
  ledger.nowMs = EXPIRES_AT_MS + 500;
  failOnce(ledger, new RefusedError('ERR_MESSAGE_TOO_LARGE', 'too large'));
  await expiry.look();
  await expiry.look();
  expect(failed).toHaveLength(1);
  expect(table.size).toBe(1);
});
