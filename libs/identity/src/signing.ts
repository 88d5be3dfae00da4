// What a requester does with the secret of its pass, with nothing but HMAC-SHA256 (RFC 2104), so that any language can.
// No jose in here: `@flow-mcp/identity/signing` is what a client imports.
//
// Invariants; tests name them:
//   S1. A signature is over bytes as sent; there is no canonical form to get wrong.
//   S2. A signature of a vote is never one of a request: no subject equals `flow-mcp-vote/v1`.
//   S3. Two different votes never sign the same bytes: all but the last line are of a fixed, line-free form.

import type { Actor } from '@flow-mcp/contracts';
import type { CallId, Name } from '@flow-mcp/kernel';
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Stands where a request has its subject. */
const VOTE_SUBJECT = 'flow-mcp-vote/v1';

/** One person's vote on a held call, as it is signed. */
export interface VoteContent {
  readonly flow: Name;
  readonly callId: CallId;
  /** The digest of the hold, lower-case hex. */
  readonly digest: string;
  readonly vote: 'accept' | 'decline';
  readonly reason?: string | undefined;
}

/**
 * The `Flow-Mcp-Hmac` header: HMAC-SHA256 over the subject, a line feed and the payload.
 * @param secret as `rpc.executor.pass` gave it, 32 bytes in base64url.
 * @returns base64url without padding, 43 characters.
 */
export function signWithSecret(secret: string, subject: string, payload: Uint8Array): string {
  return hmacOf(Buffer.from(secret, 'base64url'), subject, payload);
}

/**
 * The `hmac` of `rpc.confirmation.decide`: as `signWithSecret` over the subject `flow-mcp-vote/v1` and the lines
 * Flow, call id, digest, vote and reason (empty when there is none), joined by line feeds.
 */
export function signVote(secret: string, vote: VoteContent): string {
  return signWithSecret(secret, VOTE_SUBJECT, voteBytes(vote));
}

/** Whether a vote carries the signature that this key makes. */
export function isVoteSigned(key: Uint8Array, vote: VoteContent, hmac: string): boolean {
  return isEqual(hmac, hmacOf(key, VOTE_SUBJECT, voteBytes(vote)));
}

/** Whether a request carries the signature that this key makes. */
export function isSigned(key: Uint8Array, subject: string, payload: Uint8Array, hmac: string): boolean {
  return isEqual(hmac, hmacOf(key, subject, payload));
}

/** A person as a subject token: SHA-256, lower-case hex, of issuer, line feed and subject. One vote per voter. */
export function voterToken({ iss, sub }: Pick<Actor, 'iss' | 'sub'>): string {
  return createHash('sha256').update(`${iss}\n${sub}`).digest('hex');
}

/** Compares two texts in a time that says nothing about where they differ. */
export function isEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

function hmacOf(key: Uint8Array, subject: string, payload: Uint8Array): string {
  return createHmac('sha256', key).update(`${subject}\n`).update(payload).digest('base64url');
}

function voteBytes({ flow, callId, digest, vote, reason = '' }: VoteContent): Uint8Array {
  return Buffer.from([flow, callId, digest, vote, reason].join('\n'));
}
