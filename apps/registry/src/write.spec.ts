import {
  HEADERS,
  decode,
  encode,
  resourceChangedV1,
  type Actor,
  type Flow,
  type MCPServer,
  type Resource,
} from '@flow-mcp/contracts';
import { MessageHeaders, type Appended, type Ledger, type StoredFact } from '@flow-mcp/messaging';
import type { PlannedChange } from './plan.js';
import { Registry } from './registry.js';
import { RegistryWriter } from './write.js';

const sam: Actor = { iss: 'i', sub: 'sam', email: 'sam@example.com', groups: [], admin: false };
const apiVersion = 'deployments.plural.sh/v1alpha1';
const server: MCPServer = {
  apiVersion,
  kind: 'MCPServer',
  metadata: { name: 'a' },
  spec: { url: 'https://a.example' },
};
const flow: Flow = { apiVersion, kind: 'Flow', metadata: { name: 'f' }, spec: {} };
const change = (resource: Resource, action: PlannedChange['action'] = 'created'): PlannedChange => ({
  action,
  resource,
  generation: 1,
  diff: ['words'],
});

/** A ledger in memory; facts reach the registry when the test hands them over. */
function ledgerOf(taken: Record<string, StoredFact> = {}) {
  const facts: StoredFact[] = [];
  const append = async (
    subject: string,
    payload: Uint8Array,
    headers: Iterable<readonly [string, string]> = [],
  ): Promise<Appended> => {
    const other = taken[subject];
    if (other !== undefined) return { result: 'other', fact: other };
    const seq = facts.length + 1;
    facts.push({ subject, payload, seq, storedAtMs: 0, headers: new MessageHeaders(headers), nonce: undefined });
    return { result: 'mine', seq };
  };
  return { facts, ledger: { stream: 'REGISTRY', append } as unknown as Ledger };
}

test('servers are written before the Flows that refer to them, each as a fact of its generation', async () => {
  const { facts, ledger } = ledgerOf();
  const registry = new Registry();
  const written = new RegistryWriter(ledger, registry).write([change(flow), change(server)], sam);
  while (facts.length < 2) await Promise.resolve();
  for (const fact of facts) registry.take(fact);
  await written;
  expect(facts.map(({ subject }) => subject)).toEqual([
    'flowmcp.v1.registry.mcpserver.a.1',
    'flowmcp.v1.registry.flow.f.1',
  ]);
  expect(facts[0]?.headers.get(HEADERS.type)).toBe(resourceChangedV1.type);
  expect(decode(resourceChangedV1, facts[0]?.payload ?? new Uint8Array(), 4096)).toEqual({
    change: 'applied',
    resource: server,
    changedBy: sam,
    diff: ['words'],
  });
});

test('X2: a write returns only when this process has read it', async () => {
  const { facts, ledger } = ledgerOf();
  const registry = new Registry();
  let isDone = false;
  const written = new RegistryWriter(ledger, registry).write([change(server)], sam).then(() => (isDone = true));
  while (facts.length < 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isDone).toBe(false);
  const [fact] = facts;
  if (fact !== undefined) registry.take(fact);
  await written;
  expect(registry.live('MCPServer', 'a')?.generation).toBe(1);
});

test('X1: whoever is second learns who was first, and what of the manifest is written', async () => {
  const payload = encode(resourceChangedV1, {
    change: 'applied',
    resource: flow,
    changedBy: { ...sam, email: 'eve@example.com' },
    diff: [],
  });
  const subject = 'flowmcp.v1.registry.flow.f.1';
  const other: StoredFact = {
    subject,
    payload,
    seq: 9,
    storedAtMs: 0,
    headers: new MessageHeaders(),
    nonce: undefined,
  };
  const { facts, ledger } = ledgerOf({ [subject]: other });
  await expect(
    new RegistryWriter(ledger, new Registry()).write([change(server), change(flow)], sam),
  ).rejects.toMatchObject({
    code: 'ERR_CONFLICT',
    message:
      'eve@example.com changed Flow f to generation 1 at the same time; look at it and apply again. MCPServer a of this manifest is written already and will be found unchanged.',
  });
  expect(facts).toHaveLength(1);
});

test('X1: also when what was first cannot be read', async () => {
  const subject = 'flowmcp.v1.registry.flow.f.1';
  const headers = new MessageHeaders();
  const other = { subject, payload: Buffer.from([0xff]), seq: 9, storedAtMs: 0, headers, nonce: undefined };
  const { ledger } = ledgerOf({ [subject]: other });
  const written = new RegistryWriter(ledger, new Registry()).write([change(flow)], sam);
  await expect(written).rejects.toMatchObject({
    code: 'ERR_CONFLICT',
    message: expect.stringMatching(/^Somebody changed Flow f to generation 1/) as string,
  });
});

test('what is unchanged is not written', async () => {
  const { facts, ledger } = ledgerOf();
  await new RegistryWriter(ledger, new Registry()).write([change(server, 'unchanged')], sam);
  expect(facts).toEqual([]);
});
