// How we authenticate at an MCP server: a JWT minted for this one run, and secrets that the server's owner names.
// The person's own token is never passed on.

import type { Actor, ServerTerms } from '@flow-mcp/contracts';
import { mintCallToken, mintServiceToken, type KeyRing } from '@flow-mcp/identity';
import type { CallId, Name } from '@flow-mcp/kernel';
import type { Clock } from './clock.js';
import type { Secrets } from './secrets.js';

/** HTTP headers. */
export type Headers = Readonly<Record<string, string>>;

/** What the JWT of a run says, besides the server and the times. */
export interface RunClaims {
  readonly person: Actor;
  readonly flow: Name;
  readonly callId: CallId;
  readonly attempt: number;
  readonly tool: string;
  readonly argumentsSha256: string;
}

/** How a server is authenticated to, in words that go into the digest of a hold. */
export function authenticationLabel({ authentication }: ServerTerms): string {
  const secrets = authentication.headers.map(({ name }) => name.toLowerCase());
  return [...(authentication.plural ? ['jwt'] : []), ...secrets].join('+').slice(0, 64) || 'none';
}

/** See the file's header. */
export class Credentials {
  readonly #ring: KeyRing<'call-signing'>;
  readonly #issuer: string;
  readonly #secrets: Secrets;
  readonly #clock: Clock;

  /** @param issuer `iss` of our JWTs */
  constructor(ring: KeyRing<'call-signing'>, issuer: string, secrets: Secrets, clock: Clock) {
    this.#ring = ring;
    this.#issuer = issuer;
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /** Headers of one run; they expire with it. @throws RefusedError when a secret is missing or not meant for this server */
  forRun(terms: ServerTerms, claims: RunClaims, validMs: number): Promise<Headers> {
    return this.#headers(terms, () => mintCallToken(this.#ring, { ...this.#terms(terms, validMs), ...claims }));
  }

  /** Headers of `flow-mcp` itself, for discovery. @throws like `forRun` */
  forService(terms: ServerTerms, validMs: number): Promise<Headers> {
    const groups = terms.discoveryGroups;
    return this.#headers(terms, () => mintServiceToken(this.#ring, { ...this.#terms(terms, validMs), groups }));
  }

  #terms({ name, authentication }: ServerTerms, validMs: number) {
    const nowMs = this.#clock.wallMs();
    return {
      issuer: this.#issuer,
      audience: authentication.audience,
      server: name,
      nowMs,
      expiresAtMs: nowMs + validMs,
    };
  }

  async #headers({ url, authentication }: ServerTerms, mint: () => Promise<string>): Promise<Headers> {
    const { origin } = new URL(url);
    const secret = async ({ name, secretRef }: ServerTerms['authentication']['headers'][number]) =>
      [name, await this.#secrets.read(secretRef, origin)] as const;
    const given = Object.fromEntries(await Promise.all(authentication.headers.map(secret)));
    return { ...given, ...(authentication.plural ? { Authorization: `Bearer ${await mint()}` } : {}) };
  }
}
