// The keys of one use: one of them signs, all of them are published.

import { CompactSign, importJWK, type CryptoKey } from 'jose';
import {
  parsePrivateJwks,
  parsePublicJwks,
  publicJwk,
  type KeyUse,
  type PrivateJwks,
  type PublicJwks,
} from './keys.js';
import { openWatchedFile, type WatchOptions, type WatchedFile } from './watched-file.js';

/** Signs with the active key of one use. The type parameter keeps rings of different uses apart. */
export interface KeyRing<U extends KeyUse = KeyUse> {
  readonly use: U;
  /** A compact JWS, ES256, with `kid` and the given `typ` in its header (RFC 7515 §4.1). */
  sign(typ: string, claims: object): Promise<string>;
  /** Every public key, the active one first, for verifiers that read no further than the first. */
  publicJwks(): Promise<PublicJwks>;
}

interface Loaded {
  readonly kid: string;
  readonly key: CryptoKey;
  readonly published: PublicJwks;
}

/**
 * Opens a private key set that provisioning made; a changed file is read again within seconds.
 * @throws RefusedError `ERR_CONFIG_INVALID` when its keys are for another use
 */
export async function openKeyRing<U extends KeyUse>(path: string, use: U, options?: WatchOptions): Promise<KeyRing<U>> {
  const file = await openWatchedFile(path, async (text) => load(await parsePrivateJwks(text, use)), options);
  return {
    use,
    sign: async (typ, claims) => sign(await file.read(), typ, claims),
    publicJwks: async () => (await file.read()).published,
  };
}

/**
 * Opens a public key set that provisioning made, to verify with; read again like a key ring.
 * @throws RefusedError `ERR_CONFIG_INVALID` when its keys are for another use or private
 */
export async function openPublicKeys(
  path: string,
  use: KeyUse,
  options?: WatchOptions,
): Promise<WatchedFile<PublicJwks>> {
  return openWatchedFile(path, (text) => parsePublicJwks(text, use), options);
}

async function load({ active, keys }: PrivateJwks): Promise<Loaded> {
  const [signing, ...others] = [...keys].sort((a, b) => Number(b.kid === active) - Number(a.kid === active));
  if (signing === undefined) throw new Error('a parsed key set is never empty');
  const key = await importJWK({ ...signing }, 'ES256');
  return { kid: active, key, published: { keys: [signing, ...others].map(publicJwk) } };
}

async function sign({ kid, key }: Loaded, typ: string, claims: object): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify(claims));
  return new CompactSign(payload).setProtectedHeader({ alg: 'ES256', kid, typ }).sign(key);
}
