import { randomBytes } from 'node:crypto';
import {
  HEADERS,
  callSubject,
  discoveredV1,
  encode,
  requestedV1,
  resourceChangedV1,
  resourceSubject,
  type Actor,
  type MCPServer,
  type Settled,
  type Verdict,
} from '@flow-mcp/contracts';
import { createPassAuthority, signWithSecret } from '@flow-mcp/identity';
import { RetryableError } from '@flow-mcp/kernel';
import { MessageHeaders, type Delivery, type StoredFact } from '@flow-mcp/messaging';
import type { CallAnswer } from '@flow-mcp/upstream';
import { Admission } from './admission.js';
import { ArgumentSchemas } from './argument-schema.js';
import { CallLog, type FactStore } from './call-log.js';
import { Cancellations } from './cancellations.js';
import type { Credentials } from './credentials.js';
import { Entrance } from './entrance.js';
import { Holds } from './holds.js';
import { Judge } from './judge.js';
import { LedgerRoom } from './ledger-room.js';
import { LostRuns } from './lost-runs.js';
import { OnRequested } from './on-requested.js';
import { RegistryCopy } from './registry-copy.js';
import { Results } from './results.js';
import { Runner } from './runner.js';

const CALL_ID = '01932b4c-8f00-7abc-8def-0123456789ab';
const NOW = 0x01932b4c8f00;
const SUBJECT = callSubject('payments', CALL_ID, 'requested');
const alice: Actor = { iss: 'https://issuer.example', sub: 'alice', groups: ['support'], admin: false };
const passes = createPassAuthority([{ kid: 'test', key: randomBytes(32) }]);
const never = new AbortController().signal;

/** A ledger in memory whose k-th I/O dies, before or after it took effect; the upstream counts as I/O. */
class World {
  readonly facts = new Map<string, StoredFact>();
  executions = 0;
  deaths = 0;
  monotonicMs = 0;
  #io = 0;
  readonly #dieAt: number;
  readonly #when: 'before' | 'after';

  constructor(dieAt = 0, when: 'before' | 'after' = 'before') {
    this.#dieAt = dieAt;
    this.#when = when;
  }

  step<T>(effect: () => T): T {
    const dies = ++this.#io === this.#dieAt;
    this.deaths += dies ? 1 : 0;
    if (dies && this.#when === 'before') throw new Error('died');
    const value = effect();
    if (dies) throw new Error('died');
    return value;
  }

  readonly store: FactStore = {
    append: async (subject, payload, headers) =>
      this.step(() => {
        if (this.facts.has(subject)) return { result: 'other' as const };
        this.facts.set(subject, stored(subject, payload, headers));
        return { result: 'mine' as const };
      }),
    read: async (subject) => this.step(() => this.facts.get(subject)),
  };

  read<T>(fact: 'verdict' | 'settled' | 'late' | 'retried'): T | undefined {
    const found = this.facts.get(callSubject('payments', CALL_ID, fact));
    return found && (JSON.parse(Buffer.from(found.payload).toString()) as T);
  }
}

function stored(subject: string, payload: Uint8Array, headers: Iterable<readonly [string, string]> = []): StoredFact {
  return { subject, payload, headers: new MessageHeaders(headers), seq: 1, storedAtMs: NOW, nonce: 'n' };
}

interface Setup {
  spec?: Partial<MCPServer['spec']>;
  answer?: () => CallAnswer;
  heldAlready?: string;
}

function registryWith({ spec = {} }: Setup): RegistryCopy {
  const registry = new RegistryCopy();
  const changed = (resource: object) =>
    encode(resourceChangedV1, { change: 'applied', resource, changedBy: alice, diff: [] } as never);
  const apiVersion = 'deployments.plural.sh/v1alpha1';
  const server = {
    apiVersion,
    kind: 'MCPServer',
    metadata: { name: 'plural' },
    spec: { url: 'https://plural.example', ...spec },
  };
  const flow = {
    apiVersion,
    kind: 'Flow',
    metadata: { name: 'payments' },
    spec: {
      bindings: { read: [{ groupName: 'support' }] },
      serverAssociations: [{ mcpServerRef: { name: 'plural' } }],
    },
  };
  registry.applyResource(resourceSubject('MCPServer', 'plural', 1), changed(server));
  registry.applyResource(resourceSubject('Flow', 'payments', 1), changed(flow));
  const definition = { name: 'get_account', inputSchema: { type: 'object', required: ['id'] } };
  const health = { reason: 'ok' as const, message: '', checkedAtMs: 1 };
  registry.applyTools(
    'plural',
    encode(discoveredV1, { server: 'plural', generation: 1, health, tools: [{ sha256: 'a'.repeat(64), definition }] }),
  );
  return registry;
}

/** An executor process: what it knows dies with it, the world stays. */
function executorIn(world: World, setup: Setup = {}): OnRequested {
  const clock = { wallMs: () => NOW, monotonicMs: () => world.monotonicMs };
  const cancellations = new Cancellations();
  const registry = registryWith(setup);
  const log = new CallLog(world.store, clock.wallMs);
  const entrance = new Entrance(new Admission(clock.monotonicMs), cancellations, clock);
  const holds = new Holds(async () => setup.heldAlready, clock);
  const parts = { registry, passes, schemas: new ArgumentSchemas(), room: new LedgerRoom() };
  const judge = new Judge({ ...parts, holds, entrance, clock });
  const answer = setup.answer ?? (() => ({ kind: 'answered', result: { content: [] }, isError: false }));
  const upstream = { call: async () => world.step(() => ((world.executions += 1), answer())) };
  const logger = { error: () => undefined } as never;
  const runner = new Runner({
    log,
    upstream,
    results: new Results({ put: async () => undefined }, logger),
    cancellations,
    credentials: {} as Credentials,
    clock,
    publish: () => undefined,
    stopping: never,
  });
  return new OnRequested(
    { log, runner, registry, lost: new LostRuns(clock.monotonicMs), clock, graceMs: 5_000, stopping: never },
    judge,
  );
}

function request(
  over: { payload?: string; headers?: Record<string, string>; args?: object; deadlineMs?: number } = {},
): StoredFact {
  const message = {
    method: 'tools/call',
    server: 'plural',
    tool: 'get_account',
    arguments: over.args ?? { id: 'acc-1' },
    deadlineMs: over.deadlineMs ?? NOW + 30_000,
  };
  const payload = over.payload === undefined ? encode(requestedV1, message as never) : Buffer.from(over.payload);
  const { pass, secret } = passes.issue(alice, 'payments', NOW);
  const headers = { [HEADERS.pass]: pass, [HEADERS.hmac]: signWithSecret(secret, SUBJECT, payload), ...over.headers };
  return stored(SUBJECT, payload, Object.entries(headers));
}

/** At least once, as JetStream delivers: a new process after each death, time passing between deliveries. */
async function deliver(world: World, fact: StoredFact, setup: Setup = {}): Promise<number> {
  let executor = executorIn(world, setup);
  for (let deliveryCount = 1; deliveryCount <= 8; deliveryCount++) {
    try {
      const delivery: Delivery = { fact, deliveryCount, draining: never };
      const disposition = await executor.handle(delivery);
      if ('ack' in disposition) return deliveryCount;
      world.monotonicMs += Math.max(disposition.nakMs, 1);
    } catch {
      executor = executorIn(world, setup);
      world.monotonicMs += 30_000;
    }
  }
  throw new Error('not acked after eight deliveries');
}

const settledOf = async (
  fact: StoredFact,
  setup: Setup = {},
): Promise<{ world: World; settled: Settled | undefined }> => {
  const world = new World();
  world.facts.set(SUBJECT, fact);
  await deliver(world, fact, setup);
  return { world, settled: world.read('settled') };
};

for (const when of ['before', 'after'] as const) {
  test.each(Array.from({ length: 12 }, (_, at) => at + 1))(
    `dies ${when} I/O %i: one outcome that agrees with what ran, at most once`,
    async (k) => {
      const world = new World(k, when);
      const fact = request();
      world.facts.set(SUBJECT, fact);
      await deliver(world, fact);
      const settled = world.read<Settled>('settled');
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
      const fact = request();
      world.facts.set(SUBJECT, fact);
      await deliver(world, fact, { spec: { retry: { safe: ['get_*'] } } });
      expect(world.executions).toBeLessThanOrEqual(2);
      expect(world.read<Settled>('settled')?.outcome).toBe('succeeded');
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
  await deliver(world, request(), { answer });
  expect(verdictWhileRunning).toMatchObject({ step: 'run', actor: alice, run: { jti: `${CALL_ID}.1`, attempt: 1 } });
  expect(world.read<Settled>('settled')?.outcome).toBe('tool_error');
});

test.each<[string, Parameters<typeof request>[0], Partial<Settled>]>([
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
  const { world, settled } = await settledOf(request(over));
  expect(settled).toMatchObject({ ...expected, attempt: 0 });
  expect(world.executions).toBe(0);
});

test('a call that needs a person is held, and acked without an outcome', async () => {
  const { world, settled } = await settledOf(request(), { spec: { confirm: true } });
  expect(settled).toBeUndefined();
  expect(world.read<Verdict>('verdict')).toMatchObject({ step: 'hold', rule: { id: 'confirm' } });
});

test('an identical call that waits already is named instead of being held twice', async () => {
  const { settled } = await settledOf(request(), { spec: { confirm: true }, heldAlready: CALL_ID.replace('a', 'b') });
  expect(settled).toMatchObject({ outcome: 'failed', code: 'ERR_CALL_DUPLICATE' });
  expect(settled?.message).toContain(CALL_ID.replace('a', 'b'));
});

test('a fifth delivery without a verdict is refused before it is read again', async () => {
  const world = new World();
  const fact = request();
  await executorIn(world).handle({ fact, deliveryCount: 5, draining: never });
  expect(world.read<Settled>('settled')).toMatchObject({ outcome: 'failed', code: 'ERR_UNDELIVERABLE' });
});

test('an outcome that lost to unknown is kept as late', async () => {
  const world = new World();
  const fact = request();
  const unknown = { outcome: 'unknown', attempt: 1 };
  const answer = (): CallAnswer => {
    world.facts.set(callSubject('payments', CALL_ID, 'settled'), stored('', Buffer.from(JSON.stringify(unknown))));
    return { kind: 'answered', result: {}, isError: false };
  };
  await deliver(world, fact, { answer });
  expect(world.read<Settled>('settled')?.outcome).toBe('unknown');
  expect(world.read<Settled>('late')?.outcome).toBe('succeeded');
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
  expect(await deliver(world, request())).toBe(1);
  expect(world.read<Settled>('settled')?.outcome).toBe('succeeded');
});
