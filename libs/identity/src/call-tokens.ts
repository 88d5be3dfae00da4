// The JWTs that MCP servers get: one per run of a tool, good for that server, tool and arguments only (design section 5).
//
// Invariants; tests name them:
//   M1. One audience, the server; a token never outlives the run it was made for by more than a second.
//   M2. The person's own token is not in it, and nothing but the verified person decides its claims.
//   M3. flow-mcp itself is `sub: flow-mcp` without `act`, so that no person is ever mistaken for it.

import type { Actor } from '@flow-mcp/contracts';
import type { CallId, EpochMs, Name } from '@flow-mcp/kernel';
import { randomUUID } from 'node:crypto';
import type { KeyRing } from './key-ring.js';

/** Who flow-mcp is when it lists tools or checks a server's health. */
export const SERVICE_SUBJECT = 'flow-mcp';

/** How far `nbf` lies back, in seconds, for servers whose clock is behind. */
const NOT_BEFORE_BACK_S = 30;

/** What every token of ours has. */
interface TokenTerms {
  /** Our own issuer url. */
  readonly issuer: string;
  /** The server's audience: exactly one. */
  readonly audience: string;
  readonly server: Name;
  readonly nowMs: EpochMs;
  /** End of the run; rounded up to the next second, as `exp` has no milliseconds (RFC 7519 §2). */
  readonly expiresAtMs: EpochMs;
}

/** One run of one tool for one person. */
export interface CallTokenTerms extends TokenTerms {
  readonly person: Actor;
  readonly flow: Name;
  readonly callId: CallId;
  /** 1, or 2 for a retry. */
  readonly attempt: number;
  readonly tool: string;
  /** See `argumentsSha256`; equals the verdict's. */
  readonly argumentsSha256: string;
}

/** Discovery or a health check by flow-mcp itself. */
export interface ServiceTokenTerms extends TokenTerms {
  /** The server's `discovery.groups`. */
  readonly groups: readonly string[];
}

/** A token's `jti`: call id and attempt, as the verdict records it. */
export function callTokenId(callId: CallId, attempt: number): string {
  return `${callId}.${attempt}`;
}

/** A JWT for one run of a tool: ES256, `act` is the Flow (RFC 8693 §4.1), `flow_mcp` binds tool and arguments. */
export async function mintCallToken(ring: KeyRing<'call-signing'>, terms: CallTokenTerms): Promise<string> {
  const { person, flow, callId, attempt, tool, server } = terms;
  const { sub, email, name, groups, admin } = person;
  return ring.sign('JWT', {
    ...registeredClaims(terms),
    sub,
    email,
    name,
    groups,
    admin,
    jti: callTokenId(callId, attempt),
    act: { sub: `flow:${flow}` },
    flow_mcp: { server, tool, args_sha256: terms.argumentsSha256 },
  });
}

/** A JWT for flow-mcp itself. */
export async function mintServiceToken(ring: KeyRing<'call-signing'>, terms: ServiceTokenTerms): Promise<string> {
  return ring.sign('JWT', {
    ...registeredClaims(terms),
    sub: SERVICE_SUBJECT,
    name: SERVICE_SUBJECT,
    groups: terms.groups,
    admin: false,
    jti: randomUUID(),
    flow_mcp: { server: terms.server },
  });
}

function registeredClaims({ issuer, audience, nowMs, expiresAtMs }: TokenTerms) {
  const iat = Math.floor(nowMs / 1000);
  return { iss: issuer, aud: audience, iat, nbf: iat - NOT_BEFORE_BACK_S, exp: Math.ceil(expiresAtMs / 1000) };
}
