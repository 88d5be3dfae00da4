// Key files in one folder, `0600`: made once by provisioning, rotated by hand, read by the services that own them.
//
//   call-signing.jwks.json, call-signing.public.jwks.json    executor
//   receipt.jwks.json                                        confirmation
//   receipt.public.jwks.json                                 executor, auditors
//   pass.jwks.json                                           executor
//
// Rotation without a false reject (design section 5): `addNextKey`, wait until every cache has the new key (10 min),
// `activateKey`. The old key stays published; its tokens expire with their runs.

import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { RefusedError } from '@flow-mcp/kernel';
import {
  generatePassKey,
  generateSigningKey,
  parsePassJwks,
  parsePrivateJwks,
  publicJwk,
  type KeyUse,
  type PrivateJwks,
} from './keys.js';
import type { PassKey } from './passes.js';

/** File names inside the key folder. */
export const KEY_FILES = {
  callSigning: 'call-signing.jwks.json',
  callSigningPublic: 'call-signing.public.jwks.json',
  receipt: 'receipt.jwks.json',
  receiptPublic: 'receipt.public.jwks.json',
  pass: 'pass.jwks.json',
} as const;

/** Makes every key file that is not there yet; running it again changes no key. */
export async function generateKeys(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await generateSigningKeys(dir, 'call-signing');
  await generateSigningKeys(dir, 'receipt');
  await writeOnce(join(dir, KEY_FILES.pass), { keys: [generatePassKey()] });
}

/** Publishes the key that will sign next. @returns its `kid`, for `activateKey` once caches have it */
export async function addNextKey(dir: string, use: KeyUse): Promise<string> {
  const set = await readPrivate(dir, use);
  const next = await generateSigningKey(use);
  await writeSigningKeys(dir, use, { ...set, keys: [...set.keys, next] });
  return next.kid;
}

/** Signs with a published key from now on. @throws RefusedError `ERR_CONFIG_INVALID` when it was never added */
export async function activateKey(dir: string, use: KeyUse, kid: string): Promise<void> {
  const set = await readPrivate(dir, use);
  if (!set.keys.some((key) => key.kid === kid)) {
    throw new RefusedError('ERR_CONFIG_INVALID', `No ${use} key has the kid ${kid}; add it with addNextKey first.`);
  }
  await writeSigningKeys(dir, use, { ...set, active: kid });
}

/** Reads the master keys of passes. @throws RefusedError `ERR_CONFIG_INVALID` */
export async function loadPassKeys(path: string): Promise<[PassKey, ...PassKey[]]> {
  const [first, ...others] = parsePassJwks(await readFile(path, 'utf8')).keys;
  const bytes = ({ kid, k }: typeof first): PassKey => ({ kid, key: Buffer.from(k, 'base64url') });
  return [bytes(first), ...others.map(bytes)];
}

async function generateSigningKeys(dir: string, use: KeyUse): Promise<void> {
  const key = await generateSigningKey(use);
  await writeOnce(join(dir, `${use}.jwks.json`), { active: key.kid, keys: [key] });
  // Derived again each time, so that a run that died between the two files heals.
  await writePublic(dir, use, await readPrivate(dir, use));
}

async function readPrivate(dir: string, use: KeyUse): Promise<PrivateJwks> {
  return parsePrivateJwks(await readFile(join(dir, `${use}.jwks.json`), 'utf8'), use);
}

async function writeSigningKeys(dir: string, use: KeyUse, set: PrivateJwks): Promise<void> {
  // Published before it can sign.
  await writePublic(dir, use, set);
  await replace(join(dir, `${use}.jwks.json`), set);
}

async function writePublic(dir: string, use: KeyUse, { keys }: PrivateJwks): Promise<void> {
  await replace(join(dir, `${use}.public.jwks.json`), { keys: keys.map(publicJwk) });
}

/** Writes a file unless it exists; an existing one loses only the rights of others. */
async function writeOnce(path: string, value: unknown): Promise<void> {
  try {
    await write(path, value);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await chmod(path, 0o600);
  }
}

/** Readers see the old file or the new one, never half of it. */
async function replace(path: string, value: unknown): Promise<void> {
  const next = `${path}.${process.pid}.next`;
  await write(next, value);
  await rename(next, path);
}

async function write(path: string, value: unknown): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(value, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
