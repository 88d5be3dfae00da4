// How we authenticate at an MCP server: a JWT minted for this one run, and secrets that the server's owner names.
// The person's own token is never passed on.

import { createHash } from 'node:crypto';
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

/**
 * How a server is authenticated to, in words and, behind `#`, as a digest of all of it: another secret or audience is
 * another authentication. At most 64 characters.
 */
export function authenticationLabel({ authentication }: ServerTerms): string {
  const { plural, audience, headers } = authentication;
  const words = [...(plural ? ['jwt'] : []), ...headers.map(({ name }) => name.toLowerCase())].join('+');
  if (words === '') return 'none';
  const all = [plural ? audience : '', ...headers.map(({ name, secretRef }) => [name.toLowerCase(), secretRef])];
  const digest = createHash('sha256').update(JSON.stringify(all)).digest('hex');
  return `${words.slice(0, 47)}#${digest.slice(0, 16)}`;
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
    const given = this.#terms(terms, validMs); // From now on, not from when the secrets have been read.
    return this.#headers(terms, () => mintCallToken(this.#ring, { ...given, ...claims }));
  }

  /** Headers of `flow-mcp` itself, for discovery. @throws like `forRun` */
  forService(terms: ServerTerms, validMs: number): Promise<Headers> {
    const given = { ...this.#terms(terms, validMs), groups: terms.discoveryGroups };
    return this.#headers(terms, () => mintServiceToken(this.#ring, given));
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
