import { callSubject, HEADERS, type Settled, type Verdict } from '@flow-mcp/contracts';
import { RetryableError } from '@flow-mcp/kernel';
import type { CallAnswer } from '@flow-mcp/upstream';
import { decodeFact } from './call-log.js';
import {
  ALICE,
  CALL_ID,
  FLOW,
  NOW,
  World,
  executorIn,
  request,
  type RequestOver,
  type Setup,
} from './testing/world.js';

async function settledOf(
  over: RequestOver = {},
  setup: Setup = {},
): Promise<{ world: World; settled: Settled | undefined }> {
  const world = new World();
  await world.deliver(request(world, over), setup);
  return { world, settled: world.settled() };
}

/** As any reader decodes it. */
function factOf(world: World, fact: 'verdict' | 'settled'): object {
  const stored = world.facts.get(callSubject(FLOW, CALL_ID, fact));
  if (stored === undefined) throw new Error(`there is no ${fact}`);
  return decodeFact(fact, stored);
}

for (const when of ['before', 'after'] as const) {
  test.each(Array.from({ length: 12 }, (_, at) => at + 1))(
    `dies ${when} I/O %i: one outcome that agrees with what ran, at most once`,
    async (k) => {
      const world = new World(k, when);
      await world.deliver(request(world));
      const settled = world.settled();
      expect(world.executions).toBeLessThanOrEqual(1);
      expect(['succeeded', 'unknown']).toContain(settled?.outcome);
      if (settled?.outcome === 'succeeded') expect(world.executions).toBe(1);
      if (world.deaths === 0) expect(settled?.outcome).toBe('succeeded');
    },
  );

  test.each(Array.from({ length: 14 }, (_, at) => at + 1))(
    `dies ${when} I/O %i of a tool safe to retry: runs twice at most`,
    async (k) => {
      const world = new World(k, when);
      await world.deliver(request(world), { spec: { retry: { safe: ['get_*'] } } });
      expect(world.executions).toBeLessThanOrEqual(2);
      expect(world.settled()?.outcome).toBe('succeeded');
    },
  );
}

test('L5: nothing runs before its verdict is stored', async () => {
  const world = new World();
  let verdictWhileRunning: Verdict | undefined;
  const answer = (): CallAnswer => {
    verdictWhileRunning = world.read('verdict');
    return { kind: 'answered', result: {}, isError: true };
  };
  await world.deliver(request(world), { answer });
  expect(verdictWhileRunning).toMatchObject({ step: 'run', actor: ALICE, run: { jti: `${CALL_ID}.1`, attempt: 1 } });
  expect(world.settled()?.outcome).toBe('tool_error');
});

test.each<[string, RequestOver, Partial<Settled>]>([
  ['garbage', { payload: '{"a":' }, { outcome: 'failed', code: 'ERR_MESSAGE_INVALID' }],
  [
    'a duplicate name',
    { payload: '{"method":"tools/call","method":"x"}' },
    { outcome: 'failed', code: 'ERR_MESSAGE_INVALID' },
  ],
  [
    'another version',
    { headers: { [HEADERS.type]: 'flowmcp.calls.requested.v9' } },
    { outcome: 'failed', code: 'ERR_VERSION_UNKNOWN' },
  ],
  ['no pass', { headers: { [HEADERS.pass]: 'x.y.z' } }, { outcome: 'denied', code: 'ERR_PASS_INVALID' }],
  ['another HMAC', { headers: { [HEADERS.hmac]: 'A'.repeat(43) } }, { outcome: 'denied', code: 'ERR_PASS_INVALID' }],
  ['missing arguments', { args: {} }, { outcome: 'failed', code: 'ERR_ARGUMENTS_INVALID' }],
  ['a deadline that has passed', { deadlineMs: NOW }, { outcome: 'expired', code: 'ERR_DEADLINE_PASSED' }],
])('%s settles as what it is, and nothing runs', async (_what, over, expected) => {
  const { world, settled } = await settledOf(over);
  expect(settled).toMatchObject({ ...expected, attempt: 0 });
  expect(world.executions).toBe(0);
});

test('what a caller wrote does not make the verdict unreadable: half of a surrogate pair is no JSON that we read', async () => {
  const noMore = { type: 'object', additionalProperties: false };
  const { world } = await settledOf({ args: { [`${'a'.repeat(63)}\u{1f600}`]: 1 } }, { inputSchema: noMore });
  expect(factOf(world, 'verdict')).toMatchObject({ step: 'refuse', code: 'ERR_ARGUMENTS_INVALID' });
  expect(factOf(world, 'settled')).toMatchObject({ outcome: 'failed' });
});

test.each<[string, CallAnswer]>([
  ['an integer beyond 2^53', { kind: 'answered', result: { id: 2 ** 60 }, isError: false }],
  ['half of a surrogate pair', { kind: 'answered', result: { text: '\ud83d' }, isError: false }],
])('a result with %s is kept whole, and the outcome can be read', async (_what, answer) => {
  const { world } = await settledOf({}, { answer: () => answer });
  expect(factOf(world, 'settled')).toMatchObject({
    outcome: 'succeeded',
    resultRef: { object: `${FLOW}.${CALL_ID}.1` },
  });
});

test('an error whose text is cut in the middle of a pair, and whose data is not ours to read, leaves a readable outcome', async () => {
  const rpcError = { code: -32000, message: `${'a'.repeat(3999)}\u{1f600}`, data: { id: 2 ** 60 } };
  const answer: CallAnswer = { kind: 'refused', code: 'ERR_UPSTREAM_ERROR', message: 'It said no.', rpcError };
  const { world } = await settledOf({}, { answer: () => answer });
  expect(factOf(world, 'settled')).toMatchObject({ outcome: 'failed', error: { code: -32000 } });
});

test('a call that needs a person is held, and acked without an outcome', async () => {
  const { world, settled } = await settledOf({}, { spec: { confirm: true } });
  expect(settled).toBeUndefined();
  expect(world.read<Verdict>('verdict')).toMatchObject({ step: 'hold', rule: { id: 'confirm' } });
});

test('an identical call that waits already is named instead of being held twice', async () => {
  const { settled } = await settledOf({}, { spec: { confirm: true }, heldAlready: CALL_ID.replace('a', 'b') });
  expect(settled).toMatchObject({ outcome: 'failed', code: 'ERR_CALL_DUPLICATE' });
  expect(settled?.message).toContain(CALL_ID.replace('a', 'b'));
});

test('a cancel that came while no executor listened is honoured', async () => {
  const world = new World();
  const fact = request(world);
  world.put(callSubject('payments', CALL_ID, 'cancel'), Buffer.from('{}'));
  world.wallMs = NOW + 5_000;
  await world.deliver(fact);
  expect(world.settled()).toMatchObject({ outcome: 'cancelled', attempt: 0 });
  expect(world.executions).toBe(0);
});

test.each<[string, Setup]>([
  ['the tool is denied', { spec: { tools: { deny: ['*'] } } }],
  ['the url is another', { spec: { url: 'https://elsewhere.example' } }],
])('a lost run is not repeated when meanwhile %s', async (_what, today) => {
  const world = new World(2, 'before'); // The verdict is the first I/O, the tool the second.
  const fact = request(world);
  const draining = new AbortController().signal;
  const first = executorIn(world, { spec: { retry: { safe: ['*'] } } });
  await expect(first.handle({ fact, deliveryCount: 1, draining })).rejects.toThrow('died');
  await world.deliver(fact, today);
  expect(world.settled()).toMatchObject({ outcome: 'unknown', code: 'ERR_OWNER_LOST' });
  expect([world.executions, world.read('retried')]).toEqual([0, undefined]);
});

test('a fifth delivery without a verdict is refused before it is read again', async () => {
  const world = new World();
  const draining = new AbortController().signal;
  await executorIn(world).handle({ fact: request(world), deliveryCount: 5, draining });
  expect(world.settled()).toMatchObject({ outcome: 'failed', code: 'ERR_UNDELIVERABLE' });
});

test('an outcome that lost to unknown is kept as late', async () => {
  const world = new World();
  const unknown = { outcome: 'unknown', attempt: 1 };
  const answer = (): CallAnswer => {
    world.put(callSubject('payments', CALL_ID, 'settled'), Buffer.from(JSON.stringify(unknown)));
    return { kind: 'answered', result: {}, isError: false };
  };
  await world.deliver(request(world), { answer });
  expect(world.settled()?.outcome).toBe('unknown');
  expect(world.read<Settled>('late')?.outcome).toBe('succeeded');
  expect(world.counted).toEqual([]);
});

test('a broker that is away for a moment delays an outcome and loses nothing', async () => {
  const world = new World();
  const { append } = world.store;
  let refusals = 1;
  Object.assign(world.store, {
    append: async (...args: Parameters<typeof append>) => {
      if (args[0].endsWith('.settled') && refusals-- > 0) throw new RetryableError('ERR_BROKER_UNAVAILABLE', 'away');
      return append(...args);
    },
  });
  expect(await world.deliver(request(world))).toBe(1);
  expect(world.settled()?.outcome).toBe('succeeded');
});
