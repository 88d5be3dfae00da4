import type { Actor, Discovered, Flow, Health, MCPServer, ToolDefinition } from '@flow-mcp/contracts';
import { listTools, type BoundServer } from './list-tools.js';

const person: Actor = { iss: 'i', sub: 'dana', groups: ['support'], admin: false };
const flow = (...servers: string[]): Flow => ({
  apiVersion: 'deployments.plural.sh/v1alpha1',
  kind: 'Flow',
  metadata: { name: 'payments' },
  spec: {
    bindings: { read: [{ groupName: 'support' }] },
    serverAssociations: servers.map((name) => ({ mcpServerRef: { name } })),
  },
});
const tool = (name: string, annotations?: Record<string, unknown>): ToolDefinition => ({
  name,
  inputSchema: { type: 'object' },
  ...(annotations === undefined ? {} : { annotations }),
});
const health = (reason: Health['reason']): Health => ({ reason, message: `because ${reason}`, checkedAtMs: 1 });

function bound(
  name: string,
  tools: ToolDefinition[],
  spec: Partial<MCPServer['spec']> = {},
  reason: Health['reason'] = 'ok',
): [string, BoundServer] {
  const resource: MCPServer = {
    apiVersion: 'deployments.plural.sh/v1alpha1',
    kind: 'MCPServer',
    metadata: { name },
    spec: { url: `https://${name}.example`, ...spec },
  };
  const entry: Discovered = {
    server: name,
    generation: 1,
    health: health(reason),
    tools: tools.map((definition) => ({ sha256: 'a'.repeat(64), definition })),
  };
  return [name, { resource, entry, health: health(reason) }];
}

function list(...servers: [string, BoundServer][]) {
  const known = new Map(servers);
  return listTools(person, flow(...known.keys(), 'deleted'), (name) => known.get(name));
}

test('tools of every connected server are listed under names that every model takes', () => {
  const { tools, servers } = list(
    bound('jira', [tool('issues.list')]),
    bound('plural', [tool('get_account')], { name: 'Plural' }),
  );
  expect(tools.map(({ name, server }) => [server, name])).toEqual([
    ['jira', expect.stringMatching(/^jira__issues_list_[0-9a-f]{12}$/)],
    ['plural', 'plural__get_account'],
  ]);
  expect(servers).toEqual([
    { name: 'jira', displayName: 'jira', toolCount: 1, health: health('ok') },
    { name: 'plural', displayName: 'Plural', toolCount: 1, health: health('ok') },
  ]);
});

test('a server that the person may not see is not mentioned', () => {
  const hidden = bound('secret', [tool('x')], { bindings: { read: [{ groupName: 'other' }] } });
  expect(list(hidden)).toEqual({ tools: [], servers: [] });
});

test('what the owner denies is not listed', () => {
  const { tools } = list(
    bound('db', [tool('get_a'), tool('drop_a'), tool('list')], {
      tools: { allow: ['get_*', 'drop_*'], deny: ['drop_*'] },
    }),
  );
  expect(tools.map(({ name }) => name)).toEqual(['db__get_a']);
});

test('a tool says beforehand that a person will be asked', () => {
  const rules = { confirmation: { annotations: true, tools: [{ match: 'delete_*', require: true }] } };
  const { tools } = list(
    bound('db', [tool('get', { readOnlyHint: true }), tool('put'), tool('delete_x', { readOnlyHint: true })], rules),
  );
  expect(tools.map(({ name, confirmation }) => [name, confirmation])).toEqual([
    ['db__get', false],
    ['db__put', true],
    ['db__delete_x', true],
  ]);
});

test('a server that lists nothing says why', () => {
  expect(list(bound('down', [tool('x')], {}, 'refused'))).toEqual({
    tools: [],
    servers: [{ name: 'down', displayName: 'down', toolCount: 0, health: health('refused') }],
  });
});

test('more tools than an answer can hold: the servers that do not fit say so', () => {
  const big = tool('big', { note: 'x'.repeat(600_000) });
  const { tools, servers } = list(bound('a', [big]), bound('b', [big]), bound('c', [tool('small')]));
  expect(tools.map(({ name }) => name)).toEqual(['a__big', 'c__small']);
  expect(servers[1]).toMatchObject({ name: 'b', toolCount: 0, health: { reason: 'too_large' } });
});
