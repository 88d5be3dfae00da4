import type { MCPServer, Resource } from '@flow-mcp/contracts';
import fc from 'fast-check';
import { describeChanges } from './diff.js';

const server = (spec: Partial<MCPServer['spec']> = {}, labels?: Record<string, string>): MCPServer => ({
  apiVersion: 'deployments.plural.sh/v1alpha1',
  kind: 'MCPServer',
  metadata: { name: 'plural', ...(labels === undefined ? {} : { labels }) },
  spec: { url: 'https://a.example', ...spec },
});
const flow = (...servers: string[]): Resource => ({
  apiVersion: 'deployments.plural.sh/v1alpha1',
  kind: 'Flow',
  metadata: { name: 'payments' },
  spec: { serverAssociations: servers.map((name) => ({ mcpServerRef: { name } })) },
});

test.each([
  ['a scalar', server({ confirm: false }), server({ confirm: true }), ['confirm: false -> true']],
  ['a url', server(), server({ url: 'https://b.example' }), ['url: https://a.example -> https://b.example']],
  ['a new field', server(), server({ confirm: true }), ['confirm: true']],
  ['a field that goes', server({ confirm: true }), server(), ['confirm: true -> (not set)']],
  [
    'bindings',
    server({ bindings: { write: [{ groupName: 'sre' }] } }),
    server({ bindings: { write: [{ groupName: 'ops' }], read: [{ userEmail: 'a@b.c' }, { id: 'u1' }] } }),
    [
      'bindings.write: removed group sre',
      'bindings.write: added group ops',
      'bindings.read: added person a@b.c',
      'bindings.read: added person u1',
    ],
  ],
  [
    'servers of a Flow',
    flow('a', 'b'),
    flow('b', 'c'),
    ['serverAssociations: removed server a', 'serverAssociations: added server c'],
  ],
  [
    'an order',
    server({ tools: { deny: ['a', 'b'] } }),
    server({ tools: { deny: ['b', 'a'] } }),
    ['tools.deny: reordered'],
  ],
  [
    'a list that becomes empty',
    server({ tools: { allow: ['a'] } }),
    server({ tools: { allow: [] } }),
    ['tools.allow: removed a'],
  ],
  ['an empty list that allows nothing', server(), server({ tools: { allow: [] } }), ['tools.allow: []']],
  ['an empty object', server(), server({ bindings: {} }), ['bindings: {}']],
  [
    'rules',
    server({ confirmation: { tools: [{ match: 'a', require: true }] } }),
    server({ confirmation: { tools: [{ match: 'a', require: false }] } }),
    [
      'confirmation.tools: removed {"match":"a","require":true}',
      'confirmation.tools: added {"match":"a","require":false}',
    ],
  ],
  ['labels', server({}, { team: 'a' }), server({}, { team: 'b' }), ['metadata.labels.team: a -> b']],
  ['nothing', server({ confirm: true }), server({ confirm: true }), []],
])('%s: the change in words', (_, before, after, lines) => {
  expect(describeChanges(before, after)).toEqual(lines);
});

test('a resource that is created is described by what it sets', () => {
  expect(describeChanges(undefined, server({ bindings: { write: [{ groupName: 'sre' }] } }))).toEqual([
    'url: https://a.example',
    'bindings.write: added group sre',
  ]);
});

test('D1: no lines mean that nothing changed, and only then, whatever the order of fields', () => {
  const spec = fc.record(
    {
      confirm: fc.boolean(),
      tools: fc.record(
        { allow: fc.array(fc.constantFrom('a', 'b', '*')), deny: fc.array(fc.constantFrom('a', 'b')) },
        { requiredKeys: [] },
      ),
      bindings: fc.record(
        { write: fc.array(fc.record({ groupName: fc.constantFrom('a', 'b') })) },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(spec, spec, (one, other) => {
      const unchanged = canonical(one) === canonical(other);
      expect(describeChanges(server(one), server(other)).length === 0).toBe(unchanged);
    }),
  );
});

test('two hundred lines are the most there are, each short enough for its field', () => {
  const many = Object.fromEntries(
    Array.from({ length: 2000 }, (_, index) => [`k${index}`.padEnd(900, 'k'), 'x'.repeat(1000)]),
  );
  const lines = describeChanges(server(), server({}, many));
  expect(lines).toHaveLength(200);
  expect(lines.at(-1)).toBe('and 1801 more changes');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(500);
});

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
