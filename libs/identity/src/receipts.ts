// Receipts: what the confirmation service signs when a held call is decided (design section 6).
//
// A receipt is a compact JWS (ES256, `typ: flow-mcp-decision+jwt`) that whoever has the published keys can verify years
// later. It names voters by hash, so that a person's data can be erased without breaking it, and each vote by its HMAC.
//
// Invariants; tests name them:
//   R1. Only a receipt key verifies one: a call-signing key in the same set does not.
//   R2. A receipt is for one decision: every field of it is compared, none is taken from it.

import type { Decided } from '@flow-mcp/contracts';
import { RefusedError, type CallId, type EpochMs, type Name } from '@flow-mcp/kernel';
import { compactVerify, createLocalJWKSet } from 'jose';
import { z } from 'zod';
import { canonicalJson } from './canonical-json.js';
import type { KeyRing } from './key-ring.js';
import type { PublicJwks } from './keys.js';
import { voterToken } from './signing.js';

const TYPE = 'flow-mcp-decision+jwt';
const ISSUER = 'flow-mcp-confirmation';

/** A decision, as in the fact `decided` and its subject. */
export interface Decision extends Pick<Decided, 'decision' | 'digest' | 'votes' | 'reason'> {
  readonly flow: Name;
  readonly callId: CallId;
}

/** Signs a decision; at most 12 KiB for 32 votes. */
export async function signReceipt(ring: KeyRing<'receipt'>, decision: Decision, nowMs: EpochMs): Promise<string> {
  return ring.sign(TYPE, { iss: ISSUER, iat: Math.floor(nowMs / 1000), ...contentOf(decision) });
}

/**
 * Checks that a receipt is for exactly this decision.
 * @param keys the published receipt keys, old ones included.
 * @returns when it was signed.
 * @throws RefusedError `ERR_RECEIPT_INVALID`
 */
export async function verifyReceipt(receipt: string, keys: PublicJwks, decision: Decision): Promise<EpochMs> {
  const { iss, iat, ...content } = await verifiedClaims(receipt, keys);
  if (iss !== ISSUER || canonicalJson(content) !== canonicalJson(contentOf(decision))) {
    refuse('The receipt is for another decision');
  }
  return iat * 1000;
}

function contentOf({ flow, callId, digest, decision, votes, reason }: Decision) {
  const signed = votes.map(({ voter, vote, hmac }) => ({ voter: voterToken(voter), vote, hmac }));
  return { flow, call_id: callId, digest, decision, votes: signed, reason };
}

const claimsSchema = z.looseObject({ iss: z.string(), iat: z.int() });

async function verifiedClaims(receipt: string, keys: PublicJwks) {
  // R1: the set may hold keys for other purposes, for example the one at /.well-known/flow-mcp-keys.json.
  const receiptKeys = createLocalJWKSet({ keys: keys.keys.filter((key) => key.flow_mcp_use === 'receipt') });
  const verified = await compactVerify(receipt, receiptKeys, { algorithms: ['ES256'] }).catch((cause: unknown) =>
    refuse('The receipt is not signed by a receipt key of ours', cause),
  );
  if (verified.protectedHeader.typ !== TYPE) refuse('The token is not a receipt');
  const claims = claimsSchema.safeParse(JSON.parse(new TextDecoder().decode(verified.payload)));
  return claims.success ? claims.data : refuse('The receipt is of another version');
}

function refuse(what: string, cause?: unknown): never {
  throw new RefusedError('ERR_RECEIPT_INVALID', `${what}; decide the call again.`, { cause });
}
