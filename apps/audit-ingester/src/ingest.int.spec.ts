// The service as processes against a real broker, the real engine and a real issuer; killed, paused, doubled.

import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { RPCS, callSubject, resourceSubject, type NatsUser } from '@flow-mcp/contracts';
import { createClickHouse } from '@flow-mcp/clickhouse';
import { signInDevelopment } from '@flow-mcp/identity';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  createLedger,
  provision,
  request,
  type BrokerConnection,
  type Ledger,
} from '@flow-mcp/messaging';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { startClickHouse, type ClickHouseFixture } from '@flow-mcp/testing/clickhouse';
import { startServiceProcess, type ServiceProcess } from '@flow-mcp/testing/service-process';

const FLOW = 'payments';
/** A busy machine may take its time; a lost fact never comes. */
const PATIENCE_MS = 60_000;
let directory: string;
let broker: BrokerFixture;
let clickhouse: ClickHouseFixture;
let issuer: ServiceProcess;
let replicas: ServiceProcess[];
let connections: BrokerConnection[];
let chat: Ledger;
let executor: Ledger;
let registry: Ledger;
/** What was stored, by stream: subject to SHA-256 of the payload. */
const stored = { LEDGER: new Map<string, string>(), REGISTRY: new Map<string, string>() };

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'audit-ingester-'));
  broker = await startBroker({ users: 'services' });
  clickhouse = await startClickHouse();
  issuer = await startServiceProcess({
    app: 'dev-issuer',
    name: 'dev-issuer',
    env: { FLOWMCP_DEV_ISSUER_DATA_DIR: directory },
    logDir: directory,
  });
  connections = await Promise.all((['provisioner', 'chat', 'executor', 'registry'] as const).map(connectAs));
  const [provisioner, asChat, asExecutor, asRegistry] = connections as [
    BrokerConnection,
    BrokerConnection,
    BrokerConnection,
    BrokerConnection,
  ];
  await provision(provisioner, PROVISION_DEFAULTS);
  await createTables();
  chat = createLedger(asChat, 'LEDGER');
  executor = createLedger(asExecutor, 'LEDGER');
  registry = createLedger(asRegistry, 'REGISTRY');
  replicas = await Promise.all(['one', 'two'].map(startReplica));
}, 60_000);

afterAll(async () => {
  await Promise.all([...(replicas ?? []), issuer].map((process) => process?.kill()));
  await Promise.all((connections ?? []).map((connection) => connection.close()));
  await Promise.all([clickhouse?.stop(), broker?.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

async function createTables(): Promise<void> {
  const tables = createClickHouse(clickhouse.login);
  await tables.migrate();
  await tables.close();
}

function connectAs(user: NatsUser): Promise<BrokerConnection> {
  return connectBroker({ ...broker.login(user), report: () => undefined });
}

function startReplica(name: string): Promise<ServiceProcess> {
  const {
    servers,
    seedFile = '',
    expect: { serverName },
  } = broker.login('audit-ingester');
  const env = {
    FLOWMCP_NATS_URL: servers,
    FLOWMCP_NATS_SEED_FILE: seedFile,
    FLOWMCP_NATS_NAME: serverName,
    FLOWMCP_ISSUER: issuer.ready().issuer ?? '',
    FLOWMCP_ADMIN_GROUPS: 'admins',
    FLOWMCP_CLICKHOUSE_URL: clickhouse.login.url,
    FLOWMCP_CLICKHOUSE_PASSWORD_FILE: clickhouse.login.passwordFile,
  };
  return startServiceProcess({ app: 'audit-ingester', name, env, logDir: directory });
}

async function append(ledger: Ledger, subject: string, payload: object): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(payload));
  const headers: [string, string][] = [['Flow-Mcp-Pass', 'not.for.clickhouse']];
  await ledger.append(subject, bytes, headers, { withinMs: 60_000 });
  stored[ledger.stream as keyof typeof stored].set(subject, createHash('sha256').update(bytes).digest('hex'));
}

function newCallId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** A call from request to outcome, three facts. */
async function recordCall(sub = 'alice', bytes = 10): Promise<string> {
  const callId = newCallId();
  const fact = (name: 'requested' | 'verdict' | 'settled') => callSubject(FLOW, callId, name);
  const asked = {
    method: 'tools/call',
    server: 'plural',
    tool: 'echo',
    arguments: { text: 'x'.repeat(bytes) },
    deadlineMs: Date.now(),
  };
  const actor = { iss: issuer.ready().issuer, sub, groups: [], admin: false };
  await append(chat, fact('requested'), asked);
  await append(executor, fact('verdict'), {
    step: 'run',
    actor,
    rule: { id: 'flow.read', text: '' },
    run: { attempt: 1 },
  });
  await append(executor, fact('settled'), { outcome: 'succeeded', attempt: 1, result: { content: [] } });
  return callId;
}

interface Row {
  readonly stream: 'LEDGER' | 'REGISTRY';
  readonly subject: string;
  readonly sha256: string;
}

/** Waits until ClickHouse has as many facts as were stored; then rows must be the facts, and calls their sum. */
async function expectRowsToBeFacts(): Promise<void> {
  const facts = { ledger: stored.LEDGER.size + stored.REGISTRY.size, calls: stored.LEDGER.size };
  for (const end = Date.now() + PATIENCE_MS; !isDeepStrictEqual(await distinctFacts(), facts) && Date.now() < end;) {
    await sleep(50);
  }
  const rows = await clickhouse.query<Row>(
    'SELECT stream, subject, lower(hex(SHA256(payload))) AS sha256 FROM ledger ORDER BY stream, seq',
  );
  expect(rows).toHaveLength(facts.ledger);
  for (const stream of ['LEDGER', 'REGISTRY'] as const) {
    const ours = rows.filter((row) => row.stream === stream);
    expect(new Map(ours.map((row) => [row.subject, row.sha256]))).toEqual(stored[stream]);
  }
  const [sum] = await clickhouse.query('SELECT sum(length(seqs)) AS calls FROM call_states');
  expect(sum).toEqual({ calls: facts.calls });
}

async function distinctFacts(): Promise<Record<string, unknown> | undefined> {
  const [counts] = await clickhouse.query(`SELECT (SELECT uniqExact(stream, seq) FROM ledger) AS ledger,
    (SELECT uniqExactArray(seqs) FROM call_states) AS calls`);
  return counts;
}

test('every fact of both streams soon becomes a row, without the headers that carry secrets', async () => {
  await append(registry, resourceSubject('MCPServer', 'plural', 1), { change: 'applied' });
  const started = performance.now();
  const callId = await recordCall();
  await expectRowsToBeFacts();
  expect(performance.now() - started).toBeLessThan(10_000);
  const [call] = await clickhouse.query(`SELECT outcome, facts, actor FROM calls WHERE call_id = '${callId}'`);
  expect(call).toEqual({ outcome: 'succeeded', facts: 3, actor: 'alice' });
  const [row] = await clickhouse.query(
    `SELECT count() AS leaks, any(headers_dropped) AS dropped FROM ledger WHERE headers ILIKE '%pass%'`,
  );
  expect(row).toMatchObject({ leaks: 0 });
});

test('people see their own calls, admins all, over rpc', async () => {
  const mine = await recordCall('alice');
  const others = await recordCall('bob');
  await expectRowsToBeFacts();
  const [, asChat] = connections as [BrokerConnection, BrokerConnection];
  const calls = async (person: string) => {
    const token = await signInDevelopment(issuer.ready().issuer ?? '', person);
    return {
      token,
      ids: (await request(asChat, RPCS.auditCalls, { token, flow: FLOW })).rows.map((row) => row.callId),
    };
  };
  const alice = await calls('alice');
  expect(alice.ids).toContain(mine);
  expect(alice.ids).not.toContain(others);
  expect((await calls('root')).ids).toEqual(expect.arrayContaining([mine, others]));
  const call = await request(asChat, RPCS.auditCall, { token: alice.token, callId: mine });
  expect(call.facts.map(({ fact }) => fact)).toEqual(['requested', 'verdict', 'settled']);
  await expect(request(asChat, RPCS.auditCall, { token: alice.token, callId: others })).rejects.toMatchObject({
    code: 'ERR_NOT_FOUND',
  });
  await expect(request(asChat, RPCS.auditCalls, { token: 'x.y.z' })).rejects.toMatchObject({
    code: 'ERR_TOKEN_INVALID',
  });
});

test('no fact is lost and none doubled while replicas, ClickHouse and the broker are killed and paused', async () => {
  const [one, two] = replicas as [ServiceProcess, ServiceProcess];
  let flowing = true;
  const writers = [0, 1, 2].map(async (writer) => {
    for (let n = 0; flowing && n < 300; n++) {
      await recordCall('alice', n % 40 === 0 ? 200_000 : 50);
      await sleep(15);
      if (n % 10 === 0) await append(registry, resourceSubject('Flow', `flow-${writer}`, n + 1), { n });
    }
  });
  await one.kill();
  await sleep(200);
  await one.restart();
  await Promise.all([two.kill(), clickhouse.kill()]);
  await sleep(200);
  await clickhouse.restart();
  one.pause();
  await two.restart();
  one.resume();
  await broker.restart();
  await Promise.all([one.kill(), two.kill()]);
  await sleep(300);
  await Promise.all([one.restart(), two.restart()]);
  flowing = false;
  await Promise.all(writers);
  await expectRowsToBeFacts();
}, 180_000);

test('a replica that starts late does all that was stored while nobody was there', async () => {
  await Promise.all(replicas.map((replica) => replica.kill()));
  for (let n = 0; n < 100; n++) await recordCall();
  await Promise.all(replicas.map((replica) => replica.restart()));
  await expectRowsToBeFacts();
}, 120_000);

test('it stops when told, and says how it is', async () => {
  const [one] = replicas as [ServiceProcess];
  const url = `http://127.0.0.1:${one.ready().port}`;
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ checks: { clickhouse: 'ok', ingest: 'ok' } });
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/flowmcp_audit_facts_total\{stream="LEDGER"/);
  await one.stop();
});
