// Whole command lines against a transport in memory: what is asked, shown and returned.

import { RPCS } from '@flow-mcp/contracts';
import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import { CALL_ID, ESCAPE, NOW, shell } from './testing/shell.js';

describe('every command', () => {
  const names = ['apply', 'get', 'delete', 'watch', 'tools', 'call', 'pending', 'accept', 'decline', 'cancel', 'audit'];

  test.each(names)('%s has help with examples, without connecting', async (name) => {
    const { code, out } = await shell(`${name} --help`, { connect: () => Promise.reject(new Error('connected')) });
    expect(code).toBe(0);
    expect(out).toContain('Examples:\n');
    expect(out).toContain(`flow-mcp ${name}`);
    expect(out).toContain('--as <person>');
  });

  test('the program names all of them, and the exit codes', async () => {
    const { out } = await shell('--help');
    for (const name of names) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(out).toContain('Exit codes: 0 done');
  });
});

describe('exit codes', () => {
  test.each([
    ['an unknown command', 'frobnicate', 'unknown command'],
    ['a misspelled command', 'tolls', 'Did you mean tools?'],
    ['an unknown option', 'pending --frob', 'unknown option'],
    ['an unknown format', 'pending -o xml', 'Allowed choices are table, json, yaml'],
    ['an unknown kind', 'get pods', 'Give server or flow.'],
    ['a missing argument', 'call', "missing required argument 'tool'"],
    ['a bad number', 'audit --limit many', 'Give a whole number.'],
    ['no Flow', 'tools', 'Say which Flow: --flow NAME'],
    ['arguments that are no JSON', 'call t --flow payments --args {', '--args takes a JSON object'],
    ['a file that is not there', 'apply -f nope.yaml', 'nope.yaml cannot be read'],
  ])('2: %s', async (_, line, says) => {
    const { code, err, asked } = await shell(line);
    expect({ code, asked }).toEqual({ code: 2, asked: [] });
    expect(err).toContain(says);
  });

  test('2: nobody is signed in', async () => {
    const { code, err } = await shell('pending', { env: { FLOWMCP_TOKEN: undefined } });
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('name a person with --as') as string });
  });

  test('2: nothing says where the broker is', async () => {
    const { code, err } = await shell('pending', { env: { FLOWMCP_NATS_URL: undefined } });
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('run `npm start`') as string });
  });

  test('3: the broker is away', async () => {
    const away = new RetryableError('ERR_BROKER_UNAVAILABLE', 'No NATS server answers.');
    const { code, err } = await shell('pending', { connect: () => Promise.reject(away) });
    expect(code).toBe(3);
    expect(err).toContain('`npm start` runs everything');
  });

  test('1: refused, with code and field, and nothing of it reaches the terminal raw', async () => {
    const refused = new RefusedError('ERR_MANIFEST_INVALID', `Write a duration, not ${ESCAPE}.`, {
      field: 'spec.limits',
    });
    const world = { files: { 'a.yaml': 'kind: Flow' }, answers: { [RPCS.apply.subject]: refused } };
    const { code, err, closed } = await shell('apply -f a.yaml', world);
    expect({ code, closed }).toEqual({ code: 1, closed: 1 });
    expect(err).toContain('error Write a duration, not \\u001b[2J.');
    expect(err).toContain('ERR_MANIFEST_INVALID at spec.limits; docs/errors.md');
  });

  test('-o json makes errors JSON too', async () => {
    const answers = { [RPCS.pending.subject]: new RefusedError('ERR_TOKEN_EXPIRED', 'Sign in again.') };
    const { err } = await shell('pending -o json', { answers });
    expect(JSON.parse(err)).toEqual({ error: { code: 'ERR_TOKEN_EXPIRED', message: 'Sign in again.' } });
  });
});

describe('apply', () => {
  const changes = [{ kind: 'Flow', name: 'payments', action: 'changed', generation: 3, diff: ['spec.bindings: +sre'] }];
  const answers = { [RPCS.apply.subject]: { changes } };

  test('sends every file as one manifest', async () => {
    const world = { files: { 'a.yaml': 'kind: Flow' }, stdin: 'kind: MCPServer', answers };
    const { code, out, err, asked } = await shell('apply -f a.yaml -f - --dry-run --expected-generation 2', world);
    expect(asked).toEqual([
      ['registry.apply', { manifest: 'kind: Flow\n---\nkind: MCPServer', dryRun: true, expectedGeneration: 2 }],
    ]);
    expect(out).toBe('Flow payments changed (generation 3)\n  spec.bindings: +sre\n');
    expect({ code, err }).toEqual({ code: 0, err: 'Dry run: nothing was changed.\n' });
  });
});

describe('get and delete', () => {
  const resource = { apiVersion: 'a/v1', kind: 'MCPServer', metadata: { name: 'plural' }, spec: { url: 'https://p' } };
  const item = {
    kind: 'MCPServer',
    name: 'plural',
    generation: 2,
    changedAtMs: NOW,
    changedBy: 'grace@example.com',
    resource,
    health: { reason: 'dns', message: `p has no address${ESCAPE}.`, checkedAtMs: NOW },
    toolCount: 0,
  };

  test('lists every page, and says why a server lists nothing', async () => {
    const pages = [{ items: [item], next: 'plural' }, { items: [{ ...item, name: 'zulip' }] }];
    const answers = {
      get [RPCS.list.subject]() {
        return pages.shift();
      },
    };
    const { out, asked } = await shell('get servers', { answers });
    expect(asked).toEqual([
      ['registry.list', { kind: 'MCPServer' }],
      ['registry.list', { kind: 'MCPServer', after: 'plural' }],
    ]);
    expect(out).toMatch(
      /^SERVER +HEALTH +TOOLS +CHANGED +BY +URL\nplural +dns +0 +2024-11-14 20:47:38 UTC \(2\) +grace/,
    );
    expect(out).toContain('plural: p has no address\\u001b[2J.\n');
    expect(out).not.toContain('\u001b');
  });

  test('gives a resource back as it was applied', async () => {
    const { out } = await shell('get server plural -o yaml', { answers: { [RPCS.get.subject]: item } });
    expect(out).toBe('apiVersion: a/v1\nkind: MCPServer\nmetadata:\n  name: plural\nspec:\n  url: https://p\n');
  });

  test('delete names kind and name', async () => {
    const answers = { [RPCS.delete.subject]: { changes: [] } };
    const { asked } = await shell('delete flow payments --dry-run', { answers });
    expect(asked).toEqual([['registry.delete', { kind: 'Flow', name: 'payments', dryRun: true }]]);
  });
});

describe('tools', () => {
  const listed = {
    tools: [
      {
        name: 'plural__set_plan',
        server: 'plural',
        confirmation: true,
        definition: {
          name: 'set_plan',
          inputSchema: {},
          description: `Puts a user on a plan.\nIgnore ${ESCAPE} ${'x'.repeat(90)}`,
        },
      },
    ],
    servers: [
      {
        name: 'plural',
        displayName: 'Plural',
        toolCount: 1,
        health: { reason: 'ok' as const, message: '', checkedAtMs: 1 },
      },
    ],
  };

  test('shows names, who asks a person, and the health of servers, within the terminal', async () => {
    const { out, code } = await shell('tools --flow payments', { flow: { tools: async () => listed } });
    expect(code).toBe(0);
    expect(out).toMatch(
      /^TOOL +SERVER +CONFIRMATION +DESCRIPTION\nplural__set_plan +plural +asks a person +Puts a user/,
    );
    expect(out).toMatch(/SERVER +TOOLS +HEALTH\nplural +1 +ok\n/);
    expect(Math.max(...out.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(out).not.toContain('\u001b');
  });

  test('-o json is the whole answer', async () => {
    const { out } = await shell('tools --flow payments -o json', { flow: { tools: async () => listed } });
    expect(JSON.parse(out)).toEqual(listed);
  });
});

describe('audit', () => {
  const row = {
    flow: 'payments',
    callId: CALL_ID,
    server: 'plural',
    tool: 'set_payment_plan',
    actor: 'ada@example.com',
    rule: 'confirm',
    decision: 'accepted',
    voters: ['grace@example.com'],
    outcome: 'succeeded',
    code: '',
    requestedAtMs: NOW,
    settledAtMs: NOW + 61_000,
    durationMs: 61_000,
    heldMs: 60_000,
    upstreamMs: 12,
    attempts: 1,
    facts: 5,
  };

  test('asks with the filters given, and shows a row each', async () => {
    const line = 'audit --flow payments --outcome denied --since 24h --limit 5 --person ada';
    const { out, asked } = await shell(line, { answers: { [RPCS.auditCalls.subject]: { rows: [row] } } });
    expect(asked).toEqual([
      [
        'audit-ingester.calls',
        { flow: 'payments', outcome: 'denied', person: 'ada', limit: 5, sinceMs: NOW - 86_400_000 },
      ],
    ]);
    expect(out).toMatch(
      new RegExp(
        `^2024-11-14 20:47:38 UTC +payments +plural +set_payment_plan +ada.* +succeeded +1m 1s +${CALL_ID}$`,
        'm',
      ),
    );
  });

  test('one call is shown with its facts', async () => {
    const facts = [{ seq: 7, storedAtMs: NOW, fact: 'requested', payload: { tool: ESCAPE } }];
    const { out } = await shell(`audit ${CALL_ID}`, { answers: { [RPCS.auditCall.subject]: { row, facts } } });
    expect(out).toContain('accepted by grace@example.com');
    expect(out).toContain('7  2024-11-14 20:47:38 UTC  requested\n    {\n      "tool": "\\u001b[2J"\n    }\n');
  });
});
