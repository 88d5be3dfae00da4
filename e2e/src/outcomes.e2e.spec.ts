// Every outcome of a call, reached through the client and read back from ClickHouse.

import type { CallOptions, CallOutcome, CallRequest, HeldCall } from '@flow-mcp/client';
import type { Outcome } from '@flow-mcp/contracts';
import type { JsonObject } from '@flow-mcp/kernel';
import { callDirectly, startCountingServer, type CountingServer } from '@flow-mcp/testing';
import { v7 as uuidv7 } from 'uuid';
import { eventually } from './eventually.js';
import { FOUR_EYES, variantsOf } from './manifests.js';
import { System, type PersonName } from './system.js';

let system: System;
/** A second one, to see what it answers without us. */
let direct: CountingServer;

beforeAll(async () => {
  direct = await startCountingServer();
  system = await System.start({
    servers: (url) =>
      variantsOf(url, {
        counting: {
          confirmation: { tools: [{ match: 'delete_*', require: true }], ...FOUR_EYES },
          tools: { deny: ['whoami'] },
          limits: { timeout: '2s', resultBytes: '8MiB' },
        },
        narrow: { limits: { concurrency: 1, queue: 0 } },
        queued: { limits: { concurrency: 1, queue: 4 } },
        brief: { confirm: true, confirmation: { expiresAfter: '1s' } },
        asking: { confirm: true },
      }),
  });
}, 60_000);

afterAll(() => Promise.all([system?.stop(), direct?.stop()]));

interface Asked {
  readonly person?: PersonName;
  readonly server?: string;
  readonly arguments?: JsonObject;
  readonly request?: Partial<CallRequest>;
  readonly options?: CallOptions;
}

function call(tool: string, { person = 'alice', server = 'counting', ...asked }: Asked = {}): Promise<CallOutcome> {
  const request = { server, tool, arguments: asked.arguments ?? {}, ...asked.request };
  return system.flow(person).call(request, asked.options);
}

/** Checks the outcome, what the server counted, and what ClickHouse has: the row, and its facts in order. */
async function expectRecorded(
  { callId, ...settled }: CallOutcome,
  expected: { outcome: Outcome; code?: string; ran: number; facts: string },
): Promise<void> {
  expect({ outcome: settled.outcome, code: settled.code }).toEqual({ outcome: expected.outcome, code: expected.code });
  expect(await system.counting.executions(callId)).toHaveLength(expected.ran);
  const row = await system.auditor.callRow(callId);
  expect([row.outcome, row.code]).toEqual([expected.outcome, expected.code ?? '']);
  const facts = await system.auditor.factRows(callId);
  expect(facts.map(({ fact }) => fact).join(' ')).toBe(expected.facts);
  const { flow: _flow, held: _held, ...message } = settled;
  expect(facts.find(({ fact }) => fact === 'settled')?.payload).toEqual(message);
}

const UNHELD = 'requested verdict settled';

test('succeeded: the tool answered', async () => {
  const outcome = await call('echo', { arguments: { text: 'hi' } });
  expect(outcome.result).toEqual({ content: [{ type: 'text', text: '{"text":"hi"}' }] });
  await expectRecorded(outcome, { outcome: 'succeeded', ran: 1, facts: UNHELD });
});

test('tool_error: the tool answered that it failed', async () => {
  const outcome = await call('fail', { arguments: { message: 'no such account' } });
  expect(outcome.result).toMatchObject({ isError: true, content: [{ text: 'no such account' }] });
  await expectRecorded(outcome, { outcome: 'tool_error', ran: 1, facts: UNHELD });
});

test('denied: what a person may not know exists answers like what does not exist', async () => {
  const denied = await Promise.all([
    call('echo', { person: 'dave' }),
    call('whoami'),
    call('nothing'),
    call('echo', { server: 'nowhere' }),
  ]);
  for (const outcome of denied) {
    await expectRecorded(outcome, { outcome: 'denied', code: 'ERR_TOOL_NOT_VISIBLE', ran: 0, facts: UNHELD });
    expect(outcome.message).toBe(denied[0].message);
  }
});

test('succeeded after four eyes: the requester may not decide, another may, once', async () => {
  const asked: { alice?: unknown; bob?: unknown; pending?: unknown } = {};
  const outcome = await held('delete_record', { arguments: { id: '7' } }, async ({ callId, digest }) => {
    const vote = { callId, digest, vote: 'accept' } as const;
    asked.alice = await system
      .flow('alice')
      .decide(vote)
      .catch((error: unknown) => error);
    asked.pending = await system.flow('bob').pending();
    asked.bob = await system.flow('bob').decide({ ...vote, reason: 'Ada asked for it' });
  });
  expect(asked.alice).toMatchObject({ code: 'ERR_NOT_PERMITTED' });
  expect(asked.pending).toMatchObject([{ callId: outcome.callId, tool: 'delete_record', mayDecide: true }]);
  expect(asked.bob).toMatchObject({ state: 'accepted', accepted: 1 });
  const facts = 'requested verdict voted decided resumed settled';
  await expectRecorded(outcome, { outcome: 'succeeded', ran: 1, facts });
  const row = await system.auditor.callRow(outcome.callId);
  expect(row).toMatchObject({ decision: 'accepted', voters: ['bob@example.com'], actor: 'alice@example.com' });
});

test('declined: a person said no, and why', async () => {
  const outcome = await held('delete_record', {}, async ({ callId, digest }) => {
    await system.flow('bob').decide({ callId, digest, vote: 'decline', reason: 'not today' });
  });
  expect(outcome.message).toContain('not today');
  const facts = 'requested verdict voted decided resumed settled';
  await expectRecorded(outcome, { outcome: 'declined', code: 'ERR_DECLINED', ran: 0, facts });
});

test('expired: nobody decided, to the second', async () => {
  const outcome = await call('echo', { server: 'brief' });
  await expectRecorded(outcome, {
    ...{ outcome: 'expired', code: 'ERR_EXPIRED', ran: 0 },
    facts: 'requested verdict decided resumed settled',
  });
  const times = await system.stack.clickhouse.query<{ lateMs: number }>(
    `SELECT dateDiff('millisecond', expires_at, decided_at) AS lateMs FROM calls WHERE call_id = '${outcome.callId}'`,
  );
  expect(times[0]?.lateMs).toBeGreaterThanOrEqual(0);
  expect(times[0]?.lateMs).toBeLessThan(1_000);
});

test('expired: the deadline had passed before the call could start', async () => {
  const outcome = await call('echo', { request: { deadlineMs: Date.now() - 1 } });
  await expectRecorded(outcome, { outcome: 'expired', code: 'ERR_DEADLINE_PASSED', ran: 0, facts: UNHELD });
});

test('cancelled while it was held', async () => {
  const outcome = await held('delete_record', {}, ({ callId }) =>
    system.flow('alice').cancel(callId, 'changed my mind'),
  );
  await expectRecorded(outcome, {
    ...{ outcome: 'cancelled', code: 'ERR_CANCELLED', ran: 0 },
    facts: 'requested verdict cancel decided resumed settled',
  });
});

test('cancelled while it waited in the queue; the one before it is not touched', async () => {
  const running = await started('queued');
  const stop = new AbortController();
  const onRequested = (): void => stop.abort();
  const outcome = await call('echo', { server: 'queued', options: { signal: stop.signal, onRequested } });
  await expectRecorded(outcome, {
    ...{ outcome: 'cancelled', code: 'ERR_CANCELLED', ran: 0 },
    facts: 'requested cancel verdict settled',
  });
  expect((await running.outcome).outcome).toBe('succeeded');
});

test('unknown: cancelled while it ran, so nobody knows how far it came', async () => {
  const { callId, outcome } = await started('counting', 60_000);
  await system.flow('alice').cancel(callId);
  await expectRecorded(await outcome, {
    ...{ outcome: 'unknown', code: 'ERR_CANCELLED', ran: 1 },
    facts: 'requested verdict cancel settled',
  });
  await eventually(
    () => system.counting.executions(callId),
    ([execution]) => execution?.cancelled === true,
  );
});

test('busy: the server is at its bound', async () => {
  const running = await started('narrow');
  await expectRecorded(await call('echo', { server: 'narrow' }), {
    ...{ outcome: 'busy', code: 'ERR_BUSY', ran: 0, facts: UNHELD },
  });
  expect((await running.outcome).outcome).toBe('succeeded');
});

test('failed: the server answered a JSON-RPC error', async () => {
  const outcome = await call('crash');
  await expectRecorded(outcome, { outcome: 'failed', code: 'ERR_UPSTREAM_ERROR', ran: 1, facts: UNHELD });
  expect(outcome.error).toMatchObject({ message: 'crashed as asked' });
});

test('failed: the arguments do not fit the schema, so nothing is sent', async () => {
  const outcome = await call('echo', { arguments: { text: 7 } });
  await expectRecorded(outcome, { outcome: 'failed', code: 'ERR_ARGUMENTS_INVALID', ran: 0, facts: UNHELD });
  expect(outcome.message).toContain('arguments.text');
});

test('unknown: the server never answered', async () => {
  const outcome = await call('hang');
  await expectRecorded(outcome, { outcome: 'unknown', code: 'ERR_UPSTREAM_TIMEOUT', ran: 1, facts: UNHELD });
});

test('a large result goes through the object store, whole, to whoever asked for it and nobody else', async () => {
  const bytes = 700_000;
  const outcome = await call('huge', { arguments: { bytes } });
  expect(outcome.result).toBeUndefined();
  expect(await system.flow('alice').result(outcome.callId)).toEqual({
    content: [{ type: 'text', text: 'x'.repeat(bytes) }],
  });
  await expect(system.flow('carol').result(outcome.callId)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  await expectRecorded(outcome, { outcome: 'succeeded', ran: 1, facts: UNHELD });
  const row = await system.auditor.callRow(outcome.callId);
  expect(row.result_object).not.toBe('');
  expect(row.result_bytes).toBeGreaterThan(bytes);
});

test.each(['content', 'unknown_content', 'structured', 'wrong_structure'])('%s passes unaltered', async (tool) => {
  const outcome = await call(tool);
  expect(outcome.result).toEqual(await callDirectly(direct, tool));
  await expectRecorded(outcome, { outcome: 'succeeded', ran: 1, facts: UNHELD });
});

test('progress reaches whoever waits', async () => {
  const steps: number[] = [];
  const options = { onProgress: ({ progress }: { progress: number }) => void steps.push(progress) };
  await call('sleep', { arguments: { ms: 60, steps: 3 }, options });
  expect(steps).toEqual([1, 2, 3]);
});

test('the same call id with the same bytes is the same call, with other bytes it is refused', async () => {
  const options = { callId: uuidv7() };
  const first = await call('echo', { arguments: { text: 'once' }, options });
  expect(await call('echo', { arguments: { text: 'once' }, options })).toEqual(first);
  await expect(call('echo', { arguments: { text: 'twice' }, options })).rejects.toMatchObject({
    code: 'ERR_CALL_ID_REUSED',
  });
  await expectRecorded(first, { outcome: 'succeeded', ran: 1, facts: UNHELD });
});

test('an identical call is not held twice: its requester is told which one waits', async () => {
  const request = { server: 'asking', tool: 'echo', arguments: { text: 'same' } };
  let twin!: CallOutcome;
  const first = await held('echo', request, async ({ callId, digest }) => {
    twin = await system.flow('alice').call(request);
    await system.flow('alice').decide({ callId, digest, vote: 'accept' });
  });
  expect(first.outcome).toBe('succeeded');
  expect(twin.message).toContain(first.callId);
  await expectRecorded(twin, { outcome: 'failed', code: 'ERR_CALL_DUPLICATE', ran: 0, facts: UNHELD });
});

test('a requester may decide where the server lets them', async () => {
  const outcome = await held('echo', { server: 'asking' }, async ({ callId, digest }) => {
    await system.flow('alice').decide({ callId, digest, vote: 'accept' });
  });
  expect(outcome.outcome).toBe('succeeded');
});

test('every invariant holds of all that happened here', async () => {
  expect(await system.violations({ unknownMax: 2 })).toEqual([]);
});

/** A call that is held; `decide` is run once it is. */
async function held(tool: string, asked: Asked, decide: (held: HeldCall) => Promise<unknown>): Promise<CallOutcome> {
  let outcome!: Promise<CallOutcome>;
  await new Promise((resolve, reject) => {
    const onHeld = (heldCall: HeldCall): void => void decide(heldCall).then(resolve, reject);
    outcome = call(tool, { ...asked, options: { onHeld } });
  });
  return outcome;
}

/** A call that has reached the tool `sleep`. */
async function started(server: string, ms = 500): Promise<{ callId: string; outcome: Promise<CallOutcome> }> {
  const callId = uuidv7();
  const outcome = call('sleep', { server, arguments: { ms }, options: { callId } });
  await eventually(
    () => system.counting.executions(callId),
    ({ length }) => length === 1,
  );
  return { callId, outcome };
}
