import { discoveredV1, encode, resourceChangedV1, resourceSubject } from '@flow-mcp/contracts';
import { RegistryCopy } from './registry-copy.js';
import { ALICE } from './testing/world.js';

function changed(url: string, change = 'applied'): Uint8Array {
  const resource = {
    apiVersion: 'deployments.plural.sh/v1alpha1',
    kind: 'MCPServer',
    metadata: { name: 'plural' },
    spec: { url },
  };
  return encode(resourceChangedV1, { change, resource, changedBy: ALICE, diff: [] } as never);
}

function offer(generation: number): Uint8Array {
  const tools = [{ sha256: 'a'.repeat(64), definition: { name: 'get', inputSchema: {} } }];
  const health = { reason: 'ok' as const, message: '', checkedAtMs: 1 };
  return encode(discoveredV1, { server: 'plural', generation, health, tools });
}

const at = (generation: number) => resourceSubject('MCPServer', 'plural', generation);

test('what a server offered stays when its rules change, and goes when its url does', () => {
  const copy = new RegistryCopy();
  copy.applyResource(at(1), changed('https://one.example'));
  copy.applyTools('plural', offer(1));
  copy.applyResource(at(2), changed('https://one.example'));
  expect(copy.tool('plural', 'get')).toBeDefined();
  copy.applyResource(at(3), changed('https://other.example'));
  expect(copy.tool('plural', 'get')).toBeUndefined();
  copy.applyTools('plural', offer(3));
  expect(copy.tool('plural', 'get')).toBeDefined();
});

test('a server that is registered anew offers nothing that an earlier one of its name did', () => {
  const copy = new RegistryCopy();
  copy.applyResource(at(1), changed('https://one.example'));
  copy.applyResource(at(2), changed('https://one.example', 'deleted'));
  copy.applyTools('plural', offer(1));
  copy.applyResource(at(3), changed('https://one.example'));
  expect(copy.tool('plural', 'get')).toBeUndefined();
});

test('an older generation changes nothing, and one that cannot be read is absent', () => {
  const copy = new RegistryCopy();
  copy.applyResource(at(2), changed('https://two.example'));
  copy.applyResource(at(1), changed('https://one.example'));
  expect(copy.server('plural')?.terms.url).toBe('https://two.example');
  expect(() => copy.applyResource(at(3), Buffer.from('{"of":"a later version"}'))).toThrow();
  expect(copy.server('plural')).toBeUndefined();
});
