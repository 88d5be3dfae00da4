// What outlives a restart: the signing key and the port, so that tokens stay good and the issuer keeps its url.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RefusedError } from '@flow-mcp/kernel';
import { z } from 'zod';

const stateSchema = z.object({
  port: z.int().min(1).max(65_535).optional(),
  cookieKey: z.string().min(16),
  jwk: z.object({
    kty: z.literal('EC'),
    crv: z.string(),
    x: z.string(),
    y: z.string(),
    d: z.string(),
    kid: z.string(),
  }),
});

/** See the file's header. */
export type State = z.output<typeof stateSchema>;

/** What the data folder holds, or a fresh state. @throws RefusedError `ERR_CONFIG_INVALID` when the file is damaged */
export async function loadState(dataDir: string): Promise<State> {
  const text = await readFile(fileOf(dataDir), 'utf8').catch(() => undefined);
  if (text === undefined) return freshState();
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    throw new RefusedError('ERR_CONFIG_INVALID', `${fileOf(dataDir)} is damaged; delete it to start with fresh keys.`);
  }
}

/** Stores the state, for its owner only. */
export async function saveState(dataDir: string, state: State): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const next = `${fileOf(dataDir)}.next`;
  await writeFile(next, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  await rename(next, fileOf(dataDir));
}

function freshState(): State {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID() };
  return stateSchema.parse({ cookieKey: randomUUID(), jwk });
}

function fileOf(dataDir: string): string {
  return join(dataDir, 'dev-issuer.json');
}
