// The client against a real broker with the generated permissions, and an executor that follows a script per tool.

import { createHash, randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import {
  CONSUMERS,
  FACT_CONTRACTS,
  LIMITS,
  RPCS,
  callSubject,
  decode,
  encode,
  parseCallSubject,
  progressSubject,
  progressV1,
  type Actor,
  type MessageOf,
  type Requested,
  type RpcContract,
  type Verdict,
} from '@flow-mcp/contracts';
import { createPassAuthority } from '@flow-mcp/identity';
import { RefusedError, type JsonObject } from '@flow-mcp/kernel';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  consume,
  createLedger,
  provision,
  publishMessage,
  serveRpc,
  waitForStored,
  type BrokerConnection,
  type Consumption,
  type Delivery,
  type Ledger,
} from '@flow-mcp/messaging';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { startBrokerProxy, type BrokerProxy } from '@flow-mcp/testing/broker-proxy';
import { v7 as uuidv7 } from 'uuid';
import { connectFlow, type CallOptions, type Flow } from './index.js';

const ISS = 'https://login.example.com';
const PEOPLE: Readonly<Record<string, Actor>> = {
  ada: { iss: ISS, sub: 'ada', groups: ['support'], admin: false },
  grace: { iss: ISS, sub: 'grace', groups: ['sre'], admin: false },
};
const SHA = createHash('sha256').update('x').digest('hex');
const LARGE: JsonObject = { content: [{ type: 'text', text: 'x'.repeat(700_000) }] };
const LARGE_BYTES = Buffer.from(JSON.stringify(LARGE));
const passes = createPassAuthority([{ kid: 'k', key: randomBytes(32) }]);
const tokenOf = (person: string) => async () => person;

let broker: BrokerFixture;
let proxy: BrokerProxy;
let executor: BrokerConnection;
let confirmation: BrokerConnection;
let registry: BrokerConnection;
let consumption: Consumption;
let flow: Flow;
let passesAsked = 0;
let piecesAsked = 0;
const runs: string[] = [];
const decidedCalls = new EventEmitter();
const cuts = new EventEmitter();

beforeAll(async () => {
  broker = await startBroker({ users: 'services' });
  proxy = await startBrokerProxy(broker.port);
  const provisioner = await connectBroker(broker.login('provisioner'));
  await provision(provisioner, PROVISION_DEFAULTS);
  await provisioner.close();
  executor = await connectBroker(broker.login('executor'));
  confirmation = await connectBroker(broker.login('confirmation'));
  await serve();
  const { seedFile = '' } = broker.login('chat');
  const report = () => undefined;
  flow = await connectFlow({ servers: proxy.url, seedFile, flow: 'payments', getToken: tokenOf('ada'), report });
}, 30_000);

afterEach(() => {
  proxy.rule = () => 'pass';
});

afterAll(async () => {
  await flow.close();
  await consumption.drain(1_000);
  await Promise.all([executor.close(), confirmation.close(), registry.close()]);
  await proxy.stop();
  await broker.stop();
});

const call = (tool: string, options: CallOptions = {}, given: JsonObject = {}) =>
  flow.call({ server: 'plural', tool, arguments: given }, options);

test('a call resolves with its outcome, and its progress is told', async () => {
  const told: string[] = [];
  const outcome = await call('echo', {
    onRequested: () => told.push('requested'),
    onProgress: ({ message = '' }) => told.push(message),
  });
  expect(outcome).toMatchObject({ outcome: 'succeeded', flow: 'payments', result: { content: ['ada'] } });
  expect(outcome.held).toBeUndefined();
  expect(told).toEqual(['requested', 'half way']);
});

test('a tool is called by the name that tools() gave it, and an unknown name asks for nothing', async () => {
  const { tools } = await flow.tools();
  expect(tools.map(({ name }) => name)).toEqual(['plural__echo']);
  expect(await flow.call({ name: 'plural__echo', arguments: {} })).toMatchObject({ outcome: 'succeeded' });
  await expect(flow.call({ name: 'nope', arguments: {} })).rejects.toMatchObject({ code: 'ERR_TOOL_NOT_VISIBLE' });
});

test('a refusal is an outcome, a value', async () => {
  expect(await call('forbidden')).toMatchObject({ outcome: 'denied', code: 'ERR_TOOL_NOT_VISIBLE', attempt: 0 });
});

test('a held call tells who may decide, and ends as another person on the same connection decides', async () => {
  const told: string[] = [];
  const outcome = await call('delete_user', {
    onHeld: ({ callId, digest, approvers }) => {
      told.push(`held for ${approvers[0]?.groupName}`);
      void flow.as(tokenOf('grace')).decide({ callId, digest, vote: 'accept', reason: 'Grüße\nfine' });
    },
    onDecided: ({ decision, votes }) => told.push(`${decision} by ${votes[0]?.voter.sub}`),
  });
  expect(told).toEqual(['held for sre', 'accepted by grace']);
  expect(outcome).toMatchObject({ outcome: 'succeeded', held: { digest: SHA, requester: { sub: 'ada' } } });
});

test('what a callback throws is reported and changes nothing', async () => {
  const outcome = await call('echo', {
    onRequested: () => {
      throw new Error('a bug of the chat');
    },
  });
  expect(outcome.outcome).toBe('succeeded');
});

test('aborting cancels, once, and the outcome says so', async () => {
  const abort = new AbortController();
  const outcome = await call('slow', { signal: abort.signal, onRequested: () => abort.abort() });
  expect(outcome).toMatchObject({ outcome: 'cancelled', code: 'ERR_CANCELLED' });
});

test('what was aborted before is not asked for', async () => {
  const before = runs.length;
  await expect(call('echo', { signal: AbortSignal.abort(new Error('no more')) })).rejects.toThrow('no more');
  expect(runs.length).toBe(before);
});

test('the same call under the same id is one call; another one is refused', async () => {
  const callId = uuidv7();
  const first = await call('echo', { callId }, { n: 1 });
  const ran = runs.length;
  expect(await call('echo', { callId }, { n: 1 })).toEqual(first);
  expect(await flow.wait(callId)).toEqual(first);
  expect(runs.length).toBe(ran);
  await expect(call('echo', { callId }, { n: 2 })).rejects.toMatchObject({ code: 'ERR_CALL_ID_REUSED' });
});

test('a large result is fetched when asked for, in pieces, and verified', async () => {
  const { callId, result, resultRef } = await call('large');
  expect({ result, bytes: resultRef?.bytes, piecesAsked }).toEqual({
    result: undefined,
    bytes: LARGE_BYTES.length,
    piecesAsked: 0,
  });
  expect(await flow.result(callId)).toEqual(LARGE);
  expect(piecesAsked).toBe(Math.ceil(LARGE_BYTES.length / LIMITS.resultPieceBytes));
  await expect(flow.result(uuidv7())).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
});

test('a lost result is an error, not another result', async () => {
  const { callId } = await call('lost');
  await expect(flow.result(callId)).rejects.toMatchObject({ code: 'ERR_RESULT_LOST' });
});

test('many calls at once share one pass and get each their own outcome', async () => {
  const asked = passesAsked;
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, n) => call('echo', {}, { n })));
  expect(outcomes.map(({ result }) => result?.['n'])).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(passesAsked).toBe(asked);
});

test('a wrong token and a bad call id ask for nothing', async () => {
  const nobody = flow.as(tokenOf('nobody'));
  await expect(nobody.call({ server: 'plural', tool: 'echo', arguments: {} })).rejects.toMatchObject({
    code: 'ERR_TOKEN_INVALID',
  });
  await expect(call('echo', { callId: 'not-a-uuid' })).rejects.toMatchObject({ code: 'ERR_CALL_ID_INVALID' });
  await expect(call('echo', {}, { text: 'x'.repeat(300_000) })).rejects.toMatchObject({
    code: 'ERR_ARGUMENTS_TOO_LARGE',
  });
});

test('facts whose messages were lost are read', async () => {
  proxy.rule = (text, direction) =>
    direction === 'to-client' && text.includes('flowmcp.v1.stored.') && !text.includes('DIRECT.GET') ? 'drop' : 'pass';
  const told: string[] = [];
  const outcome = await call('quickly_held', {
    onHeld: () => told.push('held'),
    onDecided: () => told.push('decided'),
  });
  expect(outcome.outcome).toBe('declined');
  expect(told).toEqual(['held', 'decided']);
});

test('a connection lost while a call runs costs nothing', async () => {
  const outcome = await call('echo_after_cut', { onRequested: () => (proxy.cutAll(), cuts.emit('cut')) });
  expect(outcome.outcome).toBe('succeeded');
});

test('closing ends the waiting and not the call', async () => {
  const { seedFile = '' } = broker.login('chat');
  const other = await connectFlow({ servers: broker.url, seedFile, flow: 'payments', getToken: tokenOf('ada') });
  const callId = uuidv7();
  const waiting = other.call(
    { server: 'plural', tool: 'slow', arguments: {} },
    { callId, onRequested: () => void other.close() },
  );
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
  await flow.cancel(callId, 'the test is over');
  expect(await flow.wait(callId)).toMatchObject({ outcome: 'cancelled' });
  await expect(flow.cancel(callId)).rejects.toMatchObject({ code: 'ERR_NOT_PENDING' });
  await expect(flow.cancel(callId.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).rejects.toMatchObject({
    code: 'ERR_NOT_FOUND',
  });
});

// ---- The executor and the confirmation service, by script. ----

interface Scripted {
  readonly actor: Actor;
  readonly requested: Requested;
  readonly callId: string;
  append<F extends 'verdict' | 'settled' | 'resumed'>(
    fact: F,
    message: MessageOf<(typeof FACT_CONTRACTS)[F]>,
  ): Promise<void>;
  decide(decision: 'accepted' | 'declined', voter?: string): Promise<void>;
  /** Resolves when somebody asked for it to be stopped. */
  cancelled(): Promise<void>;
}

const SCRIPTS: Readonly<Record<string, (call: Scripted) => Promise<void>>> = {
  echo: async (scripted) => {
    await scripted.append('verdict', runVerdict(scripted));
    progressOf(scripted, 'half way');
    await scripted.append('settled', succeeded(scripted));
  },
  forbidden: async ({ append }) => {
    const refusal = { outcome: 'denied', code: 'ERR_TOOL_NOT_VISIBLE', reason: 'There is none.' } as const;
    await append('verdict', { step: 'refuse', ...refusal });
    await append('settled', { outcome: 'denied', code: refusal.code, message: refusal.reason, attempt: 0 });
  },
  delete_user: async (scripted) => {
    const decided = once(decidedCalls, scripted.callId);
    await scripted.append('verdict', holdVerdict(scripted));
    await decided;
    await scripted.append('resumed', { step: 'run', run: RUN, queuedMs: 0 });
    await scripted.append('settled', succeeded(scripted));
  },
  quickly_held: async (scripted) => {
    await scripted.append('verdict', holdVerdict(scripted));
    await scripted.decide('declined');
    await scripted.append('settled', { outcome: 'declined', code: 'ERR_DECLINED', attempt: 0 });
  },
  slow: async (scripted) => {
    const cancelled = scripted.cancelled();
    await scripted.append('verdict', runVerdict(scripted));
    await cancelled;
    await scripted.append('settled', { outcome: 'cancelled', code: 'ERR_CANCELLED', attempt: 1 });
  },
  large: async (scripted) => {
    await scripted.append('verdict', runVerdict(scripted));
    await scripted.append('settled', { outcome: 'succeeded', attempt: 1, resultRef: refTo(sha256(LARGE_BYTES)) });
  },
  lost: async (scripted) => {
    await scripted.append('verdict', runVerdict(scripted));
    await scripted.append('settled', { outcome: 'succeeded', attempt: 1, resultRef: refTo(SHA) });
  },
  echo_after_cut: async (scripted) => {
    await once(cuts, 'cut');
    await scripted.append('verdict', runVerdict(scripted));
    await scripted.append('settled', succeeded(scripted));
  },
};

const RUN = { jti: 'call.1', attempt: 1, timeoutMs: 1_000 };
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const refTo = (hash: string) => ({ object: 'o', sha256: hash, bytes: LARGE_BYTES.length });
const decisionOf = ({ actor, requested }: Scripted) => ({
  actor,
  rule: { id: 'server.read', text: 'Members of support may.' },
  flow: { name: 'payments', generation: 1 },
  server: { name: requested.server, generation: 1, url: 'http://127.0.0.1:1', authentication: 'plural' },
  tool: requested.tool,
  toolDefinitionSha256: SHA,
  argumentsSha256: SHA,
  retrySafe: false,
});
const runVerdict = (scripted: Scripted): Verdict => ({ step: 'run', ...decisionOf(scripted), run: RUN, queuedMs: 0 });
const holdVerdict = (scripted: Scripted): Verdict => ({
  step: 'hold',
  ...decisionOf(scripted),
  hold: {
    digest: SHA,
    nonce: '0123456789abcdef',
    approvers: [{ groupName: 'sre' }],
    requesterMayDecide: false,
    approvals: 1,
    expiresAtMs: Date.now() + 60_000,
    runBeforeMs: Date.now() + 90_000,
  },
});
const succeeded = ({ actor, requested }: Scripted) =>
  ({ outcome: 'succeeded', attempt: 1, result: { content: [actor.sub], ...requested.arguments } }) as const;
const progressOf = ({ callId }: Scripted, message: string) =>
  publishMessage(executor, progressSubject('payments', callId), progressV1, { progress: 1, total: 2, message });

async function serve(): Promise<void> {
  const ledgers = { executor: createLedger(executor, 'LEDGER'), confirmation: createLedger(confirmation, 'LEDGER') };
  consumption = await consume(executor, {
    stream: 'LEDGER',
    consumer: CONSUMERS.executorRequested.durable,
    inFlightMax: 100,
    handler: async ({ fact }: Delivery) => {
      const { callId } = parseCallSubject(fact.subject);
      const header = (name: string) => fact.headers.get(name) ?? '';
      const signature = { pass: header('Flow-Mcp-Pass'), hmac: header('Flow-Mcp-Hmac') };
      const actor = passes.verify({ ...fact, ...signature, flow: 'payments', nowMs: fact.storedAtMs });
      const requested = decode(FACT_CONTRACTS.requested, fact.payload, LIMITS.requestedBytes);
      runs.push(callId);
      await SCRIPTS[requested.tool]?.(scripted(ledgers, { actor, requested, callId }));
      return { ack: true };
    },
  });
  const answer = <Q, A>(from: BrokerConnection, contract: RpcContract<Q, A>, handler: (request: Q) => Promise<A>) =>
    serveRpc(from, { contract, queue: 'q', inFlightMax: 100, handler });
  answer(executor, RPCS.pass, async ({ token, flow: name }) => {
    passesAsked += 1;
    const person = PEOPLE[token];
    if (person === undefined) throw new RefusedError('ERR_TOKEN_INVALID', 'Sign in again.');
    return { ...passes.issue(person, name, Date.now()), person };
  });
  answer(executor, RPCS.result, async ({ offset }) => {
    piecesAsked += 1;
    const nextOffset = offset + LIMITS.resultPieceBytes;
    const base64 = LARGE_BYTES.subarray(offset, nextOffset).toString('base64');
    const more = nextOffset < LARGE_BYTES.length ? { nextOffset } : {};
    return { base64, bytes: LARGE_BYTES.length, sha256: sha256(LARGE_BYTES), ...more };
  });
  answer(confirmation, RPCS.decide, async ({ callId, vote, pass, hmac, flow: name, digest, reason }) => {
    const voter = passes.verifyVote({ pass, hmac, flow: name, callId, digest, vote, reason, votedAtMs: Date.now() });
    await decide(ledgers.confirmation, callId, 'accepted', voter);
    return { state: 'accepted', accepted: 1, approvals: 1 };
  });
  registry = await connectBroker(broker.login('registry'));
  answer(registry, RPCS.tools, async () => ({
    tools: [
      { name: 'plural__echo', server: 'plural', confirmation: false, definition: { name: 'echo', inputSchema: {} } },
    ],
    servers: [],
  }));
}

function scripted(
  ledgers: { executor: Ledger; confirmation: Ledger },
  { actor, requested, callId }: Pick<Scripted, 'actor' | 'requested' | 'callId'>,
): Scripted {
  return {
    ...{ actor, requested, callId },
    append: async (fact, message) => {
      const subject = callSubject('payments', callId, fact);
      await ledgers.executor.append(subject, encode(FACT_CONTRACTS[fact] as never, message as never));
    },
    decide: (decision) => decide(ledgers.confirmation, callId, decision, PEOPLE['grace'] as Actor),
    cancelled: async () => {
      // Reads as well as listens: the cancel may have come first.
      const subjects = [callSubject('payments', callId, 'cancel')];
      await waitForStored(executor, ledgers.executor, subjects, new AbortController().signal);
    },
  };
}

async function decide(ledger: Ledger, callId: string, decision: 'accepted' | 'declined', voter: Actor): Promise<void> {
  const vote = decision === 'accepted' ? ('accept' as const) : ('decline' as const);
  const evidence = { pass: 'a.b.c', hmac: 'A'.repeat(43) };
  const votes = [{ voter, vote, digest: SHA, ...evidence }];
  const message = { decision, digest: SHA, votes, receipt: 'a.b.c' };
  await ledger.append(callSubject('payments', callId, 'decided'), encode(FACT_CONTRACTS.decided, message));
  decidedCalls.emit(callId);
}
