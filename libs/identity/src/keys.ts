// Our own keys, as JWKs (RFC 7517) that say what they are for.
//
// Invariants; tests name them:
//   Y1. A key does one thing. Each carries `flow_mcp_use`, and nothing loads a key of another use: a receipt key taken
//       for a call-signing key would let its holder mint people.
//   Y2. Private members never pass through `publicJwk`: it copies the public ones by name.

import { RefusedError } from '@flow-mcp/kernel';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';

/** What a signing key of ours may be for. */
export type KeyUse = 'call-signing' | 'receipt';

const coordinate = z.string().regex(/^[\w-]{43}$/, 'must be 32 bytes in base64url');
const use = z.enum(['call-signing', 'receipt', 'pass'] as const);
const publicSchema = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
  kid: coordinate,
  alg: z.literal('ES256'),
  use: z.literal('sig'),
  flow_mcp_use: use,
});
const privateSchema = publicSchema.extend({ d: coordinate });
const passSchema = z.strictObject({
  kty: z.literal('oct'),
  k: coordinate,
  kid: z.string().min(1).max(64),
  alg: z.literal('HS256'),
  flow_mcp_use: use,
});

/** An ES256 public key; `kid` is its thumbprint (RFC 7638). */
export type PublicJwk = z.output<typeof publicSchema>;

/** An ES256 private key. */
export type PrivateJwk = z.output<typeof privateSchema>;

/** The master key of passes, 32 bytes. */
export type PassJwk = z.output<typeof passSchema>;

const publicSet = z.strictObject({ keys: z.array(publicSchema) });
const privateSet = z.strictObject({ active: z.string(), keys: z.array(privateSchema).min(1) });
const passSet = z.strictObject({ keys: z.tuple([passSchema], passSchema) });

/** Public keys of one use. */
export type PublicJwks = z.output<typeof publicSet>;

/** Private keys of one use; `active` is the `kid` that signs. */
export type PrivateJwks = z.output<typeof privateSet>;

/** Master keys of passes; the first issues, the others only verify. */
export type PassJwks = z.output<typeof passSet>;

/** A fresh ES256 key. */
export async function generateSigningKey(keyUse: KeyUse): Promise<PrivateJwk> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const { x = '', y = '', d = '' } = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint({ kty: 'EC', crv: 'P-256', x, y });
  return { kty: 'EC', crv: 'P-256', x, y, d, kid, alg: 'ES256', use: 'sig', flow_mcp_use: keyUse };
}

/** A fresh master key of passes. Its `kid` is random: a thumbprint would be a hash of the secret. */
export function generatePassKey(): PassJwk {
  const [k, kid] = [randomBytes(32).toString('base64url'), randomBytes(12).toString('base64url')];
  return { kty: 'oct', k, kid, alg: 'HS256', flow_mcp_use: 'pass' };
}

/** The public half (Y2). */
export function publicJwk({ kty, crv, x, y, kid, alg, use, flow_mcp_use }: PrivateJwk): PublicJwk {
  return { kty, crv, x, y, kid, alg, use, flow_mcp_use };
}

/** Reads a private key set. @throws RefusedError `ERR_CONFIG_INVALID` when it is not one, or of another use (Y1) */
export async function parsePrivateJwks(text: string, keyUse: KeyUse): Promise<PrivateJwks> {
  const set = parse(privateSet, text, keyUse);
  await checkThumbprints(set.keys);
  if (!set.keys.some(({ kid }) => kid === set.active)) refuse('`active` names none of the keys');
  return set;
}

/** Reads a public key set. @throws RefusedError `ERR_CONFIG_INVALID` when it is not one, or of another use (Y1) */
export async function parsePublicJwks(text: string, keyUse: KeyUse): Promise<PublicJwks> {
  const set = parse(publicSet, text, keyUse);
  await checkThumbprints(set.keys);
  return set;
}

/** Reads the master keys of passes. @throws RefusedError `ERR_CONFIG_INVALID` when they are something else (Y1) */
export function parsePassJwks(text: string): PassJwks {
  return parse(passSet, text, 'pass');
}

function parse<S extends z.ZodType<{ keys: { flow_mcp_use: string }[] }>>(
  schema: S,
  text: string,
  expected: string,
): z.output<S> {
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) return refuse(`${parsed.error.issues[0]?.path.join('.')} is not as it should be`);
  const foreign = parsed.data.keys.find((key) => key.flow_mcp_use !== expected);
  if (foreign !== undefined) refuse(`a ${foreign.flow_mcp_use} key stands where ${expected} keys belong`);
  return parsed.data;
}

async function checkThumbprints(keys: readonly PublicJwk[]): Promise<void> {
  for (const { kty, crv, x, y, kid } of keys) {
    if (kid !== (await calculateJwkThumbprint({ kty, crv, x, y }))) refuse(`kid ${kid} is not the key's thumbprint`);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message may quote the text, and the text may be a private key: it is not kept as the cause.
    return refuse('it is not JSON');
  }
}

function refuse(problem: string): never {
  throw new RefusedError(
    'ERR_CONFIG_INVALID',
    `The key set is unusable: ${problem}. Give a file made by provisioning.`,
  );
}
