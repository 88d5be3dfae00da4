// People sign in with OIDC tokens (OpenID Connect Core 1.0 §2, RFC 9068): this is the one place that believes them.
//
// Invariants; tests name them:
//   V1. Algorithms are pinned and asymmetric; a token's own `jwk`, `jku` or `x5u` is never looked at.
//   V2. Issuer, audience, expiry and `sub` are demanded; a token of ours (another `typ`) is nobody.
//   V3. What comes out satisfies the contract's `actor`, so that nothing oversized gets into a fact.
//   V4. An e-mail that the issuer says is unverified is no e-mail: bindings go by it.

import { actorSchema, firstProblem, type Actor } from '@flow-mcp/contracts';
import { FlowMcpError, RefusedError } from '@flow-mcp/kernel';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import { createIssuer, type IssuerOptions } from './issuer.js';

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'];

/** RFC 7519 §5.1, RFC 9068 §2.1; ID tokens often have none. */
const TYPES: readonly (string | undefined)[] = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];

/** How far clocks may be apart, in seconds. */
const CLOCK_TOLERANCE_S = 5;

/** What a token may have, in characters; longer ones are not looked at. */
const TOKEN_LENGTH_MAX = 16 * 1024;

/** Whose tokens are taken, and how groups become people's rights. */
export interface PersonVerifierOptions extends IssuerOptions {
  /** Must be among the token's `aud`. */
  readonly audience: string;
  /** The claim with the person's groups, an array of strings; default `groups`. */
  readonly groupsClaim?: string | undefined;
  /** Members of any of these may do everything. */
  readonly adminGroups: readonly string[];
}

/** Turns a token into a person. */
export interface PersonVerifier {
  /**
   * Reads the issuer's metadata and keys; call it at start.
   * @throws RefusedError `ERR_CONFIG_INVALID` for an issuer that must not be used, RetryableError when it is away
   */
  connect(): Promise<void>;
  /**
   * The person that a token was issued to.
   * @throws RefusedError `ERR_TOKEN_INVALID` or `ERR_TOKEN_EXPIRED`, RetryableError when the issuer is away
   */
  verify(token: string): Promise<Actor>;
}

/** @throws RefusedError `ERR_CONFIG_INVALID` when the issuer's url is neither https nor loopback */
export function createPersonVerifier(options: PersonVerifierOptions): PersonVerifier {
  const { issuer, audience, nowMs = Date.now } = options;
  const { connect, getKey } = createIssuer(options);
  const demands = { algorithms: ALGORITHMS, issuer, audience, requiredClaims: ['sub', 'exp'] };

  async function verify(token: string): Promise<Actor> {
    if (token.length > TOKEN_LENGTH_MAX) refuse(`is longer than ${TOKEN_LENGTH_MAX} characters; ask for fewer claims`);
    const timing = { clockTolerance: CLOCK_TOLERANCE_S, currentDate: new Date(nowMs()) };
    const { payload, protectedHeader } = await jwtVerify(token, getKey, { ...demands, ...timing }).catch(explain);
    if (!TYPES.includes(protectedHeader.typ?.toLowerCase())) refuse('is of a type that signs nobody in');
    return personOf(payload, options);
  }

  return { connect, verify };
}

function personOf(payload: JWTPayload, { groupsClaim = 'groups', adminGroups }: PersonVerifierOptions): Actor {
  const { iss, sub, email, email_verified, name, [groupsClaim]: groups = [] } = payload;
  const parsed = actorSchema.safeParse({
    iss,
    sub,
    ...(email === undefined || email_verified === false ? {} : { email }),
    ...(name === undefined ? {} : { name }),
    groups,
    admin: Array.isArray(groups) && groups.some((group) => adminGroups.includes(group as string)),
  });
  if (parsed.success) return parsed.data;
  const { field, problem } = firstProblem(parsed.error);
  const claim = field.replace(/^groups/, groupsClaim);
  return refuse(`has an unusable claim \`${claim}\` (${problem}); change it at the identity provider`, claim);
}

/** jose's errors carry the whole payload, so none becomes a `cause`; their code says enough. */
function explain(error: unknown): never {
  if (error instanceof FlowMcpError) throw error;
  if (error instanceof errors.JWTExpired) {
    throw new RefusedError('ERR_TOKEN_EXPIRED', 'The token has expired; sign in again.', { field: 'exp' });
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    refuse(`has a \`${error.claim}\` that is missing or not meant for us; sign in for this service`, error.claim);
  }
  const code = error instanceof errors.JOSEError ? error.code : 'unreadable';
  return refuse(`is not signed as our identity provider signs (${code}); sign in again`);
}

function refuse(problem: string, field?: string): never {
  throw new RefusedError('ERR_TOKEN_INVALID', `The token ${problem}.`, field === undefined ? {} : { field });
}
