// Passes: a person's verified token, traded for something that costs microseconds to check on every call (design section 5).
//
// A pass is a compact JWS (RFC 7515 §3.1, HS256) that names the person and the Flow. Its secret is derived from the pass
// and from a key that only executors hold; it is told to the requester once and stored nowhere. A request or vote carries
// the pass and an HMAC with the secret, so whoever reads the ledger holds nothing that signs another call.
//
// HS256 is made by node:crypto: 2 µs a check against 104 µs for jose's (WebCrypto crosses threads), measured on Node 20.
//
// Invariants; tests name them:
//   P1. The only header ever accepted is, byte for byte, one that we write: no algorithm, type or key can be chosen.
//   P2. Nothing of a pass is read before its signature is checked, and signatures are compared in constant time.
//   P3. A pass speaks for one person, one Flow and five minutes.
//   P4. A secret signs only with its own pass, and neither key can be computed from the other.

import { actorSchema, type Actor } from '@flow-mcp/contracts';
import { RefusedError, type EpochMs, type Name } from '@flow-mcp/kernel';
import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { isEqual, isSigned, isVoteSigned, type VoteContent } from './signing.js';

/** How long a pass is good for, in milliseconds. */
export const PASS_LIFETIME_MS = 5 * 60_000;

/** What a NATS header or a vote may hold of a pass, in characters; see `compactJws` of the contracts. */
const PASS_LENGTH_MAX = 16_384;

const claimsSchema = z.object({ jti: z.string(), flow: z.string(), exp: z.int(), person: actorSchema });
type PassClaims = z.output<typeof claimsSchema>;

/** A master key of executors, 32 bytes, and the id that passes name it by. */
export interface PassKey {
  readonly kid: string;
  readonly key: Uint8Array;
}

/** What the requester gets: the pass travels, the secret (32 bytes, base64url) stays with it. */
export interface IssuedPass {
  readonly pass: string;
  readonly secret: string;
  readonly expiresAtMs: EpochMs;
}

/** A request as it came: headers, subject and the payload's bytes. */
export interface SignedRequest {
  readonly pass: string;
  readonly hmac: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  /** The Flow that the subject names. */
  readonly flow: Name;
  /** When it was sent, by the broker's clock. */
  readonly nowMs: EpochMs;
}

/** A vote as it came. */
export interface SignedVote extends VoteContent {
  readonly pass: string;
  readonly hmac: string;
  /** When it was cast, by the broker's clock: a vote stays good after its pass has expired. */
  readonly votedAtMs: EpochMs;
}

/** Issues and checks passes. */
export interface PassAuthority {
  /** A pass of a person whose token was just verified. @throws RefusedError `ERR_TOKEN_INVALID` if it would be too large */
  issue(person: Actor, flow: Name, nowMs: EpochMs): IssuedPass;
  /** Who sent a request. @throws RefusedError `ERR_PASS_INVALID` */
  verify(request: SignedRequest): Actor;
  /** Who cast a vote. @throws RefusedError `ERR_PASS_INVALID` */
  verifyVote(vote: SignedVote): Actor;
}

interface DerivedKeys {
  readonly header: string;
  /** Signs passes. */
  readonly passKey: Uint8Array;
  /** Derives secrets. */
  readonly secretKey: Uint8Array;
}

/**
 * An authority that issues with the first key and accepts all of them, so that votes outlive a rotation.
 * @param keys as `loadPassKeys` reads them, at least one.
 */
export function createPassAuthority(keys: readonly [PassKey, ...PassKey[]]): PassAuthority {
  const active = derive(keys[0]);
  const byHeader = new Map(keys.map(derive).map((derived) => [derived.header, derived]));
  return {
    issue: (person, flow, nowMs) => issue(active, person, { flow, nowMs }),
    verify: ({ pass, hmac, subject, payload, flow, nowMs }) => {
      const { claims, secret } = open(byHeader, pass, { flow, nowMs });
      if (!isSigned(secret, subject, payload, hmac)) refuse('The HMAC does not fit subject and payload as sent');
      return claims.person;
    },
    verifyVote: ({ pass, hmac, votedAtMs, ...vote }) => {
      const { claims, secret } = open(byHeader, pass, { flow: vote.flow, nowMs: votedAtMs });
      if (!isVoteSigned(secret, vote, hmac)) refuse('The HMAC does not fit the vote');
      return claims.person;
    },
  };
}

interface Scope {
  readonly flow: Name;
  readonly nowMs: EpochMs;
}

function issue({ header, passKey, secretKey }: DerivedKeys, person: Actor, { flow, nowMs }: Scope): IssuedPass {
  const jti = randomBytes(16).toString('base64url');
  const exp = Math.floor((nowMs + PASS_LIFETIME_MS) / 1000);
  const claims: PassClaims = { jti, flow, exp, person };
  const signed = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const pass = `${signed}.${mac(passKey, signed).toString('base64url')}`;
  if (pass.length > PASS_LENGTH_MAX) {
    throw new RefusedError('ERR_TOKEN_INVALID', 'The token names more groups than fit a pass; ask for fewer groups.');
  }
  return { pass, secret: mac(secretKey, jti).toString('base64url'), expiresAtMs: exp * 1000 };
}

/** What a pass says, and its secret's bytes, once everything but the HMAC is checked. */
function open(keys: ReadonlyMap<string, DerivedKeys>, pass: string, { flow, nowMs }: Scope) {
  const { secretKey, payload } = checkSignature(keys, pass);
  const claims = readClaims(payload);
  if (claims.flow !== flow) refuse('The pass is for another Flow');
  if (claims.exp * 1000 <= nowMs) refuse('The pass has expired');
  return { claims, secret: mac(secretKey, claims.jti) };
}

/** Upholds P1 and P2. */
function checkSignature(keys: ReadonlyMap<string, DerivedKeys>, pass: string): DerivedKeys & { payload: string } {
  const [header = '', payload = '', signature = '', ...more] = pass.split('.', 4);
  const derived = keys.get(header);
  if (derived === undefined || more.length > 0 || pass.length > PASS_LENGTH_MAX) return refuse('The pass is not ours');
  const expected = mac(derived.passKey, `${header}.${payload}`).toString('base64url');
  if (!isEqual(signature, expected)) refuse('The pass is not ours');
  return { ...derived, payload };
}

/** The claims of a pass of ours; only an executor of another version could have written them differently. */
function readClaims(payload: string): PassClaims {
  const parsed = claimsSchema.safeParse(JSON.parse(Buffer.from(payload, 'base64url').toString()));
  return parsed.success ? parsed.data : refuse('The pass is of another version');
}

/** Upholds P4: two keys of one master key, each for one purpose (HKDF, RFC 5869). */
function derive({ kid, key }: PassKey): DerivedKeys {
  const expand = (purpose: string) =>
    new Uint8Array(hkdfSync('sha256', key, new Uint8Array(), `flow-mcp-pass/v1 ${purpose}`, 32));
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'flow-mcp-pass+jwt', kid })).toString('base64url');
  return { header, passKey: expand('pass'), secretKey: expand('secret') };
}

function mac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function refuse(what: string): never {
  throw new RefusedError('ERR_PASS_INVALID', `${what}; ask rpc executor.pass for a new pass and sign with its secret.`);
}
