// People, a held call and its facts, as the tests of this app use them.

import type { Actor, HoldTerms, Voted } from '@flow-mcp/contracts';
import type { CastVote, HoldVerdict, SeenFact } from '../pending-calls.js';

const person = (sub: string, ...groups: string[]): Actor => ({
  iss: 'https://issuer.test',
  sub,
  groups,
  admin: false,
});

/** Asks for calls; one of the approvers, so only four eyes keep her from deciding. */
export const ALICE = person('alice', 'support', 'sre');
/** May decide. */
export const BOB = person('bob', 'sre');
/** May decide. */
export const ERIN = person('erin', 'sre');
/** May neither see nor decide. */
export const MALLORY = person('mallory', 'support');

export const PLACE = { flow: 'payments', callId: '01890a5d-ac96-774b-bcce-b302099a8057' } as const;
export const HELD_AT_MS = 1_000_000;
export const EXPIRES_AT_MS = 1_900_000;
export const SHA256 = 'a'.repeat(64);
export const JWS = 'e30.e30.c2ln';
export const HMAC = 'h'.repeat(43);

/** Four eyes of the SRE group, unless told otherwise. */
export function holdVerdict(terms: Partial<HoldTerms> = {}): HoldVerdict {
  return {
    step: 'hold',
    actor: ALICE,
    rule: { id: 'confirmation.tools[0]', text: 'The tool changes plans.' },
    flow: { name: PLACE.flow, generation: 1 },
    server: { name: 'plural', generation: 1, url: 'https://mcp.test', authentication: 'none' },
    tool: 'set_plan',
    toolDefinitionSha256: SHA256,
    argumentsSha256: SHA256,
    retrySafe: false,
    hold: {
      digest: SHA256,
      nonce: '0123456789abcdef',
      approvers: [{ groupName: 'sre' }],
      requesterMayDecide: false,
      approvals: 1,
      expiresAtMs: EXPIRES_AT_MS,
      runBeforeMs: EXPIRES_AT_MS + 60_000,
      ...terms,
    },
  };
}

export function vote(voter: Actor, choice: Voted['vote'], reason?: string): Voted {
  return { voter, vote: choice, digest: SHA256, pass: JWS, hmac: HMAC, ...(reason === undefined ? {} : { reason }) };
}

export function cast(voter: Actor, choice: Voted['vote'], storedAtMs = HELD_AT_MS + 1): CastVote {
  return { voter: voter.sub, storedAtMs, vote: vote(voter, choice) };
}

export const held = (terms: Partial<HoldTerms> = {}): SeenFact => ({
  ...PLACE,
  fact: 'verdict',
  verdict: holdVerdict(terms),
  storedAtMs: HELD_AT_MS,
});
export const voted = (voter: Actor, choice: Voted['vote'], storedAtMs?: number): SeenFact => ({
  ...PLACE,
  fact: 'voted',
  cast: cast(voter, choice, storedAtMs),
});
export const cancelled: SeenFact = { ...PLACE, fact: 'cancel', cancelled: { reason: 'changed my mind' } };
export const decided: SeenFact = { ...PLACE, fact: 'decided' };
