// What one service writes is checked by those who read it: whoever has stolen the key of one can neither approve a call
// nor break the others.

import { TOOLS_BUCKET, callSubject, resourceSubject, voteSubject } from '@flow-mcp/contracts';
import type { CallOutcome, HeldCall } from '@flow-mcp/client';
import { eventually } from './eventually.js';
import { variantsOf, type Servers } from './manifests.js';
import { RawClient } from './raw-client.js';
import { System } from './system.js';

const GARBAGE = Buffer.from([0xff, 0x00, 0x7b]);
const DEEP = Buffer.from(`${'['.repeat(10_000)}${']'.repeat(10_000)}`);

let system: System;
let confirmation: RawClient;
let registry: RawClient;

beforeAll(async () => {
  system = await System.start({ servers });
  [confirmation, registry] = await Promise.all([
    RawClient.connect(system.stack, 'confirmation'),
    RawClient.connect(system.stack, 'registry'),
  ]);
}, 60_000);

afterAll(async () => {
  await Promise.all([confirmation?.close(), registry?.close()]);
  await system?.stop();
});

function servers(url: string): Servers {
  return variantsOf(url, { counting: {}, asking: { confirm: true } });
}

/** A call that is held; `act` is run once it is. */
async function held(act: (held: HeldCall) => Promise<unknown>): Promise<CallOutcome> {
  let outcome!: Promise<CallOutcome>;
  await new Promise((resolve, reject) => {
    const onHeld = (call: HeldCall): void => void act(call).then(resolve, reject);
    outcome = system.flow('alice').call({ server: 'asking', tool: 'echo', arguments: {} }, { onHeld });
  });
  return outcome;
}

async function echo(): Promise<CallOutcome> {
  return system.flow('alice').call({ server: 'counting', tool: 'echo', arguments: {} });
}

describe('the key of confirmation', () => {
  const JWS = 'e30.e30.AAAA';
  const forged = ({ digest, requester }: HeldCall): Buffer =>
    Buffer.from(
      JSON.stringify({
        ...{ decision: 'accepted', digest, receipt: JWS },
        votes: [{ voter: requester, vote: 'accept', digest, pass: JWS, hmac: 'A'.repeat(43) }],
      }),
    );

  test.each<[string, (held: HeldCall) => Buffer]>([
    ['garbage', () => GARBAGE],
    ['10,000 levels', () => DEEP],
    ['an empty object', () => Buffer.from('{}')],
    ['made-up votes under a made-up receipt', forged],
  ])('does not let a call run: a decision that is %s', async (_name, payload) => {
    const outcome = await held((call) =>
      confirmation.append(callSubject('payments', call.callId, 'decided'), payload(call)),
    );
    expect(['denied', 'failed']).toContain(outcome.outcome);
    expect(outcome.code).toMatch(/^ERR_(RECEIPT_INVALID|MESSAGE_INVALID)$/);
    expect(await system.counting.executions(outcome.callId)).toEqual([]);
  });

  test('does not vote: garbage counts for nobody, and the person decides', async () => {
    const outcome = await held(async ({ callId, digest }) => {
      await confirmation.append(voteSubject('payments', callId, 'f'.repeat(64)), GARBAGE);
      await system.flow('alice').decide({ callId, digest, vote: 'accept' });
    });
    expect(outcome.outcome).toBe('succeeded');
  });
});

describe('the key of the registry', () => {
  test.each(['flow', 'mcpserver'] as const)('does not stop others with garbage for a %s', async (kind) => {
    const token = { flow: 'Flow', mcpserver: 'MCPServer' } as const;
    await registry.append(resourceSubject(token[kind], 'garbage', 1), GARBAGE);
    await registry.append(resourceSubject(token[kind], 'deep', 1), DEEP);
    expect((await echo()).outcome).toBe('succeeded');
  });

  test('makes a server that cannot be read uncallable, until somebody applies it again', async () => {
    await registry.append(resourceSubject('MCPServer', 'counting', 2), GARBAGE);
    await eventually(echo, ({ outcome }) => outcome === 'denied');
    await system.register(servers(system.counting.url));
    expect((await echo()).outcome).toBe('succeeded');
  });

  test('does not offer tools with garbage, and discovery offers the real ones again', async () => {
    await system.register(variantsOf(system.counting.url, { fresh: {} }));
    const call = () => system.flow('alice').call({ server: 'fresh', tool: 'echo', arguments: {} });
    expect((await call()).outcome).toBe('succeeded');
    await registry.ask(`$KV.${TOOLS_BUCKET}.fresh`, GARBAGE);
    await eventually(call, ({ outcome }) => outcome === 'denied');
  });
});

test('a restarted service reads all of that again, and works', async () => {
  for (const service of ['registry', 'executor', 'confirmation', 'audit-ingester'] as const) {
    await system.stack.replica(service).restart();
  }
  await system.register(variantsOf(system.counting.url, { another: {} }));
  const outcome = await system.flow('alice').call({ server: 'another', tool: 'echo', arguments: {} });
  expect(outcome.outcome).toBe('succeeded');
});

test('every invariant holds of all that happened here', async () => {
  expect(await system.violations({ unknownMax: 0 })).toEqual([]);
});
