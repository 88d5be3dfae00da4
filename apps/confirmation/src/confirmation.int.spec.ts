// The whole service on a real broker with its real permissions: two replicas, races, restarts, many pending calls.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  callSubject,
  cancelV1,
  decideRpc,
  decidedV1,
  encode,
  pendingRpc,
  requestedV1,
  verdictV1,
  voteSubject,
  votedV1,
  type Actor,
  type Decided,
  type HoldTerms,
} from '@flow-mcp/contracts';
import {
  KEY_FILES,
  createPassAuthority,
  generateKeys,
  loadPassKeys,
  openPublicKeys,
  signVote,
  verifyReceipt,
  voterToken,
  type PassAuthority,
} from '@flow-mcp/identity';
import { RefusedError } from '@flow-mcp/kernel';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  createLedger,
  provision,
  request,
  waitForStored,
  type BrokerConnection,
  type Ledger,
} from '@flow-mcp/messaging';
import { createLogger, startService, type RunningService } from '@flow-mcp/service-host';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { jest } from '@jest/globals';
import { confirmationConfig } from './config.js';
import { CallFacts } from './facts.js';
import { confirmationModule } from './module.js';
import { BOB, ERIN, PLACE, ALICE, MALLORY, SHA256, holdVerdict, vote } from './testing/examples.js';

jest.setTimeout(30_000);

const PEOPLE = new Map<string, Actor>([ALICE, BOB, ERIN, MALLORY].map((person) => [person.sub, person]));
const people = {
  verify: (token: string): Promise<Actor> => {
    const person = PEOPLE.get(token);
    return person ? Promise.resolve(person) : Promise.reject(new RefusedError('ERR_TOKEN_INVALID', 'Sign in.'));
  },
};

let broker: BrokerFixture;
let directory: string;
let passes: PassAuthority;
let chat: BrokerConnection;
let executor: BrokerConnection;
let confirmation: BrokerConnection;
let ledger: Ledger;
const replicas: RunningService[] = [];
const writers = new Map<BrokerConnection, CallFacts>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'flow-mcp-confirmation-'));
  await generateKeys(directory);
  passes = createPassAuthority(await loadPassKeys(join(directory, KEY_FILES.pass)));
  broker = await startBroker({ users: 'services' });
  const provisioner = await connectBroker(broker.login('provisioner'));
  await provision(provisioner, PROVISION_DEFAULTS);
  await provisioner.close();
  [chat, executor, confirmation] = await Promise.all([connect('chat'), connect('executor'), connect('confirmation')]);
  ledger = createLedger(chat, 'LEDGER');
});
afterEach(stopReplicas);
afterAll(async () => {
  for (const connection of [chat, executor, confirmation]) await connection.close();
  await broker.stop();
  await rm(directory, { recursive: true });
});

async function connect(user: 'chat' | 'executor' | 'confirmation'): Promise<BrokerConnection> {
  const connection = await connectBroker({ ...broker.login(user), report: () => undefined });
  writers.set(connection, new CallFacts(createLedger(connection, 'LEDGER'), Date.now));
  return connection;
}

function as(connection: BrokerConnection): CallFacts {
  const facts = writers.get(connection);
  if (facts === undefined) throw new Error('not connected');
  return facts;
}

async function startReplica(): Promise<RunningService> {
  const { seedFile = '' } = broker.login('confirmation');
  const replica = await startService({
    name: 'confirmation',
    config: confirmationConfig,
    env: {
      FLOWMCP_NATS_URL: broker.url,
      FLOWMCP_NATS_NAME: broker.serverName,
      FLOWMCP_NATS_SEED_FILE: seedFile,
      FLOWMCP_ISSUER: 'https://issuer.test',
      FLOWMCP_RECEIPT_KEYS_FILE: join(directory, KEY_FILES.receipt),
    },
    logger: createLogger('confirmation', 'error'),
    module: (host) => confirmationModule(host, people),
  });
  replicas.push(replica);
  await replica.ready;
  return replica;
}

async function stopReplicas(): Promise<void> {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
}

let calls = 0;
const newCallId = (): string => `01890a5d-ac96-774b-bcce-${String(++calls).padStart(12, '0')}`;

/** What the executor does: holds a call. */
async function hold(terms: Partial<HoldTerms> = {}): Promise<string> {
  const callId = newCallId();
  const expiresAtMs = Date.now() + 60_000;
  const verdict = holdVerdict({ expiresAtMs, runBeforeMs: expiresAtMs + 60_000, ...terms });
  await as(executor).write(callSubject(PLACE.flow, callId, 'verdict'), verdictV1, verdict);
  return callId;
}

async function ask(callId: string): Promise<void> {
  await as(chat).write(callSubject(PLACE.flow, callId, 'requested'), requestedV1, {
    method: 'tools/call',
    server: 'plural',
    tool: 'set_plan',
    arguments: { plan: 'gold' },
    deadlineMs: Date.now() + 60_000,
  });
}

async function cancel(callId: string): Promise<void> {
  await as(chat).write(callSubject(PLACE.flow, callId, 'cancel'), cancelV1, { reason: 'never mind' });
}

/** What a chat does for a person who decides. */
function decide(person: Actor, callId: string, choice: 'accept' | 'decline') {
  const { pass, secret } = passes.issue(person, PLACE.flow, Date.now());
  const ballot = { flow: PLACE.flow, callId, digest: SHA256, vote: choice } as const;
  return request(chat, decideRpc, { ...ballot, token: person.sub, pass, hmac: signVote(secret, ballot) });
}

async function pendingOf(person: Actor): Promise<string[]> {
  const { calls: shown } = await request(chat, pendingRpc, { token: person.sub });
  return shown.map(({ callId }) => callId);
}

async function decisionOn(callId: string): Promise<Decided> {
  const signal = AbortSignal.timeout(15_000);
  await waitForStored(chat, ledger, [callSubject(PLACE.flow, callId, 'decided')], signal);
  const decided = await as(chat).read(callSubject(PLACE.flow, callId, 'decided'), decidedV1);
  if (decided === undefined) throw new Error('stored, but not read');
  return decided;
}

async function storedAtMs(callId: string, fact: 'verdict' | 'decided'): Promise<number> {
  return (await ledger.read(callSubject(PLACE.flow, callId, fact)))?.storedAtMs ?? NaN;
}

/** What the executor does before it believes a decision. */
async function verify(callId: string, { receipt, ...decided }: Decided): Promise<void> {
  const keys = await openPublicKeys(join(directory, KEY_FILES.receiptPublic), 'receipt');
  await verifyReceipt(receipt, await keys.read(), { flow: PLACE.flow, callId, ...decided });
  for (const cast of decided.votes) {
    const signed = { ...cast, flow: PLACE.flow, callId, votedAtMs: Date.now() };
    expect(passes.verifyVote(signed)).toEqual(cast.voter);
  }
}

const inParallel = <T>(count: number, run: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, run));

test('two replicas, accepted and declined and cancelled and expiring at once, 200 times: everybody learns the one decision', async () => {
  await Promise.all([startReplica(), startReplica()]);
  const seen = new Map<string, number>();
  const race = async (): Promise<void> => {
    const callId = await hold({ expiresAtMs: Date.now() + Math.floor(20 + Math.random() * 300) });
    const [accepting, declining] = await Promise.all([
      decide(BOB, callId, 'accept'),
      decide(ERIN, callId, 'decline'),
      Math.random() < 0.3 ? cancel(callId) : undefined,
    ]);
    const decided = await decisionOn(callId);
    for (const { state } of [accepting, declining]) expect(state).toBe(decided.decision);
    await verify(callId, decided);
    seen.set(decided.decision, (seen.get(decided.decision) ?? 0) + 1);
  };
  for (let round = 0; round < 20; round++) await inParallel(10, race);
  expect([...seen.values()].reduce((sum, count) => sum + count)).toBe(200);
  expect(seen.size).toBeGreaterThan(1);
  expect(await pendingOf(BOB)).toEqual([]);
});

test('a restart loses nothing: the same calls are pending, with the votes they had', async () => {
  await startReplica();
  const [first, second] = [await hold(), await hold({ approvals: 2 })];
  await Promise.all([ask(first), ask(second)]);
  await decide(BOB, second, 'accept');
  const before = await request(chat, pendingRpc, { token: ERIN.sub });
  expect(before.calls.map(({ callId, accepted }) => ({ callId, accepted }))).toEqual([
    { callId: first, accepted: 0 },
    { callId: second, accepted: 1 },
  ]);
  await stopReplicas();
  await startReplica();
  expect(await request(chat, pendingRpc, { token: ERIN.sub })).toEqual(before);
  expect(await decide(ERIN, second, 'accept')).toEqual({ state: 'accepted', accepted: 2, approvals: 2 });
  expect(await decide(ERIN, first, 'decline')).toMatchObject({ state: 'declined' });
});

test('what happened while no replica ran is finished by the first that starts', async () => {
  const [votedOn, cancelled, expired] = [
    await hold(),
    await hold(),
    await hold({ expiresAtMs: Date.now() + 50, runBeforeMs: Date.now() + 60_000 }),
  ];
  const voter = voterToken(BOB);
  await as(confirmation).write(voteSubject(PLACE.flow, votedOn, voter), votedV1, vote(BOB, 'accept', 'fine'));
  await cancel(cancelled);
  await Promise.all([startReplica(), startReplica()]);
  expect(await decisionOn(votedOn)).toMatchObject({ decision: 'accepted', reason: 'fine' });
  expect(await decisionOn(cancelled)).toMatchObject({ decision: 'cancelled', reason: 'never mind' });
  expect(await decisionOn(expired)).toMatchObject({ decision: 'expired', votes: [] });
});

test('a call expires although the broker was away when it was due', async () => {
  await startReplica();
  const callId = await hold({ expiresAtMs: Date.now() + 100 });
  await broker.kill();
  await broker.restart();
  expect(await decisionOn(callId)).toMatchObject({ decision: 'expired' });
});

test('over rpc, too, what a person may not see answers like what does not exist', async () => {
  await startReplica();
  const callId = await hold();
  const hidden = await decide(MALLORY, callId, 'accept').catch((error: unknown) => error);
  const unknown = await decide(MALLORY, newCallId(), 'accept').catch((error: unknown) => error);
  expect(hidden).toMatchObject({ code: 'ERR_NOT_FOUND' });
  expect(hidden).toEqual(unknown);
  expect(await pendingOf(MALLORY)).toEqual([]);
});

test('with thousands pending, what expires expires within the second, and not before', async () => {
  const replica = await startReplica();
  const later = Date.now() + 3_600_000;
  const verdict = encode(verdictV1, holdVerdict({ expiresAtMs: later, runBeforeMs: later }));
  const holds = createLedger(executor, 'LEDGER');
  await inParallel(4_000, () => holds.append(callSubject(PLACE.flow, newCallId(), 'verdict'), verdict));
  const startMs = Date.now() + 1_000;
  const due = Array.from({ length: 100 }, (_, at) => startMs + 10 * at);
  const expiring = await Promise.all(due.map((expiresAtMs) => hold({ expiresAtMs, runBeforeMs: later })));
  const stalls = monitorEventLoopDelay();
  stalls.enable();
  const lateMs: number[] = [];
  for (const [at, callId] of [...expiring.entries()].reverse()) {
    expect((await decisionOn(callId)).decision).toBe('expired');
    lateMs.push((await storedAtMs(callId, 'decided')) - Math.max(due[at] ?? 0, await storedAtMs(callId, 'verdict')));
  }
  expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
  // What a busy machine kept from this process is not the service's doing.
  expect(Math.max(...lateMs)).toBeLessThan(1_000 + (3 * stalls.max) / 1e6);
  const metrics = await (await fetch(`${replica.url}/metrics`)).text();
  expect(Number(/^flowmcp_held_calls\{.*\} (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThanOrEqual(4_000);
});
