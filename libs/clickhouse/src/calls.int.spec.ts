// What people read of a call, put together from its facts.

import { startClickHouse, type ClickHouseFixture } from '@flow-mcp/testing/clickhouse';
import type { RecordedFact } from './block.js';
import { createClickHouse, type ClickHouse } from './clickhouse.js';

const T0 = Date.UTC(2026, 10, 22, 12);
const stream = { stream: 'LEDGER', createdAt: T0 } as const;
const sha = 'a'.repeat(64);
const ada = { iss: 'https://id', sub: 'u-ada', email: 'ada@example.com', groups: ['sre', 'support'], admin: false };
const bob = { iss: 'https://id', sub: 'u-bob', groups: [], admin: false };
let server: ClickHouseFixture;
let clickhouse: ClickHouse;
let seq = 0;

beforeAll(async () => {
  server = await startClickHouse();
  clickhouse = createClickHouse(server.login);
  await clickhouse.migrate();
});
afterAll(async () => {
  await clickhouse.close();
  await server.stop();
});

function id(n: number): string {
  return `018f2f6e-0000-7000-8000-${String(n).padStart(12, '0')}`;
}

/** Facts of one call as `[fact, payload, ms after T0]`, inserted one block each, as they would arrive. */
async function record(callId: string, facts: [string, object | Buffer, number][], flow = 'payments'): Promise<void> {
  for (const [fact, payload, ms] of facts) {
    const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload));
    const recorded: RecordedFact = {
      subject: `flowmcp.v1.calls.${flow}.${callId}.${fact}`,
      seq: ++seq,
      storedAtMs: T0 + ms,
      payload: bytes,
      headers: [['ce-type', 'x']],
    };
    await clickhouse.insertBlock({ stream, facts: [recorded] });
  }
}

const requested = {
  method: 'tools/call',
  server: 'plural',
  tool: 'get_account',
  arguments: { id: 7, note: 'a/b "ü"' },
  deadlineMs: T0 + 60_000,
  thread: 't1',
  reason: 'to help',
};
const decision = {
  actor: ada,
  rule: { id: 'flow.read', text: 'The person may read the Flow.' },
  flow: { name: 'payments', generation: 2 },
  server: { name: 'plural', generation: 5, url: 'https://plural', authentication: 'plural' },
  tool: 'get_account',
  toolDefinitionSha256: sha,
  argumentsSha256: sha,
  retrySafe: true,
};
const run = { jti: 'x.1', attempt: 1, timeoutMs: 30_000 };

test('a call that ran', async () => {
  await record(id(1), [
    ['requested', requested, 0],
    ['verdict', { step: 'run', ...decision, run, queuedMs: 3 }, 10],
    ['settled', { outcome: 'succeeded', attempt: 1, result: { content: [] }, upstreamMs: 25 }, 50],
  ]);
  expect(await clickhouse.calls({ callId: id(1) })).toEqual([
    {
      flow: 'payments',
      callId: id(1),
      server: 'plural',
      tool: 'get_account',
      actor: 'ada@example.com',
      rule: 'flow.read',
      decision: '',
      voters: [],
      outcome: 'succeeded',
      code: '',
      requestedAtMs: T0,
      settledAtMs: T0 + 50,
      durationMs: 50,
      upstreamMs: 25,
      attempts: 1,
      facts: 3,
    },
  ]);
  const [row] = await server.query(`SELECT * FROM calls WHERE call_id = '${id(1)}'`);
  expect(row).toMatchObject({
    requested_at: '2026-11-22 12:00:00.000',
    duration_ms: 50,
    queued_ms: 3,
    verdict: 'run',
    arguments: '{"id":7,"note":"a/b \\"ü\\""}',
    result: '{"content":[]}',
    result_bytes: 14,
    thread: 't1',
    reason: 'to help',
    server_generation: 5,
    server_url: 'https://plural',
    actor_groups: ['sre', 'support'],
    retry_safe: true,
    late: 0,
  });
});

test('a call that was held, voted on, resumed, retried, and answered late with a large result', async () => {
  const hold = {
    digest: sha,
    nonce: 'n'.repeat(16),
    approvers: [],
    requesterMayDecide: false,
    approvals: 2,
    expiresAtMs: T0 + 900_000,
    runBeforeMs: T0 + 960_000,
  };
  const vote = { vote: 'accept', digest: sha, pass: 'a.b.c', hmac: 'h' };
  await record(id(2), [
    ['requested', requested, 0],
    ['verdict', { step: 'hold', ...decision, hold }, 10],
    ['voted.v1', { ...vote, voter: ada }, 1000],
    ['voted.v2', { ...vote, voter: bob }, 2000],
    ['decided', { decision: 'accepted', digest: sha, votes: [], receipt: 'a.b.c' }, 2010],
    ['resumed', { step: 'run', run, queuedMs: 8 }, 2020],
    ['retried', { run: { ...run, attempt: 2 } }, 40_000],
    ['settled', { outcome: 'unknown', code: 'ERR_OWNER_LOST', message: 'lost', attempt: 2 }, 80_000],
    ['late', { outcome: 'succeeded', attempt: 2 }, 90_000],
    ['cancel', {}, 95_000],
  ]);
  const [call] = await clickhouse.calls({ callId: id(2) });
  expect(call).toMatchObject({
    decision: 'accepted',
    heldMs: 2000,
    outcome: 'unknown',
    code: 'ERR_OWNER_LOST',
    attempts: 2,
    facts: 10,
  });
  expect(call?.voters).toEqual(['ada@example.com', 'u-bob']);
  const [row] = await server.query(`SELECT * FROM calls WHERE call_id = '${id(2)}'`);
  expect(row).toMatchObject({
    verdict: 'hold',
    digest: sha,
    resumed: 'run',
    queued_ms: 8,
    late: 1,
    late_outcome: 'succeeded',
    outcome_message: 'lost',
  });
  expect(row).toMatchObject({
    held_at: '2026-11-22 12:00:00.010',
    expires_at: '2026-11-22 12:15:00.000',
    cancel_at: '2026-11-22 12:01:35.000',
  });
  await record(id(3), [
    ['requested', requested, 0],
    [
      'settled',
      { outcome: 'succeeded', attempt: 1, resultRef: { object: 'payments.x.1', sha256: sha, bytes: 300_000 } },
      5,
    ],
  ]);
  const [large] = await server.query(
    `SELECT result, result_bytes, result_sha256, result_object FROM calls WHERE call_id = '${id(3)}'`,
  );
  expect(large).toEqual({ result: '', result_bytes: 300_000, result_sha256: sha, result_object: 'payments.x.1' });
});

test('a refused call says why, and never ran', async () => {
  const refusal = {
    outcome: 'denied',
    code: 'ERR_TOOL_DENIED',
    reason: 'no',
    rule: { id: 'tools.deny', text: 'no' },
    actor: bob,
  };
  await record(id(4), [
    ['requested', requested, 0],
    ['verdict', { step: 'refuse', ...refusal }, 5],
    ['settled', { outcome: 'denied', code: 'ERR_TOOL_DENIED', attempt: 0 }, 6],
  ]);
  expect(await clickhouse.calls({ callId: id(4) })).toMatchObject([
    { actor: 'u-bob', rule: 'tools.deny', outcome: 'denied', attempts: 0 },
  ]);
});

test.each([
  ['bytes', Buffer.from([0xff, 0xfe, 0])],
  ['deep nesting', Buffer.from('['.repeat(100_000))],
  ['an array', Buffer.from('[1,2,3]')],
  ['numbers beyond all bounds', Buffer.from('{"deadlineMs":1e999,"server":99999999999999999999999999}')],
  ['the least number', Buffer.from('{"deadlineMs":-9223372036854775808}')],
  ['the greatest number', Buffer.from('{"deadlineMs":9223372036854775807}')],
  ['other types everywhere', Buffer.from('{"server":[],"tool":{},"arguments":1,"thread":null,"actor":"x","rule":[1]}')],
  ['nothing', Buffer.alloc(0)],
])('a fact that holds %s stops nothing', async (_, payload) => {
  const callId = id(1000 + seq);
  await record(callId, [
    ['requested', payload, 0],
    ['verdict', payload, 1],
    ['voted.x', payload, 2],
    ['settled', payload, 3],
  ]);
  expect(await clickhouse.calls({ callId })).toMatchObject([{ callId, facts: 4 }]);
  expect(await clickhouse.callFacts('payments', callId)).toHaveLength(4);
});

test('half a surrogate pair in a result hides no outcome', async () => {
  const payload = Buffer.from(
    '{"outcome":"tool_error","attempt":1,"result":{"content":[{"text":"\\ud800 \\ud83d\\ude00"}]}}',
  );
  await record(id(5), [
    ['requested', requested, 0],
    ['settled', payload, 3],
  ]);
  expect(await clickhouse.calls({ callId: id(5) })).toMatchObject([{ outcome: 'tool_error', attempts: 1 }]);
});

test('what was never requested is no call, and facts of a month later still belong to it', async () => {
  await record(id(6), [['cancel', {}, 0]]);
  expect(await clickhouse.calls({ callId: id(6) })).toEqual([]);
  await record(id(7), [
    ['requested', requested, 0],
    ['settled', { outcome: 'expired', attempt: 0 }, 40 * 86_400_000],
  ]);
  expect(await clickhouse.calls({ callId: id(7) })).toMatchObject([{ outcome: 'expired', facts: 2 }]);
});

test('calls are found by what they are, newest first, and by whose they are', async () => {
  const mine = { step: 'run', ...decision, actor: { ...bob, sub: 'u-carl' }, run, queuedMs: 0 };
  for (const [n, tool] of [
    [11, 'one'],
    [12, 'two'],
    [13, 'one'],
  ] as const) {
    await record(
      id(n),
      [
        ['requested', { ...requested, server: 'jira', tool }, n],
        ['verdict', mine, n + 1],
      ],
      'support',
    );
  }
  const found = async (filter: Parameters<ClickHouse['calls']>[0]) =>
    (await clickhouse.calls(filter)).map((row) => row.callId);
  expect(await found({ flow: 'support' })).toEqual([id(13), id(12), id(11)]);
  expect(await found({ flow: 'support', tool: 'one' })).toEqual([id(13), id(11)]);
  expect(await found({ server: 'jira', limit: 2 })).toEqual([id(13), id(12)]);
  expect(await found({ flow: 'support', sinceMs: T0 + 12 })).toEqual([id(13), id(12)]);
  expect(await found({ person: 'u-carl' })).toHaveLength(3);
  expect(await found({ actor: { iss: 'https://id', sub: 'u-carl' } })).toHaveLength(3);
  expect(await found({ actor: { iss: 'https://other', sub: 'u-carl' } })).toEqual([]);
  expect(await found({ flow: `x' OR 1=1 --` })).toEqual([]);
  expect(await found({ outcome: 'unknown', actor: { iss: 'https://id', sub: 'u-ada' } })).toEqual([id(2)]);
});

test('the facts of a call come in order, each with its payload', async () => {
  const facts = await clickhouse.callFacts('payments', id(2));
  expect(facts.map(({ fact }) => fact)).toEqual(
    'requested verdict voted voted decided resumed retried settled late cancel'.split(' '),
  );
  expect(facts[0]).toMatchObject({ storedAtMs: T0, payload: requested });
  expect(await clickhouse.callFacts('other', id(2))).toEqual([]);
});

test('a reader sees calls and changes nothing', async () => {
  const reader = createClickHouse(server.readerLogin);
  expect(await reader.calls({ callId: id(1) })).toHaveLength(1);
  await expect(
    reader.insertBlock({
      stream,
      facts: [{ subject: 's', seq: 1, storedAtMs: T0, payload: Buffer.alloc(0), headers: [] }],
    }),
  ).rejects.toMatchObject({
    code: 'ERR_DATABASE_UNAVAILABLE',
  });
  await reader.close();
});
