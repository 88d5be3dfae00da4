// An OIDC issuer as we see it: its metadata (OpenID Connect Discovery 1.0 §4) and its keys (RFC 7517 §5).
//
// Invariants; tests name them:
//   I1. Keys come from the issuer that was configured: https or loopback, no redirect, `issuer` equal to the letter.
//   I2. Keys are asked for again when they are `cacheMs` old; while that fails the old ones stay good, up to `STALE_MS`.
//   I3. One request at a time, and after it a pause, whatever key ids the tokens that arrive make up.
//   I4. A development issuer is refused unless it was allowed, whenever it shows up.

import { FlowMcpError, RefusedError, RetryableError } from '@flow-mcp/kernel';
import { createLocalJWKSet, errors, type JWTVerifyGetKey, type LocalJWKSet } from 'jose';
import { z } from 'zod';
import { DEVELOPMENT_MARKER } from './development.js';
import { isLoopback } from './loopback.js';

/** How long keys stay good while the issuer cannot be reached, in milliseconds. */
const STALE_MS = 60 * 60_000;

/** The pause between two requests, in milliseconds: after an answer, and after a failure. */
const PAUSE_MS = { answered: 30_000, failed: 1_000 } as const;

const REQUEST_TIMEOUT_MS = 5_000;
const DOCUMENT_LENGTH_MAX = 512 * 1024;

const metadataSchema = z.looseObject({
  issuer: z.string(),
  jwks_uri: z.url(),
  [DEVELOPMENT_MARKER]: z.boolean().optional(),
});
const jwksSchema = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })).max(256) });

/** Which issuer, and how its keys are kept. */
export interface IssuerOptions {
  /** The issuer's url, letter by letter as in its tokens. */
  readonly issuer: string;
  /** How old keys may be before they are asked for again; default 10 minutes. */
  readonly jwksCacheMs?: number | undefined;
  /** Whether the development issuer is welcome: only where broker and listeners are on loopback (`isLoopback`). */
  readonly allowDevelopment: boolean;
  readonly fetch?: typeof fetch | undefined;
  readonly nowMs?: (() => number) | undefined;
}

/** An issuer's keys. */
export interface Issuer {
  /** Asks for metadata and keys now. @throws RefusedError `ERR_CONFIG_INVALID`, RetryableError */
  readonly connect: () => Promise<void>;
  /** The key that a token names. @throws what `connect` throws, and jose's `JWKSNoMatchingKey` */
  readonly getKey: JWTVerifyGetKey;
}

/** @throws RefusedError `ERR_CONFIG_INVALID` when the url is neither https nor loopback (I1) */
export function createIssuer(options: IssuerOptions): Issuer {
  checkUrl(options.issuer);
  const { jwksCacheMs = 10 * 60_000, nowMs = () => performance.now() } = options;
  let held: { readonly keys: LocalJWKSet; readonly atMs: number } | undefined;
  let asking: Promise<LocalJWKSet> | undefined;
  let failure: Error | undefined;
  let pausedUntilMs = -Infinity;

  async function ask(): Promise<LocalJWKSet> {
    try {
      const keys = await requestKeys(options);
      held = { keys, atMs: nowMs() };
      failure = undefined;
      return keys;
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      asking = undefined;
      pausedUntilMs = nowMs() + (failure === undefined ? PAUSE_MS.answered : PAUSE_MS.failed);
    }
  }

  /** Upholds I3: joins the request under way, starts one, or fails like the last one did. */
  async function askUnlessPaused(otherwise?: unknown): Promise<LocalJWKSet> {
    if (asking === undefined && nowMs() < pausedUntilMs) throw failure ?? otherwise;
    return (asking ??= ask());
  }

  /** Upholds I2: nobody waits for a renewal, and its failure is nobody's. */
  async function current(): Promise<LocalJWKSet> {
    const ageMs = held === undefined ? Infinity : nowMs() - held.atMs;
    if (held === undefined || ageMs >= STALE_MS) return askUnlessPaused();
    if (ageMs >= jwksCacheMs) askUnlessPaused().catch(() => undefined);
    return held.keys;
  }

  return {
    connect: async () => void (await (asking ??= ask())),
    getKey: async (header, token) => {
      const keys = await current();
      return keys(header, token).catch(async (error: unknown) => {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        return (await askUnlessPaused(error))(header, token);
      });
    },
  };
}

async function requestKeys({ issuer, allowDevelopment, fetch: request = fetch }: IssuerOptions): Promise<LocalJWKSet> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const metadata = await requestJson(request, url, metadataSchema);
  if (metadata.issuer !== issuer)
    refuse(`calls itself ${metadata.issuer.slice(0, 200)}; configure that, or the right one`);
  if (metadata[DEVELOPMENT_MARKER] === true && !allowDevelopment) {
    refuse('is the development issuer, whom anybody may ask to be anybody; configure a real one, or stay on loopback');
  }
  checkUrl(metadata.jwks_uri);
  const jwks = await requestJson(request, metadata.jwks_uri, jwksSchema);
  return createLocalJWKSet(jwks);
}

async function requestJson<S extends z.ZodType>(request: typeof fetch, url: string, schema: S): Promise<z.output<S>> {
  try {
    const response = await request(url, { redirect: 'error', signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return schema.parse(JSON.parse(await readBounded(response)));
  } catch (cause) {
    if (cause instanceof FlowMcpError) throw cause;
    throw new RetryableError('ERR_SERVICE_UNAVAILABLE', 'The identity provider cannot be reached; try again shortly.', {
      cause,
      retryAfterMs: PAUSE_MS.failed,
    });
  }
}

async function readBounded(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > DOCUMENT_LENGTH_MAX)
      throw new Error(`the document has more than ${DOCUMENT_LENGTH_MAX} characters`);
  }
  return text;
}

function checkUrl(url: string): void {
  const { protocol = '' } = URL.canParse(url) ? new URL(url) : {};
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback(url))) return;
  refuse('needs an https url: whoever can change its answers can be anybody');
}

function refuse(problem: string): never {
  throw new RefusedError('ERR_CONFIG_INVALID', `The identity provider ${problem}.`, { field: 'issuer' });
}

/**
 * Refuses a configuration in which our own outbound tokens would be taken for people's.
 * @throws RefusedError `ERR_CONFIG_INVALID`
 */
export function assertIssuersDiffer(inbound: string, outbound: string): void {
  const normal = (url: string) => (URL.canParse(url) ? new URL(url).href : url).replace(/\/+$/, '');
  if (normal(inbound) !== normal(outbound)) return;
  throw new RefusedError(
    'ERR_CONFIG_INVALID',
    'People cannot be signed in by the issuer that signs our own tokens; give the identity provider its own url.',
    { field: 'issuer' },
  );
}
