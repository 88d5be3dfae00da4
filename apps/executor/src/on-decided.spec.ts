import {
  callSubject,
  decidedV1,
  encode,
  voteSubject,
  votedV1,
  type Actor,
  type Decided,
  type Resumed,
} from '@flow-mcp/contracts';
import { signReceipt, signVote, voterToken } from '@flow-mcp/identity';
import type { StoredFact } from '@flow-mcp/messaging';
import type { HoldVerdict } from './holds.js';
import {
  ALICE,
  BOB,
  CALL_ID,
  DAVE,
  ERIN,
  FLOW,
  NOW,
  World,
  passes,
  receiptRing,
  request,
  type Setup,
} from './testing/world.js';

const FOUR_EYES: Setup = {
  spec: {
    confirmation: {
      tools: [{ match: '*', require: true }],
      approvers: [{ groupName: 'sre' }],
      requesterMayDecide: false,
    },
  },
};
const TWO: Setup = {
  spec: { confirmation: { tools: [{ match: '*', require: true }], approvers: [{ groupName: 'sre' }], approvals: 2 } },
};

type Vote = Decided['votes'][number];

/** A world in which Alice's call is held. */
async function heldWorld(setup: Setup, world = new World()): Promise<{ world: World; verdict: HoldVerdict }> {
  await world.deliver(request(world), setup);
  const verdict = world.read<HoldVerdict>('verdict');
  if (verdict?.step !== 'hold') throw new Error('the call was not held');
  return { world, verdict };
}

/** A vote as the confirmation service records it. */
function vote(world: World, voter: Actor, { hold }: HoldVerdict, over: Partial<Vote> = {}): Vote {
  const { pass, secret } = passes.issue(voter, FLOW, NOW);
  const content = { flow: FLOW, callId: CALL_ID, digest: hold.digest, vote: 'accept' as const };
  const cast = { voter, vote: 'accept' as const, digest: hold.digest, pass, hmac: signVote(secret, content), ...over };
  world.put(voteSubject(FLOW, CALL_ID, voterToken(voter)), encode(votedV1, cast));
  return cast;
}

/** The fact `decided`, with an honest receipt unless told otherwise. */
async function decided(
  world: World,
  { hold }: HoldVerdict,
  votes: Vote[],
  over: Partial<Decided> = {},
): Promise<StoredFact> {
  const decision = { decision: 'accepted' as const, digest: hold.digest, votes, ...over };
  const receipt = over.receipt ?? (await signReceipt(receiptRing, { ...decision, flow: FLOW, callId: CALL_ID }, NOW));
  return world.put(callSubject(FLOW, CALL_ID, 'decided'), encode(decidedV1, { ...decision, receipt }));
}

async function outcome(world: World, fact: StoredFact, setup: Setup) {
  await world.deliver(fact, setup);
  return { code: world.settled()?.code, outcome: world.settled()?.outcome, executions: world.executions };
}

test('an accepted call runs once, with the arguments that were held', async () => {
  const { world, verdict } = await heldWorld(FOUR_EYES);
  const fact = await decided(world, verdict, [vote(world, BOB, verdict)]);
  expect(await outcome(world, fact, FOUR_EYES)).toEqual({ code: undefined, outcome: 'succeeded', executions: 1 });
  expect(world.read<Resumed>('resumed')).toMatchObject({ step: 'run', run: { jti: `${CALL_ID}.1` } });
});

test.each([
  ['declined', 'declined', 'ERR_DECLINED'],
  ['expired', 'expired', 'ERR_EXPIRED'],
  ['cancelled', 'cancelled', 'ERR_CANCELLED'],
] as const)('a call that was %s never runs', async (decision, expected, code) => {
  const { world, verdict } = await heldWorld(FOUR_EYES);
  const fact = await decided(world, verdict, [], { decision, reason: 'because' });
  expect(await outcome(world, fact, FOUR_EYES)).toEqual({ code, outcome: expected, executions: 0 });
});

for (const when of ['before', 'after'] as const) {
  test.each(Array.from({ length: 20 }, (_, at) => at + 1))(
    `dies ${when} I/O %i: runs at most once, one outcome`,
    async (k) => {
      const world = new World(k + 2, when); // Holding took the first two.
      const { verdict } = await heldWorld(FOUR_EYES, world);
      const fact = await decided(world, verdict, [vote(world, BOB, verdict)]);
      await world.deliver(fact, FOUR_EYES);
      expect(world.executions).toBeLessThanOrEqual(1);
      expect(['succeeded', 'unknown']).toContain(world.settled()?.outcome);
      if (world.settled()?.outcome === 'succeeded') expect(world.executions).toBe(1);
    },
  );
}

describe('R2: a stolen confirmation service alone cannot approve', () => {
  const refused = {
    code: expect.stringMatching(/^ERR_(RECEIPT|PASS)_INVALID$/) as string,
    outcome: expect.stringMatching(/^(denied|failed)$/) as string,
    executions: 0,
  };

  test.each<[string, (world: World, verdict: HoldVerdict) => Promise<StoredFact>]>([
    ['without votes', (world, verdict) => decided(world, verdict, [])],
    [
      'with a vote of somebody who may not decide',
      (world, verdict) => decided(world, verdict, [vote(world, ALICE, verdict)]),
    ],
    [
      'with a made-up group in the name of somebody who voted',
      (world, verdict) =>
        decided(world, verdict, [{ ...vote(world, DAVE, verdict), voter: { ...DAVE, groups: ['sre'] } }]),
    ],
    [
      'with a vote whose HMAC is for a decline',
      async (world, verdict) => {
        const { pass, secret } = passes.issue(BOB, FLOW, NOW);
        const hmac = signVote(secret, { flow: FLOW, callId: CALL_ID, digest: verdict.hold.digest, vote: 'decline' });
        return decided(world, verdict, [vote(world, BOB, verdict, { pass, hmac })]);
      },
    ],
    [
      'with a vote on another digest',
      async (world, verdict) => {
        const { pass, secret } = passes.issue(BOB, FLOW, NOW);
        const digest = 'b'.repeat(64);
        const hmac = signVote(secret, { flow: FLOW, callId: CALL_ID, digest, vote: 'accept' });
        return decided(world, verdict, [vote(world, BOB, verdict, { pass, hmac, digest })]);
      },
    ],
    [
      'with a vote in the name of somebody else',
      (world, verdict) => {
        const cast = vote(world, ALICE, verdict);
        world.put(voteSubject(FLOW, CALL_ID, voterToken(BOB)), encode(votedV1, cast));
        return decided(world, verdict, [{ ...cast, voter: BOB }]);
      },
    ],
    [
      'about another digest',
      (world, verdict) => decided(world, verdict, [vote(world, BOB, verdict)], { digest: 'c'.repeat(64) }),
    ],
    [
      'with a receipt for a decline',
      async (world, verdict) => {
        const votes = [vote(world, BOB, verdict)];
        const declined = {
          decision: 'declined' as const,
          digest: verdict.hold.digest,
          votes,
          flow: FLOW,
          callId: CALL_ID,
        };
        return decided(world, verdict, votes, { receipt: await signReceipt(receiptRing, declined, NOW) });
      },
    ],
    [
      'with a receipt of nobody',
      (world, verdict) => decided(world, verdict, [vote(world, BOB, verdict)], { receipt: 'e30.e30.c2ln' }),
    ],
  ])('%s', async (_how, forge) => {
    const { world, verdict } = await heldWorld(FOUR_EYES);
    expect(await outcome(world, await forge(world, verdict), FOUR_EYES)).toEqual(refused);
  });

  test('nor count one vote twice', async () => {
    const { world, verdict } = await heldWorld(TWO);
    const cast = vote(world, BOB, verdict);
    expect(await outcome(world, await decided(world, verdict, [cast, cast]), TWO)).toEqual(refused);
  });

  test('two different people are two', async () => {
    const { world, verdict } = await heldWorld(TWO);
    const fact = await decided(world, verdict, [vote(world, BOB, verdict), vote(world, ERIN, verdict)]);
    expect((await outcome(world, fact, TWO)).outcome).toBe('succeeded');
  });

  test('a vote that the broker never recorded is waited for, not believed', async () => {
    const { world, verdict } = await heldWorld(FOUR_EYES);
    const cast = vote(world, BOB, verdict);
    world.facts.delete(voteSubject(FLOW, CALL_ID, voterToken(BOB)));
    const fact = await decided(world, verdict, [cast]);
    await expect(world.deliver(fact, FOUR_EYES)).rejects.toThrow('not acked');
    expect(world.executions).toBe(0);
  });
});

describe('R3: what changed since never runs', () => {
  const { confirmation } = FOUR_EYES.spec as { confirmation: object };
  test.each<[string, Setup]>([
    ['the url', { spec: { confirmation, url: 'https://elsewhere.example' } }],
    ['the authentication', { spec: { confirmation, authentication: { plural: true } } }],
    ['the rule', { spec: { confirm: true } }],
    ['that it needs a person at all', { spec: {} }],
    ['the tool', { ...FOUR_EYES, toolSha256: 'f'.repeat(64) }],
    ['how many must accept', { spec: { confirmation: { ...confirmation, approvals: 2 } } }],
    ['who may decide', { spec: { confirmation: { ...confirmation, approvers: [{ groupName: 'board' }] } } }],
    ['that the tool is offered', { spec: { confirmation, tools: { deny: ['get_*'] } } }],
    ['that the person may see the server', { spec: { confirmation, bindings: { read: [{ groupName: 'sre' }] } } }],
  ])('%s', async (_what, today) => {
    const { world, verdict } = await heldWorld(FOUR_EYES);
    const fact = await decided(world, verdict, [vote(world, BOB, verdict)]);
    expect(await outcome(world, fact, today)).toMatchObject({ outcome: 'denied', executions: 0 });
  });
});

test('R1: other arguments than those that were held never run', async () => {
  const { world, verdict } = await heldWorld(FOUR_EYES);
  const fact = await decided(world, verdict, [vote(world, BOB, verdict)]);
  request(world, { args: { id: 'acc-2' } });
  expect(await outcome(world, fact, FOUR_EYES)).toMatchObject({ code: 'ERR_RECEIPT_INVALID', executions: 0 });
});

test('a decision on a call that is not held changes nothing, and does not come back for ever', async () => {
  const { verdict } = await heldWorld(FOUR_EYES);
  const world = new World();
  await world.deliver(request(world), {});
  const fact = await decided(world, verdict, []);
  expect(await world.deliver(fact, {})).toBe(1);
  expect([world.read('resumed'), world.executions]).toEqual([undefined, 1]);
});

test('a decision that cannot be read ends its call, and does not come back for ever', async () => {
  const { world } = await heldWorld(FOUR_EYES);
  const fact = world.put(callSubject(FLOW, CALL_ID, 'decided'), Buffer.from('{"decision":'));
  expect(await outcome(world, fact, FOUR_EYES)).toMatchObject({ outcome: 'failed', executions: 0 });
});

test('a vote that was never recorded is waited for until the call is too late', async () => {
  const { world, verdict } = await heldWorld(FOUR_EYES);
  const fact = await decided(world, verdict, [vote(world, BOB, verdict)]);
  world.facts.delete(voteSubject(FLOW, CALL_ID, voterToken(BOB)));
  world.wallMs = verdict.hold.runBeforeMs;
  expect(await outcome(world, fact, FOUR_EYES)).toMatchObject({ outcome: 'expired', executions: 0 });
});

test('an accepted call that comes too late expires', async () => {
  const { world, verdict } = await heldWorld(FOUR_EYES);
  const fact = await decided(world, verdict, [vote(world, BOB, verdict)]);
  world.wallMs = verdict.hold.runBeforeMs;
  expect(await outcome(world, fact, FOUR_EYES)).toEqual({ code: 'ERR_EXPIRED', outcome: 'expired', executions: 0 });
});
