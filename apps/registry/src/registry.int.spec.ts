// The registry as a service: a real broker with its users and permissions, people with real tokens, and an executor
// whose answers the test decides.

import { jest } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import {
  applyRpc,
  deleteRpc,
  discoverRpc,
  getRpc,
  listRpc,
  resourceSubject,
  toolsChangedSubject,
  toolsChangedV1,
  toolsRpc,
  watchRpc,
  type Health,
  type RpcAnswer,
  type ToolDefinition,
} from '@flow-mcp/contracts';
import {
  PROVISION_DEFAULTS,
  connectBroker,
  createLedger,
  provision,
  publishMessage,
  request,
  serveRpc,
  type BrokerConnection,
} from '@flow-mcp/messaging';
import { createLogger, startService, type RunningService } from '@flow-mcp/service-host';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing';
import { registryConfig } from './config.js';
import { registryModule } from './module.js';

jest.setTimeout(20_000);

let broker: BrokerFixture;
let issuer: Issuer;
let cli: BrokerConnection;
let executor: BrokerConnection;
let service: RunningService;
/** What the executor answers for each server, and how often it was asked. */
const upstream = new Map<string, { reason: Health['reason']; tools: ToolDefinition[] }>();
const asked: string[] = [];
const log: string[] = [];

beforeAll(async () => {
  broker = await startBroker({ users: 'services' });
  issuer = await startIssuer();
  const provisioner = await connectBroker(broker.login('provisioner'));
  await provision(provisioner, PROVISION_DEFAULTS);
  await provisioner.close();
  cli = await connectBroker(broker.login('cli'));
  executor = await connectBroker(broker.login('executor'));
  serveRpc(executor, { contract: discoverRpc, queue: 'executor', inFlightMax: 16, handler: discover });
  service = await start();
});
afterAll(async () => {
  await service.stop();
  await cli.close();
  await executor.close();
  await broker.stop();
  issuer.server.close();
});

async function start(): Promise<RunningService> {
  const { servers, seedFile = '', expect: expected } = broker.login('registry');
  const started = await startService({
    name: 'registry',
    config: registryConfig,
    env: {
      FLOWMCP_NATS_URL: servers,
      FLOWMCP_NATS_SEED_FILE: seedFile,
      FLOWMCP_NATS_NAME: expected.serverName,
      FLOWMCP_ISSUER: issuer.url,
      FLOWMCP_ADMIN_GROUPS: 'admins',
      FLOWMCP_CREATOR_GROUPS: 'sre,payments-dev',
      FLOWMCP_DISCOVERY_BACKOFF_MIN_MS: '100',
    },
    logger: createLogger('registry', 'info', { write: (line) => void log.push(line) }),
    module: registryModule,
  });
  await started.ready;
  return started;
}

async function discover({ server }: { server: string }): Promise<RpcAnswer<typeof discoverRpc>> {
  asked.push(server);
  const { reason, tools } = upstream.get(server) ?? { reason: 'dns' as const, tools: [] };
  const health = { reason, message: `The test says ${reason}.`, checkedAtMs: Date.now() };
  return { health, tools: reason === 'ok' ? tools : [] };
}

const tool = (name: string): ToolDefinition => ({ name, inputSchema: { type: 'object' } });
const HEAD = 'apiVersion: deployments.plural.sh/v1alpha1\n';
const serverYaml = (name: string, spec = ''): string =>
  `${HEAD}kind: MCPServer\nmetadata: {name: ${name}}\nspec:\n  url: https://${name}.example\n  bindings: {write: [{groupName: sre}]}\n${spec}`;
const flowYaml = (name: string, ...servers: string[]): string =>
  `${HEAD}kind: Flow\nmetadata: {name: ${name}}\nspec:\n  bindings: {read: [{groupName: support}], write: [{groupName: payments-dev}]}\n  serverAssociations: [${servers.map((server) => `{mcpServerRef: {name: ${server}}}`).join(', ')}]\n`;

const sre = () => issuer.token('sam', ['sre']);
const support = () => issuer.token('sue', ['support']);
const both = () => issuer.token('bo', ['sre', 'payments-dev']);

async function apply(token: string, manifest: string, more: { dryRun?: boolean; expectedGeneration?: number } = {}) {
  return (await request(cli, applyRpc, { token, manifest, ...more })).changes;
}

const toolsOfAs = (token: string, flow: string) => request(cli, toolsRpc, { token, flow });
const toolsOf = (flow: string) => toolsOfAs(support(), flow);

/** Asks again until the answer is as wanted, for ten seconds. */
async function eventually<T>(read: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  for (const giveUpAt = performance.now() + 10_000; ;) {
    const value = await read();
    if (isWanted(value)) return value;
    if (performance.now() > giveUpAt) throw new Error(`still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('the reference page’s resource registers unchanged, and what it offers is listed in a Flow', async () => {
  upstream.set('plural', { reason: 'ok', tools: [tool('get_account'), tool('issues.list')] });
  const reference = `${HEAD}kind: MCPServer\nmetadata:\n  name: plural\nspec:\n  name: plural\n  confirm: false\n  url: https://plural-mcp.plural.sh\n  authentication:\n    plural: true\n  bindings:\n    write:\n    - groupName: sre # only this group can bind this server to their Flows\n`;
  expect(await apply(both(), `${reference}---\n${flowYaml('payments', 'plural')}`)).toMatchObject([
    { kind: 'MCPServer', name: 'plural', action: 'created', generation: 1 },
    { kind: 'Flow', name: 'payments', action: 'created', generation: 1 },
  ]);
  const { tools, servers } = await eventually(
    () => toolsOf('payments'),
    (answer) => answer.tools.length > 0,
  );
  expect(tools.map(({ name }) => name)).toEqual([
    'plural__get_account',
    expect.stringMatching(/^plural__issues_list_/),
  ]);
  expect(servers).toMatchObject([{ name: 'plural', toolCount: 2, health: { reason: 'ok' } }]);
});

test('a change is seen by the next request, a dry run changes nothing, and an unchanged one writes nothing', async () => {
  const manifest = serverYaml('changing');
  await apply(sre(), manifest);
  const confirmed = serverYaml('changing', '  confirm: true\n');
  const wanted = [{ action: 'changed', generation: 2, diff: ['confirm: true'] }];
  expect(await apply(sre(), confirmed, { dryRun: true })).toMatchObject(wanted);
  expect(await apply(sre(), manifest)).toMatchObject([{ action: 'unchanged', generation: 1 }]);
  expect(await apply(sre(), confirmed)).toMatchObject(wanted);
  expect(await request(cli, getRpc, { token: sre(), kind: 'MCPServer', name: 'changing' })).toMatchObject({
    generation: 2,
    changedBy: 'sam@example.com',
    resource: { spec: { confirm: true } },
  });
});

test('of writes at the same time each is applied once, or refused as a conflict that names who was first', async () => {
  await apply(sre(), serverYaml('raced'));
  const writes = await Promise.allSettled(
    [1, 2, 3, 4].map((n) => apply(sre(), serverYaml('raced', `  limits: {queue: ${n}}\n`))),
  );
  const refused = writes.flatMap((write) =>
    write.status === 'rejected' ? [write.reason as { code: string; message: string }] : [],
  );
  for (const { code, message } of refused) {
    expect(code).toBe('ERR_CONFLICT');
    expect(message).toMatch(/sam@example.com changed MCPServer raced to generation [2-5] at the same time/);
  }
  const { generation } = await request(cli, getRpc, { token: sre(), kind: 'MCPServer', name: 'raced' });
  expect(generation).toBe(1 + writes.length - refused.length);
});

test('a server that cannot be asked says why, is asked again, and lists its tools when it is back', async () => {
  upstream.set('flaky', { reason: 'refused', tools: [tool('x')] });
  await apply(both(), `${serverYaml('flaky')}---\n${flowYaml('with-flaky', 'flaky')}`);
  const reasonOf = ({ servers }: { servers: { health: Health }[] }) => servers[0]?.health.reason;
  const down = await eventually(
    () => toolsOf('with-flaky'),
    (answer) => reasonOf(answer) === 'refused',
  );
  expect(down).toMatchObject({ tools: [], servers: [{ health: { message: 'The test says refused.' } }] });
  upstream.set('flaky', { reason: 'ok', tools: [tool('x')] });
  expect(
    (
      await eventually(
        () => toolsOf('with-flaky'),
        (answer) => reasonOf(answer) === 'ok',
      )
    ).tools,
  ).toHaveLength(1);
});

test('a server that says that its tools changed is asked at once', async () => {
  upstream.set('lively', { reason: 'ok', tools: [tool('x')] });
  await apply(both(), `${serverYaml('lively')}---\n${flowYaml('with-lively', 'lively')}`);
  await eventually(
    () => toolsOf('with-lively'),
    ({ tools }) => tools.length === 1,
  );
  upstream.set('lively', { reason: 'ok', tools: [tool('x'), tool('y')] });
  publishMessage(executor, toolsChangedSubject('lively'), toolsChangedV1, { server: 'lively' });
  await eventually(
    () => toolsOf('with-lively'),
    ({ tools }) => tools.length === 2,
  );
});

test('what a person may not see answers exactly like what is not there', async () => {
  await apply(both(), flowYaml('hidden'));
  const stranger = issuer.token('stan', []);
  const refusal = async (name: string) => {
    const error = await toolsOfAs(stranger, name).catch(
      (problem: unknown) => problem as { code: string; message: string },
    );
    return { ...(error as object), message: (error as { message: string }).message.replace(name, 'it') };
  };
  expect(await refusal('hidden')).toEqual(await refusal('absent'));
  const { items } = await request(cli, listRpc, { token: stranger, kind: 'Flow' });
  expect(items).toEqual([]);
});

test('a token that nobody signed is refused', async () => {
  const [head, body] = sre().split('.');
  await expect(apply(`${head}.${body}.${'A'.repeat(86)}`, serverYaml('x'))).rejects.toMatchObject({
    code: 'ERR_TOKEN_INVALID',
  });
});

test('a bad manifest is refused with its place, and the next good one works', async () => {
  await expect(apply(sre(), serverYaml('bad', '  confrim: true\n'))).rejects.toMatchObject({
    code: 'ERR_MANIFEST_INVALID',
    field: 'spec.confrim',
    message: 'Document 1, line 7, column 3: `spec.confrim` is not a field that we know; did you mean confirm?',
  });
  expect(await apply(sre(), serverYaml('bad'), { dryRun: true })).toMatchObject([{ action: 'created' }]);
});

test('a watch waits for the next change that the person may see', async () => {
  const { seq } = await request(cli, watchRpc, { token: support() });
  const next = request(cli, watchRpc, { token: support(), sinceSeq: seq, waitMs: 8_000, kind: 'MCPServer' });
  await apply(both(), flowYaml('watched'));
  await apply(sre(), serverYaml('watched'));
  const { changes, seq: after } = await next;
  expect(changes).toMatchObject([{ kind: 'MCPServer', name: 'watched', generation: 1, change: 'applied' }]);
  expect(after).toBeGreaterThan(seq);
  expect(await request(cli, watchRpc, { token: support(), sinceSeq: after })).toEqual({ changes: [], seq: after });
});

test('a deleted server is gone at once, from the Flow too, and its name goes on with its generations', async () => {
  upstream.set('leaving', { reason: 'ok', tools: [tool('x')] });
  await apply(both(), `${serverYaml('leaving')}---\n${flowYaml('with-leaving', 'leaving')}`);
  await eventually(
    () => toolsOf('with-leaving'),
    ({ tools }) => tools.length === 1,
  );
  const target = { token: sre(), kind: 'MCPServer', name: 'leaving' } as const;
  await expect(request(cli, deleteRpc, { ...target, token: support() })).rejects.toMatchObject({
    code: 'ERR_NOT_PERMITTED',
  });
  expect(await request(cli, deleteRpc, target)).toMatchObject({ changes: [{ action: 'deleted', generation: 2 }] });
  expect(await toolsOf('with-leaving')).toEqual({ tools: [], servers: [] });
  await expect(request(cli, getRpc, target)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  expect(await apply(sre(), serverYaml('leaving'))).toMatchObject([{ action: 'created', generation: 3 }]);
});

test('a list comes in pages by name', async () => {
  const first = await request(cli, listRpc, { token: sre(), kind: 'MCPServer', limit: 2 });
  expect(first.items).toHaveLength(2);
  const { next = '' } = first;
  const rest = await request(cli, listRpc, { token: sre(), kind: 'MCPServer', after: next });
  const names = [...first.items, ...rest.items].map(({ name }) => name);
  expect(names).toEqual([...names].sort());
  expect(rest.next).toBeUndefined();
  expect(new Set(names).size).toBe(names.length);
});

test('a second replica knows everything at once, and does not ask servers again that are known', async () => {
  upstream.set('shared', { reason: 'ok', tools: [tool('x')] });
  await apply(both(), `${serverYaml('shared')}---\n${flowYaml('with-shared', 'shared')}`);
  await eventually(
    () => toolsOf('with-shared'),
    ({ tools }) => tools.length === 1,
  );
  const before = asked.filter((server) => server === 'shared').length;
  const replica = await start();
  await service.stop();
  service = replica;
  expect((await toolsOf('with-shared')).tools).toHaveLength(1);
  expect(asked.filter((server) => server === 'shared')).toHaveLength(before);
});

test('a fact that cannot be read is reported and left out; the registry goes on', async () => {
  const stranger = await connectBroker(broker.login('registry'));
  const poison = new TextEncoder().encode('{"change":');
  await createLedger(stranger, 'REGISTRY').append(resourceSubject('MCPServer', 'poison', 1), poison);
  await stranger.close();
  expect(await apply(sre(), serverYaml('after-poison'))).toMatchObject([{ action: 'created' }]);
  expect(log.some((line) => line.includes('A resource cannot be read'))).toBe(true);
});

test('no token and no manifest ever got into the log', () => {
  expect(log.join('')).not.toMatch(/eyJ|groupName/);
});

interface Issuer {
  readonly server: Server;
  readonly url: string;
  token(sub: string, groups: string[]): string;
}

/** An OpenID provider as far as a verifier sees one: metadata, keys and ES256 tokens. */
async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' };
  let url = '';
  const server = createServer((incoming, response) => {
    const isMetadata = incoming.url === '/.well-known/openid-configuration';
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(isMetadata ? { issuer: url, jwks_uri: `${url}/jwks` } : { keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { server, url, token: (sub, groups) => signToken(privateKey, { iss: url, sub, groups }) };
}

function signToken(key: KeyObject, { iss, sub, groups }: { iss: string; sub: string; groups: string[] }): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss, sub, groups, email: `${sub}@example.com`, aud: 'flow-mcp', iat: now, exp: now + 600 };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES256', kid: 'k1', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
