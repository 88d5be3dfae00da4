import { callSubject, verdictV1 } from '@flow-mcp/contracts';
import { MessageHeaders, type StoredFact } from '@flow-mcp/messaging';
import { onFact } from './on-fact.js';
import { PendingCalls } from './pending-calls.js';
import { PLACE, holdVerdict } from './testing/examples.js';

const stored = (subject: string, payload: string, type: string): StoredFact => ({
  subject,
  seq: 1,
  storedAtMs: 1,
  payload: Buffer.from(payload),
  headers: new MessageHeaders([
    ['ce-type', type],
    ['traceparent', '00-1-2-01'],
  ]),
  nonce: undefined,
});
const VERDICT = callSubject(PLACE.flow, PLACE.callId, 'verdict');

function take(fact: StoredFact): { table: PendingCalls; problems: unknown[] } {
  const table = new PendingCalls();
  const problems: unknown[] = [];
  onFact(table, fact, (_, error) => problems.push(error));
  return { table, problems };
}

test('a hold is taken with the trace of its request', () => {
  const { table, problems } = take(stored(VERDICT, JSON.stringify(holdVerdict()), verdictV1.type));
  expect(table.get(PLACE.flow, PLACE.callId)).toMatchObject({ heldAtMs: 1, traceparent: '00-1-2-01' });
  expect(problems).toEqual([]);
});

test.each([
  { defect: 'is no JSON', fact: stored(VERDICT, '{', verdictV1.type), code: 'ERR_MESSAGE_INVALID' },
  { defect: 'lacks its terms', fact: stored(VERDICT, '{"step":"hold"}', verdictV1.type), code: 'ERR_MESSAGE_INVALID' },
  { defect: 'is of a later version', fact: stored(VERDICT, '{}', 'verdict.v9'), code: 'ERR_VERSION_UNKNOWN' },
  { defect: 'has a hostile subject', fact: stored('a.b.c.NO.id.verdict', '{}', ''), code: 'ERR_CALL_ID_INVALID' },
])('a fact that $defect is reported and changes nothing', ({ fact, code }) => {
  const { table, problems } = take(fact);
  expect(problems).toMatchObject([{ code }]);
  expect(table.size).toBe(0);
});
