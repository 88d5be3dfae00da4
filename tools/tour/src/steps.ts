// The tour: what Flow MCP does, on real servers, one step after the other. Each step checks itself.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { applyRpc } from '@flow-mcp/contracts';
import type { HeldCall } from '@flow-mcp/client';
import { RefusedError } from '@flow-mcp/kernel';
import { setTimeout as sleep } from 'node:timers/promises';
import { check, checkCall } from './checks.js';
import type { DemoServers } from './demo-servers.js';
import type { System } from './system.js';
import { aside, held, plain, type Print } from './terminal.js';

/** What every step is given. */
export interface Tour {
  readonly system: System;
  readonly servers: DemoServers;
  /** The repository. */
  readonly root: string;
  readonly print: Print;
}

/** One step. */
export interface Step {
  readonly title: string;
  run(tour: Tour): Promise<void>;
}

const LISTED_WITHIN_MS = 60_000;

/** All steps, in order. */
export const STEPS: readonly Step[] = [
  { title: 'Bob, an SRE, registers the MCPServer of the documentation page, unchanged', run: registerPage },
  {
    title: 'He registers eight more servers, at one of which nobody answers, and a Flow that uses them',
    run: registerOthers,
  },
  { title: 'Alice, of support, sees the tools of the Flow, and why one server lists none', run: listTools },
  { title: 'She calls the server of the page: it gets a JWT for her, and verifies it', run: callPage },
  { title: 'She calls real servers from npm: Streamable HTTP, SSE, Jira, files, memory', run: callPublicServers },
  { title: 'She queries PostgreSQL through a role that may only SELECT', run: callPostgres },
  { title: 'A call that needs a second person waits for one: Bob accepts', run: acceptHeld },
  { title: 'And another, which he declines', run: declineHeld },
  { title: 'Dave, who is in no group, can neither list nor call a tool of the Flow', run: stranger },
  { title: 'All of it is in ClickHouse, fact by fact, without a gap', run: readTrail },
];

async function registerPage(tour: Tour): Promise<void> {
  const page = await readFile(join(tour.root, 'examples', 'resources', 'plural.yaml'), 'utf8');
  await apply(tour, page);
  const refused = await refusal(
    tour.system.mcp.ask(tour.system.token('alice'), applyRpc, { manifest: page.replace('false', 'true') }),
  );
  check(refused !== undefined, 'Alice, who may not write the server, could change it');
  tour.print(held(`Alice may not change it: ${plain(refused.message)}`));
}

async function registerOthers(tour: Tour): Promise<void> {
  await apply(tour, tour.servers.manifests);
}

async function apply({ system, print }: Tour, manifest: string): Promise<void> {
  const { changes } = await system.mcp.ask(system.token('bob'), applyRpc, { manifest });
  for (const { kind, name, action, generation } of changes)
    print(held(`${kind} ${name}: ${action} (generation ${generation})`));
}

async function listTools({ system, servers, print }: Tour): Promise<void> {
  const flow = system.flow('alice');
  const deadlineMs = performance.now() + LISTED_WITHIN_MS;
  let listed = await flow.tools();
  const settled = () =>
    listed.servers.every(
      ({ name, health }) => health.reason !== 'pending' && (health.reason === 'ok' || !servers.names.includes(name)),
    );
  while (!settled() && performance.now() < deadlineMs) {
    await sleep(250);
    listed = await flow.tools();
  }
  for (const { name, toolCount, health } of listed.servers) {
    const line = `${name}: ${toolCount} ${toolCount === 1 ? 'tool' : 'tools'}${health.reason === 'ok' ? '' : ` — ${health.reason}: ${plain(health.message, 200)}`}`;
    check(health.reason === (name === 'nobody-home' ? 'refused' : 'ok'), line);
    print(held(line));
  }
  check(
    listed.tools.every(({ name }) => /^[\w-]{1,64}$/.test(name)),
    'A tool has a name that no model API takes',
  );
  print(
    aside(
      `${listed.tools.length} tools, under names that every model takes: ${listed.tools
        .slice(0, 3)
        .map(({ name }) => name)
        .join(', ')} …`,
    ),
  );
}

async function callPage({ system, servers, print }: Tour): Promise<void> {
  const account = await system.call('alice', {
    server: 'plural',
    tool: 'get_account',
    arguments: { accountId: 'acc-1001' },
  });
  checkCall(account, 'succeeded', 'Alice looks an account up', print);
  const plan = { accountId: 'acc-1001', plan: 'custom', monthlyCents: 9_900 };
  const changed = await system.call('alice', { server: 'plural', tool: 'set_payment_plan', arguments: plan });
  checkCall(changed, 'succeeded', 'and puts it on a custom payment plan', print);
  const runs = await servers.payments.executions(changed.outcome.callId);
  check(runs === 1, `The server counted ${runs} executions of one call`);
  print(aside('The server itself counted exactly one execution.'));
  const wrong = await system.call('alice', {
    server: 'plural',
    tool: 'set_payment_plan',
    arguments: { plan: 'custom' },
  });
  checkCall(wrong, 'failed', 'Arguments that its schema refuses are never sent', print);
}

async function callPublicServers({ system, servers, print }: Tour): Promise<void> {
  const call = (server: string, tool: string, args: object) =>
    system.call('alice', { server, tool, arguments: args as never });
  checkCall(
    await call('everything', 'echo', { message: 'hello' }),
    'succeeded',
    'server-everything over Streamable HTTP',
    print,
  );
  checkCall(await call('everything-sse', 'get-sum', { a: 2, b: 3 }), 'succeeded', 'server-everything over SSE', print);
  checkCall(
    await call('jira', 'jira_search', { action: 'issues', jql: 'project = PAY ORDER BY created DESC' }),
    'succeeded',
    'Jira',
    print,
  );
  checkCall(
    await call('servicenow', 'search_incidents', { words: 'payment' }),
    'succeeded',
    'ServiceNow, with a secret that only its origin gets',
    print,
  );
  checkCall(
    await call('files', 'list_directory', { path: servers.notesFolder }),
    'succeeded',
    'server-filesystem',
    print,
  );
  const entities = [{ name: 'Ada', entityType: 'person', observations: ['likes engines'] }];
  checkCall(await call('memory', 'create_entities', { entities }), 'succeeded', 'server-memory', print);
}

async function callPostgres({ system, servers, print }: Tour): Promise<void> {
  const { engine, query: askDatabase } = servers.postgres.database;
  const query = (sql: string) => system.call('alice', { server: 'postgres', tool: 'query', arguments: { sql } });
  const customers = await query('select name, email from customers order by id');
  checkCall(customers, 'succeeded', 'A query', print);
  if (engine !== 'postgresql') {
    print(
      aside('PGlite stands in for PostgreSQL here and knows no roles; with PostgreSQL installed you would see the'),
    );
    print(aside('server being talked out of its read-only transaction in vain.'));
    return;
  }
  const injected = await query("COMMIT; insert into orders values (77, 1, 1, 'injected')");
  checkCall(injected, 'failed', 'COMMIT; insert …', print);
  const rows = await askDatabase('select id from orders where id = 77');
  check(rows.length === 0, 'The insert behind COMMIT went through');
  print(held('The row is not there: its role may only SELECT.'));
}

async function acceptHeld(tour: Tour): Promise<void> {
  const made = await decideHeld(tour, 'accept');
  checkCall(made, 'succeeded', 'The note was written once Bob had said yes', tour.print);
}

async function declineHeld(tour: Tour): Promise<void> {
  const made = await decideHeld(tour, 'decline');
  checkCall(made, 'declined', 'The note was never written', tour.print);
}

/** Alice asks, may not decide herself, and Bob does. */
async function decideHeld({ system, print }: Tour, vote: 'accept' | 'decline') {
  const note = {
    server: 'servicenow',
    tool: 'add_work_note',
    arguments: { number: 'INC0010001', note: `Refund agreed, ${vote}.` },
  };
  let told: (heldCall: HeldCall) => void;
  const whenHeld = new Promise<HeldCall>((resolve) => (told = resolve));
  const making = system.call(
    'alice',
    { ...note, reason: 'The customer asked for it' },
    { onHeld: (call) => told(call) },
  );
  const call = await Promise.race([whenHeld, making.then(({ outcome }) => outcome.held)]);
  check(call !== undefined, 'The call was not held');
  print(held(`Held by rule ${call.rule.id}: ${call.rule.text}`));
  const pending = await waitForPending(system, call.callId);
  print(
    aside(
      `Bob is shown: ${pending.tool} ${plain(JSON.stringify(pending.arguments))}, asked for by ${pending.requester.email ?? pending.requester.sub}`,
    ),
  );
  const own = await refusal(system.flow('alice').decide({ ...call, vote: 'accept' }));
  check(own !== undefined, 'Alice could decide her own call');
  print(held(`Alice may not decide it herself: ${plain(own.message)}`));
  const reason = vote === 'decline' ? { reason: 'Not without the invoice number' } : {};
  await system.flow('bob').decide({ callId: call.callId, digest: pending.digest, vote, ...reason });
  return making;
}

async function waitForPending(system: System, callId: string) {
  const deadlineMs = performance.now() + 10_000;
  for (;;) {
    const pending = (await system.flow('bob').pending()).find((call) => call.callId === callId);
    if (pending !== undefined) return pending;
    check(performance.now() < deadlineMs, 'The held call is not among the pending ones');
    await sleep(50);
  }
}

async function stranger({ system, print }: Tour): Promise<void> {
  const listed = await refusal(system.flow('dave').tools());
  check(listed?.code === 'ERR_NOT_FOUND', 'Dave could list the tools of the Flow');
  print(held(`Listing: ${plain(listed.message)}`));
  const call = await system.call('dave', {
    server: 'plural',
    tool: 'get_account',
    arguments: { accountId: 'acc-1001' },
  });
  checkCall(call, 'denied', 'Calling', print);
}

async function readTrail({ system, print }: Tour): Promise<void> {
  const sql = `SELECT count() AS facts, uniqExact(seq) AS seqs, max(seq) - min(seq) + 1 AS span FROM ledger WHERE stream = 'LEDGER'`;
  const [row] = await system.stack.clickhouse.query<{ facts: number; seqs: number; span: number }>(sql);
  check(
    row !== undefined && row.facts === row.seqs && row.facts === row.span,
    `The trail has a gap or a double: ${JSON.stringify(row)}`,
  );
  print(held(`${row.facts} facts, ${row.seqs} sequence numbers, no gap and none twice.`));
  const outcomes = await system.stack.clickhouse.query<{ outcome: string; calls: number }>(
    "SELECT outcome, count() AS calls FROM calls WHERE outcome != '' GROUP BY outcome ORDER BY calls DESC",
  );
  print(aside(outcomes.map(({ outcome, calls }) => `${outcome} ${calls}`).join(' · ')));
}

/** What a promise was refused with, if it was. */
async function refusal(promise: Promise<unknown>): Promise<RefusedError | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
}
