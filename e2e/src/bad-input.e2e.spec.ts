// Whatever is sent, there is one typed error that names the field and the fix; nothing is lost, nothing crashes, and the
// next good request works.

import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { HEADERS, RPCS, applyRpc, callSubject, type RpcContract } from '@flow-mcp/contracts';
import { v7 as uuidv7 } from 'uuid';
import { BAD_SUBJECTS, defectsOf, goodMessage } from './defects.js';
import { eventually } from './eventually.js';
import { manifestOf, variantsOf } from './manifests.js';
import { RawClient, type AnsweredError, type Pass } from './raw-client.js';
import { System } from './system.js';

const REQUESTED = 'flowmcp.calls.requested.v1';
const SERVICES = ['registry', 'executor', 'confirmation', 'audit-ingester'] as const;
/** Who between them may ask everything. */
const USERS = ['cli', 'registry', 'executor'] as const;
const RUNS = { seed: 20_261_122, numRuns: 60 };

let system: System;
let cli: RawClient;
let clients: readonly RawClient[] = [];
let pass: Pass;
let strangerToken: string;
let pids: readonly (number | undefined)[];

beforeAll(async () => {
  system = await System.start({ servers: (url) => variantsOf(url, { counting: {} }) });
  clients = await Promise.all(USERS.map((user) => RawClient.connect(system.stack, user)));
  cli = clients[0]!;
  const question = JSON.stringify({ token: await system.token('alice'), flow: 'payments' });
  pass = (await cli.ask(RPCS.pass.subject, question)) as unknown as Pass;
  strangerToken = await system.token('dave');
  pids = pidsNow();
}, 60_000);

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await system?.stop();
});

function pidsNow(): (number | undefined)[] {
  return SERVICES.map((service) => system.stack.replica(service).ready().pid);
}

/** After anything bad. */
async function expectAllIsWell(): Promise<void> {
  const { outcome } = await system.flow('alice').call({ server: 'counting', tool: 'echo', arguments: {} });
  expect(outcome).toBe('succeeded');
  for (const pid of pids) process.kill(pid ?? 0, 0);
  expect(pidsNow()).toEqual(pids);
}

function expectTyped(error: Pick<AnsweredError, 'code' | 'message'> | undefined): void {
  expect(error?.code).toMatch(/^ERR_/);
  expect(error?.code).not.toBe('ERR_INTERNAL');
  expect(error?.message).toMatch(/^.{10,1000}$/s);
}

describe('rpc', () => {
  const rpcs = Object.values(RPCS) as readonly RpcContract<unknown, unknown>[];

  /** The first whom the broker lets ask. */
  async function clientOf({ subject }: RpcContract<unknown, unknown>): Promise<RawClient> {
    for (const client of clients) {
      if ((await client.ask(subject, '{}').catch(() => undefined)) !== undefined) return client;
    }
    throw new Error(`Nobody may ask ${subject}.`);
  }

  test.each(rpcs)('$subject refuses every defect by name, and answers the next', async (rpc) => {
    const client = await clientOf(rpc);
    for (const { name, payload, code, field } of defectsOf(rpc.request.type)) {
      const error = await client.errorOf(rpc.subject, payload);
      expect({ name, code: error?.code, ...(field && { field: error?.field }) }).toEqual({
        name,
        code,
        ...(field && { field }),
      });
      expectTyped(error);
    }
  });

  test.each(rpcs)('$subject answers or refuses anything at all', async (rpc) => {
    const client = await clientOf(rpc);
    const good = { ...goodMessage(rpc.request.type), token: strangerToken, dryRun: true, waitMs: 0 };
    const changes = fc.dictionary(fc.constantFrom(...Object.keys(good)), fc.jsonValue(), { maxKeys: 2 });
    const property = fc.asyncProperty(changes, async (change) => {
      const answer = await client.ask(rpc.subject, JSON.stringify({ ...good, ...change }));
      if ('error' in answer) expectTyped(answer['error'] as AnsweredError);
      else rpc.response.strict.parse(answer);
    });
    await fc.assert(property, RUNS);
  });

  afterAll(expectAllIsWell);
});

describe('manifests', () => {
  const server = (lines: string): string =>
    `apiVersion: deployments.plural.sh/v1alpha1\nkind: MCPServer\nmetadata: {name: page}\nspec:\n  url: https://page.example.com\n${lines}`;
  const DEFECTS: readonly (readonly [name: string, manifest: string, message: RegExp, code: string])[] = [
    ['no YAML', 'kind: [MCPServer', /line 1/, 'ERR_MANIFEST_INVALID'],
    ['a tab', server('\tconfirm: true'), /line \d/, 'ERR_MANIFEST_INVALID'],
    ['a duplicate name', server('  url: https://other.example.com'), /`?url`?"? stands twice/, 'ERR_MANIFEST_INVALID'],
    ['an unknown kind', server('').replace('MCPServer', 'McpServer'), /did you mean MCPServer/, 'ERR_KIND_UNKNOWN'],
    [
      'another version',
      server('').replace('v1alpha1', 'v1'),
      /`apiVersion` must be deployments/,
      'ERR_MANIFEST_INVALID',
    ],
    ['a misspelled field', server('  confrim: true'), /`spec.confrim` .* did you mean confirm/, 'ERR_MANIFEST_INVALID'],
    [
      'a name that climbs',
      server('').replace('name: page', 'name: ../page'),
      /`metadata.name`/,
      'ERR_MANIFEST_INVALID',
    ],
    [
      'a name that is a wildcard',
      server('').replace('name: page', 'name: ">"'),
      /`metadata.name`/,
      'ERR_MANIFEST_INVALID',
    ],
    [
      'a name of 64 letters',
      server('').replace('name: page', `name: ${'a'.repeat(64)}`),
      /`metadata.name`/,
      'ERR_MANIFEST_INVALID',
    ],
    ['a url that is no web address', server('').replace('https:', 'file:'), /`spec.url`/, 'ERR_MANIFEST_INVALID'],
    ['a duration without a unit', server('  limits: {timeout: 30}'), /`spec.limits.timeout`/, 'ERR_MANIFEST_INVALID'],
    ['a tag that makes objects', server('  confirm: !!js/function "x"'), /tag/i, 'ERR_MANIFEST_INVALID'],
    ['aliases that explode', `a: &a [${'x,'.repeat(50)}x]\n${explosion()}`, /alias/, 'ERR_MANIFEST_INVALID'],
    ['an alias in its own anchor', 'a: &a {b: *a}', /alias/, 'ERR_MANIFEST_INVALID'],
    ['10,000 levels', `a: ${'['.repeat(10_000)}`, /nests deeper/, 'ERR_MANIFEST_INVALID'],
    ['200 documents', '---\na: 1\n'.repeat(200), /more than 100 documents/, 'ERR_MANIFEST_INVALID'],
    ['nothing', '# nothing\n', /no document/, 'ERR_MANIFEST_INVALID'],
    ['a list', '- kind: MCPServer', /must be a mapping/, 'ERR_MANIFEST_INVALID'],
    ['the same twice', `${server('')}\n---\n${server('')}`, /a second time/, 'ERR_MANIFEST_INVALID'],
    [
      'a good one and a bad one',
      `${manifestOf({})}---\n${server('  confrim: true')}`,
      /Document 2.*`spec.confrim`/,
      'ERR_MANIFEST_INVALID',
    ],
  ];

  function explosion(): string {
    const levels = Array.from({ length: 8 }, (_, at) => String.fromCharCode(98 + at));
    return levels.map((name, at) => `${name}: &${name} [${`*${String.fromCharCode(97 + at)},`.repeat(9)}1]`).join('\n');
  }

  async function errorOf(manifest: string, dryRun = false): Promise<AnsweredError | undefined> {
    return cli.errorOf(applyRpc.subject, JSON.stringify({ token: await system.token('root'), manifest, dryRun }));
  }

  test.each(DEFECTS)('%s is refused by name, and nothing is changed', async (_name, manifest, message, code) => {
    const before = await system.auditor.lastSeq('REGISTRY');
    const error = await errorOf(manifest);
    expectTyped(error);
    expect(error?.code).toBe(code);
    expect(error?.message).toMatch(message);
    expect(await system.auditor.lastSeq('REGISTRY')).toBe(before);
  });

  test('any damage to a manifest is answered', async () => {
    const page = server('  authentication: {plural: true}\n  bindings:\n    write:\n    - groupName: sre # only\n');
    const damage = fc.tuple(fc.nat(page.length), fc.nat(8), fc.string({ maxLength: 6, unit: 'binary' }));
    const property = fc.asyncProperty(damage, async ([at, cut, text]) => {
      const error = await errorOf(page.slice(0, at) + text + page.slice(at + cut), true);
      if (error !== undefined) expectTyped(error);
    });
    await fc.assert(property, { ...RUNS, numRuns: 200 });
  });

  afterAll(expectAllIsWell);
});

describe('facts', () => {
  interface Settled {
    readonly outcome: string;
    readonly code: string;
    readonly message: string;
  }

  async function settled(subject: string): Promise<Settled> {
    const read = `$JS.API.DIRECT.GET.LEDGER.${subject.replace(/[^.]+$/, 'settled')}`;
    return (await eventually(
      () => cli.ask(read, ''),
      (found) => 'outcome' in found,
    )) as unknown as Settled;
  }

  function settledOf(callId: string): Promise<Settled> {
    return settled(callSubject('payments', callId, 'settled'));
  }

  test.each(defectsOf(REQUESTED))(
    'a request with $name settles once, by name',
    async ({ payload, type, code, field }) => {
      const { callId, stored } = await cli.request(payload, pass, { [HEADERS.type]: type });
      expect(stored).toBe(true);
      const { outcome, message, ...found } = await settledOf(callId);
      expect([outcome, found.code]).toEqual(['failed', code]);
      expectTyped({ ...found, message });
      if (field !== undefined && field !== 'ce-type') expect(message).toContain(`\`${field}`);
    },
  );

  test('anything at all, signed, settles once', async () => {
    const payloads = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }),
      fc.json().map(Buffer.from),
      fc.string().map(Buffer.from),
    );
    const property = fc.asyncProperty(payloads, async (payload) => {
      const { callId } = await cli.request(payload, pass);
      expectTyped(await settledOf(callId));
    });
    await fc.assert(property, RUNS);
  });

  test.each<readonly [string, Record<string, string>]>([
    ['without a pass', { [HEADERS.pass]: '' }],
    ['with a pass that is none', { [HEADERS.pass]: 'a.b.c' }],
    ['with a signature that is none', { [HEADERS.hmac]: '*' }],
    ['with a long signature', { [HEADERS.hmac]: 'A'.repeat(10_000) }],
  ])('a request %s is denied', async (_name, headers) => {
    const { callId } = await cli.request(Buffer.from('{}'), pass, headers);
    expect(await settledOf(callId)).toMatchObject({ outcome: 'denied', code: 'ERR_PASS_INVALID' });
  });

  test('a call id whose time is far from the broker’s is refused', async () => {
    for (const msecs of [Date.now() - 11 * 60_000, Date.now() + 11 * 60_000]) {
      const subject = callSubject('payments', uuidv7({ msecs }), 'requested');
      expect(await cli.requestAt(subject, Buffer.from('{}'), pass)).toBe(true);
      expect(await settled(subject)).toMatchObject({ code: 'ERR_CALL_ID_INVALID' });
    }
  });

  test('a subject that no call may have is not stored, or settles', async () => {
    const settle = async ([name, subject]: (typeof BAD_SUBJECTS)[number]) => {
      const client = await RawClient.connect(system.stack, 'cli'); // its own: a line feed may cost it the connection
      const stored = await client.requestAt(subject, Buffer.from('{}'), pass).catch((error: unknown) => String(error));
      await client.close();
      return { name, stored, ...(stored === true && { code: (await settled(subject)).code }) };
    };
    const requests = BAD_SUBJECTS.filter(([, subject]) => subject.endsWith('.requested'));
    const ends = await Promise.all(requests.map(settle));
    for (const { name, stored, code } of ends)
      if (stored === true) expect({ name, code }).toEqual({ name, code: 'ERR_CALL_ID_INVALID' });
  });

  test.each(['verdict', 'decided', 'resumed', 'retried', 'settled', 'late'] as const)(
    'a chat cannot write %s: the broker refuses',
    async (fact) => {
      const write = cli.ask(callSubject('payments', uuidv7(), fact), '{}');
      await expect(write).rejects.toMatchObject({ reason: 'not-permitted' });
    },
  );

  test('a cancel stops the call, whatever its payload is', async () => {
    await system.register(variantsOf(system.counting.url, { counting: {}, asking: { confirm: true } }));
    const stop = async ({ callId }: { callId: string }): Promise<unknown> =>
      cli.ask(callSubject('payments', callId, 'cancel'), Buffer.from([0xff, 0x00]));
    const request = { server: 'asking', tool: 'echo', arguments: {} };
    const { outcome } = await system.flow('alice').call(request, { onHeld: (held) => void stop(held) });
    expect(outcome).toBe('cancelled');
  });

  afterAll(expectAllIsWell);
});

test('no log tells of a bug, or a secret', async () => {
  const folder = join(system.stack.directory, 'logs');
  const logs = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
  const lines = logs.join('\n').split('\n');
  expect(lines.filter((line) => /ERR_INTERNAL|"level":"fatal"/.test(line))).toEqual([]);
  for (const secret of [pass.secret, pass.pass, strangerToken]) expect(logs.join('\n')).not.toContain(secret);
});

test('every invariant holds of all that happened here', async () => {
  expect(await system.violations({ unknownMax: 0, secrets: [pass.secret] })).toEqual([]);
});
