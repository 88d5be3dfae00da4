import { encode, resourceChangedV1, resourceSubject, type Flow } from '@flow-mcp/contracts';
import { MessageHeaders, type StoredFact } from '@flow-mcp/messaging';
import { Registry } from './registry.js';

const apiVersion = 'deployments.plural.sh/v1alpha1';
const resource: Flow = { apiVersion, kind: 'Flow', metadata: { name: 'f' }, spec: {} };
const changedBy = { iss: 'i', sub: 'sam', groups: [], admin: false };
const applied = encode(resourceChangedV1, { change: 'applied', resource, changedBy, diff: [] });

function fact(generation: number, payload: Uint8Array = applied): StoredFact {
  const subject = resourceSubject('Flow', 'f', generation);
  return { subject, payload, seq: generation, storedAtMs: 0, headers: new MessageHeaders(), nonce: undefined };
}

test('R1: the highest generation counts', () => {
  const registry = new Registry();
  registry.take(fact(2));
  expect(registry.take(fact(1))).toBeUndefined();
  expect(registry.live('Flow', 'f')).toMatchObject({ generation: 2 });
});

test('R3: a generation that cannot be read is taken, its resource is gone, and the next one brings it back', () => {
  const registry = new Registry();
  registry.take(fact(1));
  expect(() => registry.take(fact(2, Buffer.from('{')))).toThrow('not JSON');
  expect([registry.live('Flow', 'f'), registry.list('Flow'), registry.seq]).toEqual([undefined, [], 2]);
  expect(registry.lastGeneration('Flow', 'f')).toBe(2);
  registry.take(fact(3));
  expect(registry.live('Flow', 'f')).toMatchObject({ generation: 3 });
});

test('R3: also where nothing of the resource could ever be read', () => {
  const registry = new Registry();
  expect(() => registry.take(fact(1, Buffer.from([0xff])))).toThrow('not UTF-8');
  expect([registry.latest('Flow', 'f'), registry.lastGeneration('Flow', 'f')]).toEqual([undefined, 1]);
});
